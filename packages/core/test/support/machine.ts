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

/** This machine, but for what the test puts in the place of its clock and its file system. */
export function machine(parts: { clock?: Clock; fileSystem?: FileSystem } = {}): Machine {
  return {
    clock: parts.clock ?? systemClock,
    fileSystem: parts.fileSystem ?? nodeFileSystem,
    processes: systemProcesses(nodeFileSystem),
  }
}

/** As `openStore` of the package, on a machine of the test's. */
export function openOn(system: Machine, options: StoreOptions): Promise<Store> {
  return openStoreOn(system, options)
}
