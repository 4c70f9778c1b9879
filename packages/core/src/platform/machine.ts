import { type Clock, systemClock } from './clock.js'
import type { FileSystem } from './file-system.js'
import { nodeFileSystem } from './node-file-system.js'
import { type Processes, systemProcesses } from './processes.js'

/** Everything outside the engine that it depends on. Tests pass in another machine. */
export interface Machine {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly processes: Processes
}

let machine: Machine | undefined

/** The machine on which this process runs. */
export function thisMachine(): Machine {
  machine ??= {
    fileSystem: nodeFileSystem,
    clock: systemClock,
    processes: systemProcesses(nodeFileSystem),
  }
  return machine
}
