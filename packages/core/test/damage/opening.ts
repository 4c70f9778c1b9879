import { type FileSystem, type Machine, openStoreOn, type Store, type StoreOptions } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { memoryLockEnvironment } from './memory-disk.js'

/** Paths of the stores of these tests, and functions that open and read them. */

export const DIR = '/data'
export const LOGS = '/data/logs'
/** The time at which the damaged stores are opened. */
export const NOW = Date.parse('2025-01-15T13:00:00.000Z')

export function openOnDisk(system: Machine, options: StoreOptions): Promise<Store> {
  return openStoreOn(system, { dir: DIR, compaction: false, ...options })
}

let boots = 0

/** Opens after another boot of the machine: the lock of a killed owner is stale. */
export function openAgain(disk: FileSystem, options: StoreOptions, now = NOW): Promise<Store> {
  const processes = memoryLockEnvironment((++boots).toString(16).padStart(8, 'f'))
  return openOnDisk({ clock: new ManualClock(now), fileSystem: disk, processes }, options)
}

/** Everything that a caller can see of a value, as one text. */
export function spell(encoding: string, text: string, expires: number | undefined, time: number | undefined): string {
  return `${encoding} ${expires ?? '-'} ${time ?? '-'} ${text}`
}

export function stateOf(store: Store): Map<string, string> {
  const state = new Map<string, string>()
  for (const key of store.keys()) {
    const { expires, mtime } = store.getMeta(key) ?? {}
    state.set(key, spell(store.getEncoding(key) as string, store.getText(key) as string, expires, mtime))
  }
  return state
}
