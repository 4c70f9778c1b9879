import type { Progress } from '../options.js'
import { PROGRESS_BYTES } from '../platform/limits.js'

/** Tells how far long work has come: not at every step, and at its end. */
export class ProgressTeller {
  #told = 0

  constructor(
    private readonly onProgress: (progress: Progress) => void,
    private readonly phase: string,
    private readonly total: number,
  ) {}

  reached(done: number): void {
    if (done - this.#told < PROGRESS_BYTES || done >= this.total) return
    this.#told = done
    this.onProgress({ phase: this.phase, done, total: this.total })
  }

  finish(): void {
    this.onProgress({ phase: this.phase, done: this.total, total: this.total })
  }
}
