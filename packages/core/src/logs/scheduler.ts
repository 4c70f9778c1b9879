import { type Clock, systemClock, type Timer } from '../platform/clock.js'
import { FlatlogError, invalidOption, ioError } from '../platform/errors.js'
import { COMPACTION_MIN_BYTES } from '../platform/limits.js'
import { checkOptions } from '../store/arguments.js'
import type { Logs } from './logs.js'

const DEFAULT_INTERVAL_MS = 3_600_000

export interface SchedulerOptions {
  /** Logs up to this size are not compacted. @default 1048576 */
  minBytes?: number
  /** Called for each failed compaction. It is tried again after the next interval. */
  onProblem?: (error: FlatlogError, name: string) => void
  clock?: Clock
}

/** Compacts the logs that need it, once an interval. Its timer does not keep the process alive. */
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
      throw invalidOption('intervalMs', intervalMs, 'a number of milliseconds above 0')
    }
    checkOptions('CompactionScheduler', options, ['minBytes', 'onProblem', 'clock'])
    const { minBytes = COMPACTION_MIN_BYTES, onProblem = () => {}, clock = systemClock } = options
    if (!Number.isFinite(minBytes) || minBytes < 0) throw invalidOption('minBytes', minBytes, 'a number of bytes')
    if (typeof onProblem !== 'function') throw invalidOption('onProblem', onProblem, 'a function')
    this.#logs = logs
    this.#intervalMs = intervalMs
    this.#minBytes = minBytes
    this.#onProblem = onProblem
    this.#clock = clock
  }

  /** Starts the schedule with these logs, or replaces its logs. A new schedule first runs after one interval. */
  start(names: readonly string[]): void {
    this.#names = [...names]
    if (!this.#timer) this.#wait()
  }

  /** Starts no more compactions. Resolves when the running one has ended. */
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

  /** Compacts the logs that need it now. A call during a run waits for that run. */
  run(): Promise<void> {
    this.#running ??= this.#compactDue().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  #wait(): void {
    const timer = this.#clock.setTimer(async () => {
      await this.run()
      // A different timer: the schedule was stopped, and perhaps started again, during the run.
      if (this.#timer === timer) this.#wait()
    }, this.#intervalMs)
    this.#timer = timer
  }

  async #compactDue(): Promise<void> {
    for (const name of this.#names) {
      if (this.#stopping) return
      try {
        if (await this.#logs.needsCompaction(name, this.#minBytes)) await this.#logs.compactLog(name)
      } catch (error) {
        this.#report(error instanceof FlatlogError ? error : ioError('compact', name, error), name)
      }
    }
  }

  #report(error: FlatlogError, name: string): void {
    try {
      this.#onProblem(error, name)
    } catch {
      // An error thrown by the listener must not end the schedule.
    }
  }
}
