import { describe, expect, test } from 'vitest'
import { run, useChildren } from '../support/children.js'
import { stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { Random, withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { modelState, Workload } from '../support/workload.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

interface Load {
  dir: string
  durability: 'always' | 'interval' | 'os'
  seed: number
  inFlight: number
}

/** Lets a process write until so many more writes are acknowledged, and ends it with the signal. */
async function writeAndKill(load: Load, writes: number, signal: NodeJS.Signals) {
  let from = 0
  let acknowledged = 0
  const args = [JSON.stringify({ ...load, plan: 'workload' })]
  const { ended } = run(childPath('load'), args, (line, child) => {
    const [word, number] = line.split(' ')
    if (word === 'OPEN') from = Number(number)
    acknowledged = Number(number)
    if (acknowledged >= from + writes) child.kill(signal)
  })
  const ending = await ended
  return { from, acknowledged, ending }
}

/** All that was acknowledged, and beyond it at most the next writes in their order: never a gap, never half of one. */
async function checkState(load: Load, acknowledged: number): Promise<number> {
  // Read only, so that the next process finds the files as this one left them.
  await using reader = await openOn(machine(), { dir: load.dir, readOnly: true })
  const { lastSeq } = reader.stats() as { lastSeq: number }
  expect(lastSeq).toBeGreaterThanOrEqual(acknowledged)
  const workload = new Workload(new Random(load.seed))
  for (let done = 0; done < lastSeq; done++) workload.next()
  expect(stateOf(reader)).toEqual(modelState(workload.state))
  expect(reader.recovery).toMatchObject({ damage: [], inDoubt: [] })
  return lastSeq
}

describe('kill -9 again and again on one store, with compactions going on', () => {
  test.each(['always', 'interval', 'os'] as const)('loses nothing that was acknowledged (%s)', async (durability) => {
    await withSeed(async (random) => {
      const load: Load = { dir: directory(), durability, seed: random.seed, inFlight: 1 + random.below(60) }
      let last = 0
      for (let round = 0; round < 15; round++) {
        const { from, acknowledged, ending } = await writeAndKill(load, 1 + random.below(600), 'SIGKILL')
        expect(ending.signal).toBe('SIGKILL')
        // What the last one saw is what this one began with.
        expect(from).toBe(last)
        last = await checkState(load, acknowledged)
      }
      await using store = await openOn(machine(), { dir: load.dir, durability, lockWaitMs: 0, mainFile: false })
      expect(store.stats()).toMatchObject({ lastSeq: last })
      expect((await store.verify()).ok).toBe(true)
      expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
    })
  })
})

describe('SIGTERM under load', () => {
  test.each(['always', 'interval', 'os'] as const)('ends the process and loses nothing (%s)', async (durability) => {
    await withSeed(async (random) => {
      const load: Load = { dir: directory(), durability, seed: random.seed, inFlight: 20 }
      const { acknowledged, ending } = await writeAndKill(load, 400 + random.below(400), 'SIGTERM')
      // The store has no signal handlers of its own, and does nothing to those of its program.
      expect(ending.signal).toBe('SIGTERM')
      await checkState(load, acknowledged)
    })
  })
})
