import type { StoreOptions } from '@flatlog/core'

/** Plain JSON suffices, so that a framework can write them into its build. */
export interface FlatlogDriverOptions extends Omit<StoreOptions, 'dir'> {
  /**
   * The directory that holds the `logs` directory.
   * @default '.data'
   */
  base?: string
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
}

const DEFAULT_NAME = 'unstorage'

export function storeOptions(options: FlatlogDriverOptions): StoreOptions {
  // A framework that picks the driver by name passes that name on.
  const { base, noClear, driver, ...rest } = options as FlatlogDriverOptions & { driver?: unknown }
  return { ...rest, name: rest.name ?? DEFAULT_NAME, ...(base === undefined ? {} : { dir: base }) }
}
