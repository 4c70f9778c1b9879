import type { Clock } from './clock.js'
import { SLICE_MS } from './limits.js'

/** The clock is asked only after so many steps: for small ones the asking would cost more than the step. */
const STEPS_A_LOOK = 16
/** So many bytes are a step more. */
const STEP_BYTES = 16 * 1024

export interface SliceOptions {
  /** Asked at each look; default SLICE_MS. */
  readonly sliceMs?: () => number
  /** How long to rest behind a slice, in its own length: work that nobody waits for leaves the processor to others. */
  readonly restShare?: number
}

/** Cuts long work into slices of a few milliseconds, between which others run: `if (s.isDue()) await s.pause()`. */
export class Slices {
  #start: number
  #steps = 0

  constructor(
    private readonly clock: Clock,
    private readonly options: SliceOptions = {},
  ) {
    this.#start = clock.monotonicMs()
  }

  /** `bytes`: how many the step had to do with, where that may be a lot. */
  isDue(bytes = 0): boolean {
    this.#steps += 1 + bytes / STEP_BYTES
    if (this.#steps < STEPS_A_LOOK) return false
    this.#steps = 0
    return this.clock.monotonicMs() - this.#start >= (this.options.sliceMs?.() ?? SLICE_MS)
  }

  async pause(): Promise<void> {
    const { clock } = this
    const { restShare = 0 } = this.options
    await clock.yieldToOthers(restShare === 0 ? 0 : restShare * (clock.monotonicMs() - this.#start))
    this.#start = clock.monotonicMs()
  }
}
