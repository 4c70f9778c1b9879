import { SLICE_MS } from './limits.js'

/**
 * Time, timers and turns of the event loop are passed in, so that tests move the clock instead of waiting for it and
 * a simulated disk decides when things happen.
 */
export interface Clock {
  /** Unix time in ms: what expiry and timestamps are made of. It may jump, also backwards. */
  now(): number
  /** Milliseconds that only grow: for measuring how long something took. */
  monotonicMs(): number
  /** Calls back once after `delayMs`. Unless asked to, the timer does not keep the process alive. */
  setTimer(callback: () => void, delayMs: number, keepAlive?: boolean): Timer
  /**
   * Calls back when the current turn has run dry, promise reactions included: what a turn gathered is then complete. Turns
   * that follow from each other for `maxTurnMs` (4 by default) let the event loop come round first.
   */
  afterTurn(callback: () => void, maxTurnMs?: number): void
  /** Resolves after pending input and output had their chance, and no sooner than `restMs`: what long work does between its slices. */
  yieldToOthers(restMs?: number): Promise<void>
}

export interface Timer {
  cancel(): void
}

/** Longer delays make `setTimeout` fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * A chain of writes each of which awaits the last one would never leave its turn, and timers, sockets and signals would
 * wait for it for ever. After this long the next step waits for the event loop to come round.
 */
const MAX_TURN_MS = 4
let turnStartMs = 0

function afterTurn(callback: () => void, maxTurnMs = MAX_TURN_MS): void {
  if (performance.now() - turnStartMs < maxTurnMs) {
    // A tick queued from inside a promise reaction runs after all reactions that are ready, so writers that were
    // waiting for the same acknowledgement meet again in the next write.
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

/** Waits. Somebody waits for the waiting, so the process stays for it: it would end in silence otherwise. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs, true)
  })
}

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
