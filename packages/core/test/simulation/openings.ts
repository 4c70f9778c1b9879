import { expect } from 'vitest'
import { loadLegacy, type Recovery } from '../support/core.js'
import { rounds } from '../support/long.js'
import { Random } from '../support/random.js'
import type { Profile } from './disk.js'
import { Fate } from './faults.js'
import { arrange, filesOf } from './files.js'
import type { SimulatedMachine } from './machine.js'
import { Run } from './run.js'
import { script } from './script.js'
import { settle } from './settle.js'
import { textOfStore } from './witness.js'

/**
 * Crashes an opening with a repair or an import at every call.
 * The state afterwards must always be the same.
 */

export type Files = { [path: string]: Buffer }

export interface Scenario {
  /** Makes the files before the opening from those that a clean close has left. */
  readonly arrange: (files: Files) => { [path: string]: Buffer | string }
  /** Bytes that a file must contain afterwards. */
  readonly keeps: (files: Files) => Buffer[]
  readonly found: (recovery: Recovery) => void
}

export const options = { mainFile: false, compaction: false } as const

/** A store that was closed after the script, with backups, parts and later records. */
export async function closedStore(profile: Profile, seed: number): Promise<SimulatedMachine> {
  const run = new Run({ profile, options, random: new Random(seed), crashesInRecovery: 0 })
  await run.begin()
  for (const step of script(new Random(seed), 6)) await step(run)
  await run.write([
    { do: 'set', key: 'a', fill: 5 },
    { do: 'set', key: 'b', fill: 5 },
    { do: 'set', key: 'c', fill: 5 },
  ])
  await run.check()
  await run.closeAndOpen()
  run.leave()
  const machine = run.moment().machine.powerCut()
  await arrange(machine, ({ 'logs/store.lock': _, ...files }) => files)
  return machine
}

export async function open(machine: SimulatedMachine): Promise<{ state: string; recovery: Recovery }> {
  const process = machine.start()
  const outcome = await settle(process, process.open(options))
  if (outcome.kind !== 'resolved') throw outcome.kind === 'rejected' ? outcome.error : new Error('died')
  const found = { state: textOfStore(outcome.value), recovery: outcome.value.recovery }
  process.kill()
  return found
}

export function expectKept(machine: SimulatedMachine, bytes: readonly Buffer[]): void {
  const files = Object.values(filesOf(machine))
  for (const wanted of bytes)
    expect(
      files.some((file) => file.includes(wanted)),
      'the original bytes are kept',
    ).toBe(true)
}

/** `stride`: crashes at every n-th call only, beginning at a random one. */
export async function crashAtEveryCall(
  scenario: Scenario,
  profile: Profile,
  random: Random,
  stride = 1,
): Promise<void> {
  // Loading a file for the first time takes more turns of the event loop than `settle` waits.
  await loadLegacy()
  const machine = await closedStore(profile, random.seed)
  await arrange(machine, scenario.arrange)
  const kept = scenario.keeps(filesOf(machine))
  const straight = machine.clone()
  const { state, recovery } = await open(straight)
  scenario.found(recovery)
  expect(state).not.toBe('[]')
  expectKept(straight, kept)

  for (let calls = random.below(stride); ; calls += stride) {
    const crashed = machine.clone()
    const process = crashed.start()
    const fate = new Fate(() => 1)
    fate.dieAfter(calls, random.next())
    process.onCall = fate.onCall
    const outcome = await settle(process, process.open(options))
    if (outcome.kind === 'rejected') throw outcome.error
    process.kill()
    const cuts = Array.from({ length: rounds(3, 30) }, () => crashed.rebootedFrom(crashed.disk))
    for (const after of [crashed.clone(), ...cuts]) {
      const found = await open(after)
      expect(found.state, `after a crash at call ${calls}`).toBe(state)
      expectKept(after, kept)
      expect(Object.keys(filesOf(after)).filter((path) => /\.(new|first)/.test(path))).toEqual([])
      // The next opening finds no damage any more.
      const again = await open(after)
      expect(again).toMatchObject({ state, recovery: { damage: [], inDoubt: [], cutBytes: 0 } })
    }
    if (outcome.kind === 'resolved') break
  }
}
