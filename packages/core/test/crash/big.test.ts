import { expect, test } from 'vitest'
import { BIG_KEYS, BIG_STEPS } from '../support/big-plan.js'
import { useChildren } from '../support/children.js'
import { planOf, whatIsIn } from '../support/load-task.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

test(
  '100,000 keys of 100 bytes, then half deleted, a quarter overwritten, compacted meanwhile and killed: the next owner is ready at once with a state that there was',
  async () => {
    await withSeed(async (random) => {
      const dir = directory()
      const plan = planOf({ kind: 'big' })
      // Killed when all keys are there, when all is written, and somewhere on the way.
      const onTheWay = Array.from({ length: rounds(1, 20) }, () => random.below(BIG_STEPS))
      const stops = [...onTheWay, BIG_KEYS, BIG_STEPS].sort((a, b) => a - b)
      let [acknowledged, slowestMs] = [0, 0]
      let next = new Owner(childPath('load'))
      for (const [round, stop] of [...stops, BIG_STEPS].entries()) {
        const owner = next
        const durability = round % 2 ? 'always' : 'os'
        const options = { dir, durability, compaction: { minBytes: 1 << 20 } } as const
        owner.begin({ options, plan: { kind: 'big' }, inFlight: 1000 })
        next = new Owner(childPath('load'))
        const found = await owner.opened
        expectReady(found.openMs, `after ${acknowledged} writes`)
        slowestMs = Math.max(slowestMs, found.openMs)
        expectPrefix(plan, found, acknowledged, `killed after ${acknowledged} writes`)
        await owner.acknowledges(stop)
        owner.kill()
        expect((await owner.ended).signal).toBe('SIGKILL')
        acknowledged = Math.max(acknowledged, owner.acknowledged)
      }
      next.kill()
      console.info(`The slowest open of up to ${BIG_KEYS} keys took ${Math.ceil(slowestMs)} ms`)
      await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(plan, whatIsIn(store), BIG_STEPS, 'at the end')
      expect(store.size).toBe(BIG_KEYS / 2)
      expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
    })
  },
  rounds(60_000, 600_000),
)
