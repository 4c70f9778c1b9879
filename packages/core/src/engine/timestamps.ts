import type { Clock } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import { CLOCK_STEP_REPORTED_MS } from '../platform/limits.js'

/** The times of a log's records: those of the wall clock, but never earlier than the last one. */
export class Timestamps {
  #lastMs = 0
  #last = ''
  #isReported = false

  constructor(
    private readonly clock: Clock,
    private readonly path: string,
    private readonly report: (error: FlatlogError) => void,
  ) {}

  get lastMs(): number {
    return this.#lastMs
  }

  /** Goes on behind the last time in a log; empty where it has none. */
  continueAfter(timestamp: string): void {
    this.#lastMs = Date.parse(timestamp) || 0
    this.#last = ''
  }

  next(): string {
    const now = this.clock.now()
    if (now > this.#lastMs) {
      this.#lastMs = now
      this.#last = new Date(now).toISOString()
    } else if (this.#last === '') {
      this.#last = new Date(this.#lastMs).toISOString()
    }
    if (this.#lastMs - now > CLOCK_STEP_REPORTED_MS && !this.#isReported) {
      this.#isReported = true
      this.report(clockStep(this.path, now, this.#last))
    }
    return this.#last
  }
}

function clockStep(path: string, now: number, timestamp: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CLOCK',
    `The clock says ${new Date(now).toISOString()}, but ${path} has records of ${timestamp}. They keep their order; new ` +
      'ones bear the later time until the clock has passed it. What to do: see that the clock is right.',
    { path },
  )
}
