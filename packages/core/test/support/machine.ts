import { type Clock, systemClock } from '../../src/base/clock.js'
import type { FileSystem } from '../../src/fs/file-system.js'
import { systemLockEnvironment } from '../../src/fs/lock-environment.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { Maintainer } from '../../src/maintenance/maintainer.js'
import { openStoreOn } from '../../src/store/open.js'
import type { StoreOptions } from '../../src/store/options.js'
import type { Store } from '../../src/store/store.js'
import type { System } from '../../src/store/system.js'

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
