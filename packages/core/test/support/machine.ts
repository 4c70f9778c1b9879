import {
  type Clock,
  type FileSystem,
  Maintainer,
  nodeFileSystem,
  openStoreOn,
  type Store,
  type StoreOptions,
  type System,
  systemClock,
  systemLockEnvironment,
} from './core.js'

/** This machine, but for what the test puts in the place of its clock and its file system. */
export function machine(parts: { clock?: Clock; fileSystem?: FileSystem } = {}): System {
  return {
    clock: parts.clock ?? systemClock,
    fileSystem: parts.fileSystem ?? nodeFileSystem,
    lockEnvironment: systemLockEnvironment(nodeFileSystem),
  }
}

/** As `openStore` of the package, on a machine of the test's. */
export function openOn(system: System, options: StoreOptions): Promise<Store> {
  return openStoreOn(system, (engine) => new Maintainer(engine), options)
}
