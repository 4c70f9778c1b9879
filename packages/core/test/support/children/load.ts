import { writeSync } from 'node:fs'
import { openStore } from '../../../src/index.js'
import { BigPlan } from '../big-plan.js'
import { Random } from '../random.js'
import { perform, Workload } from '../workload.js'

/**
 * Writes without end, so many writes in flight at a time, and says how many are acknowledged. The writes are those of
 * a plan that the test knows too; a store that has some of them already goes on behind them.
 */
const { dir, durability, seed, plan, inFlight } = JSON.parse(process.argv[2] as string) as {
  dir: string
  durability: 'always' | 'interval' | 'os'
  seed: number
  plan: 'workload' | 'big'
  inFlight: number
}
// A low limit, so that there is always a compaction under way or about to be.
const store = await openStore({
  dir,
  durability,
  mainFile: false,
  compaction: { minBytes: plan === 'big' ? 1 << 20 : 50_000 },
})
const from = (store.stats() as { lastSeq: number }).lastSeq
const steps = plan === 'big' ? new BigPlan() : new Workload(new Random(seed))
for (let done = 0; done < from; done++) steps.next()
// The pipe is written to at once: what is told must not wait in this process for its turn.
writeSync(1, `OPEN ${from}\n`)

let acknowledged = from
for (;;) {
  const group = Array.from({ length: inFlight }, () => steps.next()).filter((step) => step !== undefined)
  if (group.length === 0) break
  const writes = group.map((step) => perform(store, step))
  await Promise.all(writes)
  acknowledged += group.length
  writeSync(1, `ACK ${acknowledged}\n`)
  // A chain of promises alone would keep the rest of the process waiting.
  if (durability !== 'always') await new Promise((resolve) => setImmediate(resolve))
}
writeSync(1, 'END\n')
setInterval(() => {}, 1000)
