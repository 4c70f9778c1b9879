import type { Clock } from './clock.js'
import { SLICE_MS } from './limits.js'

/** Cuts long work into slices of a few milliseconds, between which others run: `if (s.isDue()) await s.pause()`. */
export class Slices {
  #start: number
  /** The clock is asked only so often: for small steps the asking would cost more than the step. */
  #steps = 0

  constructor(
    private readonly clock: Clock,
    private readonly sliceMs = SLICE_MS,
  ) {
    this.#start = clock.monotonicMs()
  }

  isDue(): boolean {
    this.#steps++
    return this.#steps % 16 === 0 && this.clock.monotonicMs() - this.#start >= this.sliceMs
  }

  async pause(): Promise<void> {
    await this.clock.yieldToOthers()
    this.#start = this.clock.monotonicMs()
  }
}
