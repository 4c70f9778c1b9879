import { setTimeout as delay } from 'node:timers/promises'

/** Lets a random time go by: the one thing that cannot be waited for is the moment at which nothing special happens. */
export async function moment(ms: number): Promise<void> {
  const endMs = performance.now() + ms
  if (ms >= 2) await delay(ms - 1)
  // Timers are no finer than a millisecond.
  while (performance.now() < endMs) await new Promise((resolve) => setImmediate(resolve))
}
