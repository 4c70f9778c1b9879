import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { nodeFileSystem, systemClock } from '../core.js'
import { contentsOf, type LoadTask, type Opened, planOf } from '../load-task.js'
import { machine, openOn } from '../machine.js'
import { stopAfter } from '../stop-after.js'
import { perform } from '../workload.js'

/**
 * Waits for a task in one line, so that it can be started before it is needed. Then it opens the store, reports the state
 * there, and performs the plan without end: `inFlight` writes at a time, reporting how many are acknowledged. The
 * test has the same plan. In a store that contains some of its writes already, it continues with the next one.
 */
const [line] = (await once(process.stdin.setEncoding('utf8'), 'data')) as [string]
const { options, plan: planned, inFlight, stopAt } = JSON.parse(line) as LoadTask

// The test has ended, and would never kill this process.
process.stdin.on('end', () => process.exit())

/** Written synchronously, so that a report is never lost in a process that is killed. */
const report = (text: string) => writeSync(1, `${text}\n`)

let waitedMs = 0
/** The system clock, which also counts how long the timers ran. */
const clock: typeof systemClock = {
  ...systemClock,
  setTimer: (callback, delayMs, keepAlive) =>
    systemClock.setTimer(
      () => {
        waitedMs += delayMs
        callback()
      },
      delayMs,
      keepAlive,
    ),
}
const fileSystem = stopAt ? stopAfter(nodeFileSystem, stopAt) : nodeFileSystem

const before = process.cpuUsage()
const store = await openOn(machine({ fileSystem, clock }), options)
const { user, system } = process.cpuUsage(before)
const found = contentsOf(store)
report(`OPEN ${JSON.stringify({ ...found, openMs: (user + system) / 1000 + waitedMs } satisfies Opened)}`)

const plan = planOf(planned)
plan.resume(found.lastSeq, store.entries())
for (;;) {
  const group = Array.from({ length: inFlight }, () => plan.next()).filter((step) => step !== undefined)
  if (group.length === 0) break
  const writes = group.map((step) => perform(store, step))
  // The records are encoded, and are written next.
  report(`WRITE ${plan.steps}`)
  await Promise.all(writes)
  report(`ACK ${plan.steps}`)
  // Without a sync to wait for, this loop would never let the event loop turn.
  if (options.durability !== 'always') await new Promise((resolve) => setImmediate(resolve))
}
report('END')
setInterval(() => {}, 1000)
