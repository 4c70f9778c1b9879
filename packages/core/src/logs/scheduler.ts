import { type Clock, systemClock, type Timer } from '../platform/clock.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import { COMPACTION_MIN_BYTES } from '../platform/limits.js'
import type { Logs } from './logs.js'

const DEFAULT_INTERVAL_MS = 3_600_000

export interface SchedulerOptions {
  /** Logs up to this size are left alone. @default 1048576 */
  minBytes?: number
  /** Called for each compaction that failed; the next interval tries again. */
  onProblem?: (error: FlatlogError, name: string) => void
  clock?: Clock
}

/** Once an interval compacts whatever needs it. Its timer does not keep the process alive. */
export class CompactionScheduler {
  readonly #logs: Logs
  readonly #intervalMs: number
  readonly #minBytes: number
  readonly #onProblem: (error: FlatlogError, name: string) => void
  readonly #clock: Clock
  #names: readonly string[] = []
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopping = false

  constructor(logs: Logs, intervalMs = DEFAULT_INTERVAL_MS, options: SchedulerOptions = {}) {
    if (!Number.isFinite(intervalMs) || intervalMs <= 0) {
      throw new FlatlogError(
        'FLATLOG_INVALID_OPTION',
        `The interval of a CompactionScheduler is ${intervalMs}; what is expected is a number of milliseconds above 0.`,
      )
    }
    this.#logs = logs
    this.#intervalMs = intervalMs
    this.#minBytes = options.minBytes ?? COMPACTION_MIN_BYTES
    this.#onProblem = options.onProblem ?? (() => {})
    this.#clock = options.clock ?? systemClock
  }

  /** Begins, or goes on with other names. The first look is one interval from now. */
  start(names: readonly string[]): void {
    this.#names = [...names]
    if (!this.#timer) this.#wait()
  }

  /** Starts nothing more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#stopping = true
    try {
      await this.#running
    } finally {
      this.#stopping = false
    }
  }

  /** What an interval does, now. Never twice at once: a call during one waits for that one. */
  run(): Promise<void> {
    this.#running ??= this.#compactWhatNeedsIt().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  #wait(): void {
    const timer = this.#clock.setTimer(async () => {
      await this.run()
      // Stopped, or stopped and started again, in the meantime.
      if (this.#timer === timer) this.#wait()
    }, this.#intervalMs)
    this.#timer = timer
  }

  async #compactWhatNeedsIt(): Promise<void> {
    for (const name of this.#names) {
      if (this.#stopping) return
      try {
        if (await this.#logs.needsCompaction(name, this.#minBytes)) await this.#logs.compactLog(name)
      } catch (error) {
        this.#tell(error instanceof FlatlogError ? error : ioError('compact', name, error), name)
      }
    }
  }

  #tell(error: FlatlogError, name: string): void {
    try {
      this.#onProblem(error, name)
    } catch {
      // A listener's own failure must not end the schedule.
    }
  }
}
