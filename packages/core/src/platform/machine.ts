import { type Clock, systemClock } from './clock.js'
import type { FileSystem } from './file-system.js'
import { nodeFileSystem } from './node-file-system.js'
import { type LockEnvironment, systemLockEnvironment } from './processes.js'

/** Everything outside the engine that it depends on. Tests pass other ones in. */
export interface System {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly lockEnvironment: LockEnvironment
}

let machine: System | undefined

/** The machine that this process runs on. */
export function thisMachine(): System {
  machine ??= {
    fileSystem: nodeFileSystem,
    clock: systemClock,
    lockEnvironment: systemLockEnvironment(nodeFileSystem),
  }
  return machine
}
