import type { Clock, Timer } from '../platform/clock.js'

/** So soon after space has come back a store that could not be repaired is written to again. */
const RETRY_MS = 250
/** A repair that takes long has failed after a lot of writing: at most this share of the time is spent on that. */
const RETRY_SHARE = 0.1

/** Tries to repair a log again and again until there is room for it, and keeps no process alive for that. */
export class RepairLoop {
  #timer: Timer | undefined

  constructor(
    private readonly clock: Clock,
    /** False: there was no room. */
    private readonly attempt: () => Promise<boolean>,
  ) {}

  start(): void {
    this.#wait(RETRY_MS)
  }

  #wait(delayMs: number): void {
    const timer = this.clock.setTimer(async () => {
      const startMs = this.clock.monotonicMs()
      const isOver = await this.attempt()
      // Stopped in the meantime, perhaps to be started anew.
      if (isOver || this.#timer !== timer) return
      this.#wait(Math.max(RETRY_MS, (this.clock.monotonicMs() - startMs) / RETRY_SHARE))
    }, delayMs)
    this.#timer = timer
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
