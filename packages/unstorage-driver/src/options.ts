import { FlatlogError, type StoreOptions } from '@flatlog/core'

/** Plain JSON suffices, so that a framework can write them into its build. */
export interface FlatlogDriverOptions extends Omit<StoreOptions, 'dir'> {
  /**
   * The directory that holds the `logs` directory. A relative one begins at the working directory of the process.
   * @default '.data'
   */
  base?: string
  /**
   * The name of an environment variable. Where it is set when the log is opened, its value takes the place of `base`, so
   * that what was built once runs with another directory.
   */
  baseEnv?: string
  /**
   * The name of the log in it.
   * @default 'unstorage'
   */
  name?: string
  /**
   * Opens the log without its lock and ignores all writes, as the driver for files does.
   * @default false
   */
  readOnly?: boolean
  /**
   * Ignores `clear`.
   * @default false
   */
  noClear?: boolean
  /**
   * Keeps through compaction when each item was written, which `getMeta` gives as `mtime`.
   * @default true
   */
  times?: boolean
}

const DEFAULT_NAME = 'unstorage'

/** Called when the log is opened and not before: the environment of a build is not that of the app. */
export function storeOptions(options: FlatlogDriverOptions): StoreOptions {
  // A framework that picks the driver by name passes that name on.
  const { base, baseEnv, noClear, driver, ...rest } = options as FlatlogDriverOptions & { driver?: unknown }
  if (base !== undefined && (typeof base !== 'string' || base === '')) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option base is ${JSON.stringify(base)}; what is expected is the path of a directory. What to do: correct it or leave ` +
        'it out.',
    )
  }
  const dir = fromEnvironment(baseEnv) ?? base
  return { ...rest, name: rest.name ?? DEFAULT_NAME, times: rest.times ?? true, ...(dir === undefined ? {} : { dir }) }
}

function fromEnvironment(variable: unknown): string | undefined {
  if (variable === undefined) return undefined
  if (typeof variable !== 'string' || variable === '') {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option baseEnv is ${JSON.stringify(variable)}; what is expected is the name of an environment variable.`,
    )
  }
  // An empty one is as good as none: that is how a shell or a compose file spells "not set".
  return process.env[variable] || undefined
}
