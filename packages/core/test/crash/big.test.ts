import { expect, test } from 'vitest'
import { BIG_STEPS, BigPlan } from '../support/big-plan.js'
import { run, useChildren } from '../support/children.js'
import { stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { modelState } from '../support/workload.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

test('100,000 keys, half deleted, a quarter overwritten, compacted meanwhile and killed: what is there is a state that there was', async () => {
  await withSeed(async (random) => {
    const dir = directory()
    // Killed somewhere on the way, and when all is written.
    const stops = [random.below(BIG_STEPS), BIG_STEPS]
    let lastSeq = 0
    for (const [round, stop] of stops.entries()) {
      const durability = round % 2 ? 'always' : 'os'
      let from = 0
      let acknowledged = 0
      const args = [JSON.stringify({ dir, durability, seed: 0, plan: 'big', inFlight: 1000 })]
      const { ended } = run(childPath('load'), args, (line, child) => {
        const [word, number] = line.split(' ')
        if (word === 'OPEN') from = Number(number)
        if (word === 'ACK') acknowledged = Number(number)
        if (acknowledged >= stop || word === 'END') child.kill('SIGKILL')
      })
      expect((await ended).signal).toBe('SIGKILL')
      expect(from).toBe(lastSeq)

      await using reader = await openOn(machine(), { dir, readOnly: true })
      lastSeq = (reader.stats() as { lastSeq: number }).lastSeq
      expect(lastSeq).toBeGreaterThanOrEqual(acknowledged)
      const plan = new BigPlan()
      for (let done = 0; done < lastSeq; done++) plan.next()
      // Compared by their texts: a list of a hundred thousand differences helps nobody.
      expect(JSON.stringify(stateOf(reader)) === JSON.stringify(inKeyOrder(modelState(plan.state)))).toBe(true)
      expect(reader.recovery).toMatchObject({ damage: [], inDoubt: [] })
    }
    expect(lastSeq).toBe(BIG_STEPS)
    await using store = await openOn(machine(), { dir, mainFile: false })
    expect(store.size).toBe(50_000)
    expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
  })
})

function inKeyOrder(state: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1)))
}
