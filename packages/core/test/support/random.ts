/** Random numbers from a seed (mulberry32), so that what failed once can be run again. */
export class Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 up to, but not, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** 0 up to, but not, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }
}

/** Runs with a seed of its own, or with the one of FLATLOG_SEED, and names it when something fails. */
export async function withSeed(run: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env.FLATLOG_SEED ?? 20261123)
  try {
    await run(new Random(seed))
  } catch (error) {
    if (error instanceof Error) error.message = `with FLATLOG_SEED=${seed}: ${error.message}`
    throw error
  }
}
