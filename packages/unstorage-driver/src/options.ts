import { resolve } from 'node:path'
import { FlatlogError, type StoreOptions } from '@flatlog/core'

/** All options but `onProgress` are plain JSON, so that a framework can write them into its build. */
export interface FlatlogDriverOptions extends Omit<StoreOptions, 'dir'> {
  /**
   * The directory that contains the `logs` directory. A relative path is relative to the working directory in which
   * the driver is created.
   * @default '.data'
   */
  base?: string
  /**
   * The name of an environment variable. If it is set when the log is opened, its value replaces `base`, so that a built
   * app can run with another directory.
   */
  baseEnv?: string
  /**
   * The name of the log.
   * @default 'unstorage'
   */
  name?: string
  /**
   * Opens the log without its lock and ignores all writes, as unstorage's file drivers do.
   * @default false
   */
  readOnly?: boolean
  /**
   * Ignores `clear`.
   * @default false
   */
  noClear?: boolean
  /**
   * Keeps the time at which each item was written through compactions. `getMeta` returns it as `mtime`.
   * @default true
   */
  times?: boolean
}

const DEFAULT_BASE = '.data'
const DEFAULT_NAME = 'unstorage'

/**
 * Converts the driver's options. Call it when the log is opened: a build has another environment than the app.
 *
 * `cwd` is the working directory for relative paths.
 */
export function toStoreOptions(options: FlatlogDriverOptions, cwd: string): StoreOptions {
  // `driver` is the name by which a framework selected the driver. It passes the name on with the options.
  const { base, baseEnv, noClear, driver, ...rest } = options as FlatlogDriverOptions & { driver?: unknown }
  if (base !== undefined && (typeof base !== 'string' || base === '')) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option base must be the path of a directory, got ${JSON.stringify(base)}. Correct it, or leave it out to use ${DEFAULT_BASE}.`,
    )
  }
  const dir = resolve(cwd, fromEnvironment(baseEnv) ?? base ?? DEFAULT_BASE)
  return { ...rest, name: rest.name ?? DEFAULT_NAME, times: rest.times ?? true, dir }
}

function fromEnvironment(variable: unknown): string | undefined {
  if (variable === undefined) return undefined
  if (typeof variable !== 'string' || variable === '') {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option baseEnv must be the name of an environment variable, got ${JSON.stringify(variable)}. Correct it, or leave it out.`,
    )
  }
  // An empty value counts as not set: shells and compose files spell it this way.
  return process.env[variable] || undefined
}
