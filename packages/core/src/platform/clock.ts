import { SLICE_MS } from './limits.js'

/**
 * Time, timers and turns of the event loop. They are passed in, so that tests move the clock instead of waiting for
 * it and a simulated disk decides when things happen.
 */
export interface Clock {
  /** Unix time in ms, for expiry and timestamps. It may jump, also backwards. */
  now(): number
  /** Milliseconds that never decrease, for measuring durations. */
  monotonicMs(): number
  /** Calls back once after `delayMs`. Only with `keepAlive` does the timer keep the process alive. */
  setTimer(callback: () => void, delayMs: number, keepAlive?: boolean): Timer
  /**
   * Calls back after the current turn and its promise reactions. If such turns have followed each other for
   * `maxTurnMs` (4 by default), the event loop goes round first.
   */
  afterTurn(callback: () => void, maxTurnMs?: number): void
  /**
   * Resolves after pending input and output were handled, and not before `restMs`. Long work awaits it between
   * slices.
   */
  yieldToOthers(restMs?: number): Promise<void>
}

export interface Timer {
  cancel(): void
}

/** With a longer delay `setTimeout` fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * A chain of writes that each await the one before never leaves its turn, so timers, sockets and signals would wait
 * forever. After this time the next write waits until the event loop has gone round.
 */
const MAX_TURN_MS = 4
let turnStartMs = 0

function afterTurn(callback: () => void, maxTurnMs = MAX_TURN_MS): void {
  if (performance.now() - turnStartMs < maxTurnMs) {
    // A tick from a promise reaction runs after all reactions that are ready, so writers that awaited the same
    // acknowledgement share the next write, too.
    process.nextTick(callback)
    return
  }
  setImmediate(() => {
    turnStartMs = performance.now()
    callback()
  })
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(callback, delayMs, keepAlive = false) {
    const timeout = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMEOUT_MS))
    if (!keepAlive) timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  afterTurn,
  yieldToOthers: (restMs = 0) =>
    new Promise((resolve) => {
      if (restMs >= 1) setTimeout(resolve, restMs)
      else setImmediate(resolve)
    }),
}

/** Waits, and keeps the process alive while it does: the caller is awaiting this. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs, true)
  })
}

/** The clock is read only after so many steps: for a small step, reading it would cost more than the step. */
const STEPS_PER_LOOK = 16
/** A step over this many bytes counts as two. */
const STEP_BYTES = 16 * 1024

export interface SliceOptions {
  /** The length of a slice, read again for each slice. Default SLICE_MS. */
  readonly sliceMs?: () => number
  /** How long to rest after each slice, as a multiple of its length: for work that no caller awaits. Default 0. */
  readonly restShare?: number
}

/** Cuts long work into slices between which other tasks run: `if (slices.isDue()) await slices.pause()`. */
export class Slices {
  #start: number
  #steps = 0

  constructor(
    private readonly clock: Clock,
    private readonly options: SliceOptions = {},
  ) {
    this.#start = clock.monotonicMs()
  }

  /** True if the slice is over. `bytes`: how many the last step processed, if they may be many. */
  isDue(bytes = 0): boolean {
    this.#steps += 1 + bytes / STEP_BYTES
    if (this.#steps < STEPS_PER_LOOK) return false
    this.#steps = 0
    return this.clock.monotonicMs() - this.#start >= (this.options.sliceMs?.() ?? SLICE_MS)
  }

  /** Lets other tasks run, then begins a new slice. */
  async pause(): Promise<void> {
    const { clock } = this
    const { restShare = 0 } = this.options
    await clock.yieldToOthers(restShare === 0 ? 0 : restShare * (clock.monotonicMs() - this.#start))
    this.#start = clock.monotonicMs()
  }
}
