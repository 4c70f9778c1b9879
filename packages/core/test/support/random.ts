import { SEED } from './seed.js'

/** Random numbers from a seed (mulberry32), so that a failed run can be repeated. */
export class Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to `end`, without `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }
}

/** Runs a test with the seed of random tests, and adds the seed to the message of an error. */
export async function withSeed(run: (random: Random) => Promise<void>): Promise<void> {
  try {
    await run(new Random(SEED))
  } catch (error) {
    if (error instanceof Error) error.message = `with FLATLOG_SEED=${SEED}: ${error.message}`
    throw error
  }
}
