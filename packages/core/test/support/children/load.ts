import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { openStore } from '../core.js'
import { type LoadTask, type Opened, planOf, whatIsIn } from '../load-task.js'
import { perform } from '../workload.js'

/**
 * Waits for a line that says what to do, so that it can be started ahead of its time. Then it opens the store, says what
 * it has found there, and writes without end, so many writes in flight at a time, and says how many are acknowledged.
 * The writes are those of a plan that the test knows too; a store that has some of them already goes on behind them.
 */
const [line] = (await once(process.stdin.setEncoding('utf8'), 'data')) as [string]
const { options, plan: planned, inFlight } = JSON.parse(line) as LoadTask

// Whoever started it is gone: nobody would ever end it.
process.stdin.on('end', () => process.exit())

const startMs = performance.now()
const store = await openStore(options)
const openMs = performance.now() - startMs
const found = whatIsIn(store)
// The pipe is written to at once: what is told must not wait in this process for its turn.
const tell = (text: string) => writeSync(1, `${text}\n`)
tell(`OPEN ${JSON.stringify({ ...found, openMs } satisfies Opened)}`)

const plan = planOf(planned)
plan.resume(found.lastSeq, store.entries())
for (;;) {
  const group = Array.from({ length: inFlight }, () => plan.next()).filter((step) => step !== undefined)
  if (group.length === 0) break
  const writes = group.map((step) => perform(store, step))
  // The records are made; what comes next is the writing.
  tell(`WRITE ${plan.steps}`)
  await Promise.all(writes)
  tell(`ACK ${plan.steps}`)
  // A chain of promises alone would keep the rest of the process waiting.
  if (options.durability !== 'always') await new Promise((resolve) => setImmediate(resolve))
}
tell('END')
setInterval(() => {}, 1000)
