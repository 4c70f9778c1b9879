import {
  type Clock,
  type FileSystem,
  type Machine,
  nodeFileSystem,
  openStoreOn,
  type Store,
  type StoreOptions,
  systemClock,
  systemProcesses,
} from './core.js'

/** This machine, with the clock and the file system of the test if there are any. */
export function machine(parts: { clock?: Clock; fileSystem?: FileSystem } = {}): Machine {
  return {
    clock: parts.clock ?? systemClock,
    fileSystem: parts.fileSystem ?? nodeFileSystem,
    processes: systemProcesses(nodeFileSystem),
  }
}

/** `openStore` of the package, on a machine of the test. */
export function openOn(system: Machine, options: StoreOptions): Promise<Store> {
  return openStoreOn(system, options)
}
