import { expect, test } from 'vitest'
import { BIG_KEYS, BIG_STEPS } from '../support/big-plan.js'
import { useChildren } from '../support/children.js'
import { contentsOf, planOf } from '../support/load-task.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

test(
  'the next owner of 100,000 keys, half of them deleted and a quarter overwritten, is ready soon after compactions and kills',
  async () => {
    await withSeed(async (random) => {
      const dir = directory()
      const plan = planOf({ kind: 'big' })
      // Kills after the last new key, after the last write, and somewhere between.
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
        expectReady(found, `after ${acknowledged} writes`)
        slowestMs = Math.max(slowestMs, found.openMs)
        expectPrefix(plan, found, acknowledged, `killed after ${acknowledged} writes`)
        await owner.acknowledges(stop)
        owner.kill()
        expect((await owner.ended).signal).toBe('SIGKILL')
        acknowledged = Math.max(acknowledged, owner.acknowledged)
      }
      next.kill()
      console.info(`Slowest opening with up to ${BIG_KEYS} keys: ${Math.ceil(slowestMs)} ms`)
      await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(plan, contentsOf(store), BIG_STEPS, 'at the end')
      expect(store.size).toBe(BIG_KEYS / 2)
      expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
    })
  },
  rounds(300_000, 1_800_000),
)
