import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits for a random time, to meet another process at an arbitrary moment.
 * Nothing may depend on how long it takes.
 */
export async function moment(ms: number): Promise<void> {
  const endMs = performance.now() + ms
  if (ms >= 2) await delay(ms - 1)
  // Timers have a resolution of a millisecond.
  while (performance.now() < endMs) await new Promise((resolve) => setImmediate(resolve))
}
