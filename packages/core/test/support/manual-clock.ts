import { type Clock, systemClock, type Timer } from './core.js'

interface Waiting {
  readonly dueMs: number
  readonly callback: () => void
}

/**
 * A clock that only the test advances.
 * Turns of the event loop stay real, because input and output need them.
 */
export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  #waiting: Waiting[] = []

  /**
   * With `stepMs` every reading of the monotonic clock advances it.
   * So long work pauses after a few steps.
   */
  constructor(
    start: string | number = '2025-01-15T12:00:00.000Z',
    private readonly stepMs = 0,
  ) {
    this.#wallMs = new Date(start).getTime()
  }

  now(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    this.#monotonicMs += this.stepMs
    return this.#monotonicMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback }
    this.#waiting.push(timer)
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((each) => each !== timer)
      },
    }
  }

  afterTurn(callback: () => void): void {
    systemClock.afterTurn(callback)
  }

  yieldToOthers(): Promise<void> {
    return systemClock.yieldToOthers()
  }

  /** The number of timers that are neither due nor cancelled. */
  get timers(): number {
    return this.#waiting.length
  }

  /** Advances both clocks, and calls the timers that are due in order. */
  advance(ms: number): void {
    this.#wallMs += ms
    this.#monotonicMs += ms
    for (;;) {
      const next = this.#waiting
        .filter((each) => each.dueMs <= this.#monotonicMs)
        .reduce<Waiting | undefined>((first, each) => (!first || each.dueMs < first.dueMs ? each : first), undefined)
      if (!next) return
      this.#waiting = this.#waiting.filter((each) => each !== next)
      next.callback()
    }
  }

  /** Sets the wall clock forwards or backwards. The monotonic clock does not change. */
  setWall(time: string | number): void {
    this.#wallMs = new Date(time).getTime()
  }
}
