import type { FileSystem } from '../support/core.js'
import type { SimulatedMachine } from './machine.js'
import { type Moment, type Setup, withoutDamage } from './run.js'
import { settle } from './settle.js'
import { type Crash, textOfStore } from './witness.js'

/** Reads a store from outside: as a read-only process, and through its main file. */

/**
 * Opens the store read-only at any moment, which must find a possible state.
 * It must not write anything.
 */
export async function lookReadOnly({ options }: Setup, moment: Moment, crash: Crash): Promise<void> {
  const machine = moment.machine.clone()
  const process = machine.start()
  const before = machine.disk.tick
  const outcome = await settle(process, process.open({ ...options, readOnly: true }))
  if (machine.disk.tick !== before) throw new Error('opening with readOnly: true has changed the disk')
  if (outcome.kind === 'rejected') {
    // Before the first opening has ended there is no store, and no write was acknowledged.
    if (!moment.witness.isEmpty || (outcome.error as { code?: string }).code !== 'FLATLOG_IO') throw outcome.error
    return
  }
  if (outcome.kind === 'died') throw new Error('a reader died')
  const store = outcome.value
  withoutDamage(store)
  moment.witness.clone().found(textOfStore(store), process.clock.now(), crash)
  await settle(process, store.close())
  process.kill()
}

/**
 * Parses the main file; undefined if there is none.
 * It is replaced as a whole, so it is always JSON.
 */
export function mainFileOf(machine: SimulatedMachine): Record<string, unknown> | undefined {
  const process = machine.start()
  const { fileSystem } = process
  const text = textOfFile(fileSystem, `${fileSystem.mount}/data/store.json`)
  process.kill()
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    throw new Error('the main file is not JSON')
  }
}

function textOfFile(fileSystem: FileSystem, path: string): string | undefined {
  const status = fileSystem.status(path)
  if (!status) return undefined
  const file = fileSystem.open(path, 'read')
  const bytes = Buffer.alloc(status.sizeBytes)
  file.read(bytes, 0)
  file.close()
  return bytes.toString('utf8')
}
