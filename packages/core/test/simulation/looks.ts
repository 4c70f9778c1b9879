import type { FileSystem } from '../support/core.js'
import type { SimulatedMachine } from './machine.js'
import { type Moment, type Setup, withoutDamage } from './run.js'
import { settle } from './settle.js'
import { type Crash, textOfStore } from './witness.js'

/** What others see of a store: a process that only reads, and a person who looks at the files. */

/** At every moment a reader finds a state that is possible, without writing anything; also where the writer has died. */
export async function lookReadOnly({ options }: Setup, moment: Moment, crash: Crash): Promise<void> {
  const machine = moment.machine.clone()
  const process = machine.start()
  const before = machine.disk.tick
  const outcome = await settle(process, process.open({ ...options, readOnly: true }))
  if (machine.disk.tick !== before) throw new Error('opening with readOnly: true has changed the disk')
  if (outcome.kind === 'rejected') {
    // There is no store before the first opening has come to its end, and nothing can have been acknowledged by it.
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

/** The main file as it stands there: undefined where there is none. It is replaced whole, so it is always JSON. */
export function mainFileOf(machine: SimulatedMachine): Record<string, unknown> | undefined {
  const process = machine.start()
  const { fileSystem } = process
  const text = textOfFile(fileSystem, `${fileSystem.mount}/data/store.json`)
  process.kill()
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    throw new Error('the main file is no JSON')
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
