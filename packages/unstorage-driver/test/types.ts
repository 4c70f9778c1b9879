/**
 * Checks that both versions of unstorage accept the driver.
 * Compiled by `npm run typecheck` and never run.
 */
import { createStorage as createStorage1, type Driver as Driver1 } from 'unstorage'
import { createStorage as createStorage2, type Driver as Driver2 } from 'unstorage2'
import flatlogDriver, { DRIVER_NAME, type FlatlogDriverOptions, flatlogDriver as named } from '../src/index.js'

const options: FlatlogDriverOptions = { base: 'data', name: 'cache', noClear: true, durability: 'interval' }

export const name: 'flatlog' = DRIVER_NAME
export const driver1: Driver1 = flatlogDriver(options)
export const driver2: Driver2 = flatlogDriver(options)
export const made = [
  createStorage1({ driver: flatlogDriver(options) }),
  createStorage2({ driver: flatlogDriver() }),
  createStorage1().mount('cache', named({ base: 'data' })),
  createStorage2().mount('cache', named({ base: 'data' })),
]

// @ts-expect-error The option for the directory is called `base`, as in unstorage's fs driver.
flatlogDriver({ dir: 'data' })
