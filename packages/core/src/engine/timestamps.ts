import type { Clock } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import { CLOCK_STEP_REPORTED_MS } from '../platform/limits.js'

/** Timestamps for the records of a log: the wall clock, but never earlier than the last record. */
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

  /** Continues after the last time in a log; empty if it has none. */
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
    `The clock says ${new Date(now).toISOString()}, but ${path} already has records from ${timestamp}. New records get that ` +
      'later time until the clock has passed it, so that they stay in order. What to do: check the clock.',
    { path },
  )
}
