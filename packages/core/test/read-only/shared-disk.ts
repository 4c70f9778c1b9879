import { afterEach, expect } from 'vitest'
import type { SimulatedCall } from '../simulation/file-system.js'
import { SimulatedMachine, type SimulatedProcess } from '../simulation/machine.js'
import type { Change, Store, StoreOptions } from '../support/core.js'
import { fingerprint } from '../support/fingerprint.js'
import { Random } from '../support/random.js'
import { turns } from '../support/turns.js'

/** Processes on one simulated machine: one writes, the others only read. */

type Options = Omit<StoreOptions, 'dir' | 'readOnly'>

/** Every call that changes a file or a directory. */
export const CHANGING = new Set([
  'makeDirectory',
  'rename',
  'link',
  'remove',
  'write',
  'truncate',
  'sync',
  'syncDirectory',
])

const processes: SimulatedProcess[] = []

/**
 * Sets up the processes of a test file.
 * Each ends with its test, and no reader may have changed a file.
 */
export function useProcesses(): () => SharedDisk {
  afterEach(() => {
    for (const each of processes.splice(0)) each.kill()
    expect(forbidden.splice(0)).toEqual([])
  })
  return () => new SharedDisk()
}

const forbidden: string[] = []

export interface Opened {
  readonly process: SimulatedProcess
  readonly store: Store
}

export class SharedDisk {
  readonly machine = SimulatedMachine.withNewDisk('ext4', new Random(1))

  #start(): SimulatedProcess {
    const process = this.machine.start()
    processes.push(process)
    return process
  }

  async writer(options: Options = {}): Promise<Opened> {
    const process = this.#start()
    return { process, store: await process.open({ compaction: false, mainFile: false, ...options }) }
  }

  async reader(options: Options = {}, onCall?: (call: SimulatedCall) => void): Promise<Opened> {
    const process = this.#start()
    process.onCall = (call) => {
      if (CHANGING.has(call.kind) || call.creates) forbidden.push(`${call.kind} ${call.path}`)
      onCall?.(call)
      return undefined
    }
    return { process, store: await process.open({ ...options, readOnly: true }) }
  }

  /** Changes a file of the store without the knowledge of any process. */
  edit(change: (bytes: Buffer) => Buffer, path = 'logs/store.log'): void {
    const process = this.#start()
    const { fileSystem } = process
    const file = fileSystem.open(`${fileSystem.mount}/data/${path}`, 'write')
    const bytes = Buffer.alloc(file.status().sizeBytes)
    file.read(bytes, 0)
    const changed = change(bytes)
    file.truncate(0)
    file.write(changed, 0)
    file.close()
    process.kill()
  }

  /** The current bytes of the log. */
  get log(): Buffer {
    let log: Buffer = Buffer.alloc(0)
    this.edit((bytes) => {
      log = bytes
      return bytes
    })
    return log
  }

  /** Replaces files by those of another moment, each in one step. */
  put(files: { [path: string]: Buffer }): void {
    this.byHand((fileSystem, logs) => {
      for (const [path, bytes] of Object.entries(files)) {
        const target = `${logs.slice(0, -'/logs'.length)}/${path}`
        const file = fileSystem.open(`${target}.put`, 'create')
        file.write(bytes, 0)
        file.close()
        fileSystem.rename(`${target}.put`, target)
      }
    })
  }

  /** Changes names as if done by hand. */
  byHand(act: (fileSystem: SimulatedProcess['fileSystem'], logs: string) => void): void {
    const process = this.#start()
    act(process.fileSystem, `${process.fileSystem.mount}/data/logs`)
    process.kill()
  }
}

/** Applies the changes that a watcher receives: the result must equal the state at any time. */
export class Mirror {
  readonly state: Map<string, unknown>
  readonly received: Change[] = []
  readonly stop: () => void

  constructor(store: Store) {
    this.state = new Map(store.entries())
    this.stop = store.watch((change) => {
      this.received.push(change)
      this.#apply(change)
    })
  }

  #apply(change: Change): void {
    if ('data' in change) {
      this.state.clear()
      for (const [key, value] of Object.entries(change.data)) this.state.set(key, value)
    } else if ('prefix' in change) {
      for (const key of [...this.state.keys()]) if (key.startsWith(change.prefix)) this.state.delete(key)
    } else if (change.op === 'SET') this.state.set(change.key, change.value)
    else this.state.delete(change.key)
  }

  get fingerprint(): string {
    return fingerprint(this.state)
  }
}

/** Returns the changes that an iterator yields by now. */
export async function taken<T>(from: AsyncIterator<T>, count: number): Promise<T[]> {
  const values: T[] = []
  while (values.length < count) values.push((await from.next()).value as T)
  return values
}

/** Advances the clock of the reader, and waits until the look that it starts has finished. */
export async function look(process: SimulatedProcess, ms = 100): Promise<void> {
  process.clock.advance(ms)
  await turns(5)
}
