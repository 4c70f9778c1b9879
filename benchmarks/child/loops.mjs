/**
 * The loops that are timed. A peer whose calls are synchronous is never awaited, so that it does not pay for promises
 * that it does not make; one whose calls give promises is awaited, as an application would.
 */

/** The clock is read once in this many operations: often enough for slow peers, seldom enough for fast ones. */
const WRITES_A_LOOK = 16
const READS_A_LOOK = 64

/**
 * `inFlight` writers, each of which waits for its own write before it begins the next. `write(n)` is the n-th write.
 * Gives the number of the next one.
 */
export async function writeFor(durationMs, inFlight, from, write) {
  const deadline = performance.now() + durationMs
  let next = from
  let isOver = false
  async function writer() {
    while (!isOver) {
      // Before the write, so that a thousand slow ones are not all begun when the time is over.
      if (next % WRITES_A_LOOK === 0 && performance.now() >= deadline) {
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

/** The same in groups of `size` at a time: batches, and what a group of writers would be at best. */
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

/** One after the other; `step(n)` does the n-th operation. */
export async function stepFor(durationMs, isAsync, from, step) {
  const deadline = performance.now() + durationMs
  let next = from
  if (isAsync) {
    do {
      const pending = step(next++)
      if (pending !== undefined) await pending
    } while (next % WRITES_A_LOOK !== 0 || performance.now() < deadline)
  } else {
    do step(next++)
    while (next % READS_A_LOOK !== 0 || performance.now() < deadline)
  }
  return next
}
