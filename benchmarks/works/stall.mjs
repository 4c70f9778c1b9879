/** The longest stall of the event loop while a store is compacted, and during the same writes without compaction. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { shuffledOrder, writtenValue } from '../child/data.mjs'
import { expectedOfStore } from './loaded-store.mjs'

/** A load that every peer can handle: this many sets, then a pause. */
const SETS_PER_TURN = 16
const PAUSE_MS = 1
const WARM_UP_MS = 1000
/** Measure at least this long, so that the longest stall is not a matter of chance. */
const MIN_MEASURED_MS = 1000
/** A pause after the compaction, which may still remove and sync files. */
const PAUSE_AFTER_COMPACTION_MS = 500

export async function run(context) {
  const { params, keys, values, seed, open } = context
  const order = shuffledOrder(keys.length, seed)
  const handle = await open()
  let n = 0

  async function load(isOver) {
    while (!isOver()) {
      const pending = []
      for (let i = 0; i < SETS_PER_TURN; i++, n++)
        pending.push(handle.set(keys[order[n % keys.length]], values[writtenValue(n)]))
      await Promise.all(pending)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  const loadFor = (durationMs) => {
    const end = performance.now() + durationMs
    return load(() => performance.now() >= end)
  }

  await loadFor(WARM_UP_MS)
  let isCompacted = false
  let compactMs = 0
  const started = performance.now()
  const compacting = await longestStall(async () => {
    const compaction = Promise.resolve(handle.compact()).then(() => {
      isCompacted = true
      compactMs = performance.now() - started
    })
    const end = started + MIN_MEASURED_MS
    await load(() => isCompacted && performance.now() >= end)
    await compaction
  })
  const spentMs = performance.now() - started

  await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_COMPACTION_MS))
  const writing = await longestStall(() => loadFor(spentMs))

  await handle.close()
  const expected = expectedOfStore(keys.length, params.tail, seed)
  for (let i = 0; i < n; i++) expected.write(order[i % keys.length], writtenValue(i))
  return {
    metrics: {
      stallMs: compacting,
      stallWithoutMs: writing,
      stallExtraMs: compacting - writing,
      compactMs,
      setsPerSecond: (n * 1000) / (performance.now() - started + WARM_UP_MS),
    },
    expected,
  }
}

async function longestStall(work) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await work()
  histogram.disable()
  return histogram.max / 1e6
}
