/**
 * The timed loops. Promises are awaited, as an application would do. Results of synchronous peers are not, so that they
 * do not pay for promises that they do not make.
 */

/** The clock is read once per this many operations: often enough for slow peers, rarely enough for fast ones. */
const WRITES_PER_CHECK = 16
const READS_PER_CHECK = 64

/**
 * Runs `inFlight` concurrent writers. Each one waits for its write before it starts the next. `write(n)` does write
 * number n. Returns the number of the next write.
 */
export async function writeFor(durationMs, inFlight, from, write) {
  const deadline = performance.now() + durationMs
  let next = from
  let isOver = false
  async function writer() {
    while (!isOver) {
      // Check before the write, so that no writer starts another slow write after the deadline.
      if (next % WRITES_PER_CHECK === 0 && performance.now() >= deadline) {
        isOver = true
        return
      }
      const pending = write(next++)
      if (pending !== undefined) await pending
    }
  }
  await Promise.all(Array.from({ length: inFlight }, writer))
  return next
}

/** Writes groups of `size` entries: batches, or the best case of concurrent writers. */
export async function writeGroupsFor(durationMs, size, from, writeGroup) {
  const deadline = performance.now() + durationMs
  let next = from
  while (performance.now() < deadline) {
    const pending = writeGroup(next)
    if (pending !== undefined) await pending
    next += size
  }
  return next
}

/** Runs operations one after the other. `step(n)` does operation number n. */
export async function stepFor(durationMs, isAsync, from, step) {
  const deadline = performance.now() + durationMs
  let next = from
  if (isAsync) {
    do {
      const pending = step(next++)
      if (pending !== undefined) await pending
    } while (next % WRITES_PER_CHECK !== 0 || performance.now() < deadline)
  } else {
    do step(next++)
    while (next % READS_PER_CHECK !== 0 || performance.now() < deadline)
  }
  return next
}
