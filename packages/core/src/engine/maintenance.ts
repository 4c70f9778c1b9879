import type { PartSummary } from '../format/record.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { Timer } from '../platform/clock.js'
import { closedError, ioError, isNoSpace } from '../platform/errors.js'
import {
  COMPACTION_MAX_TAIL_KEYS,
  COMPACTION_NO_SPACE_RETRY_MAX_MS,
  COMPACTION_RETRY_MAX_MS,
  COMPACTION_RETRY_MS,
  PRESSED_SLICE_MS,
  SLICE_MS,
} from '../platform/limits.js'
import { compact } from './compaction.js'
import { LiveHealing } from './live-healing.js'
import type { LiveLog } from './live-log.js'

/** A compaction gets more of the time once the log is this many times as long as it was when the compaction was due. */
const PRESSED_SHARE = 1.025
/** Writers are delayed when the tail has this many keys although a compaction is running … */
const PRESSURE_TAIL_KEYS = 1.25 * COMPACTION_MAX_TAIL_KEYS
/** … or when it is this many times as long as the checkpoint, and at least this long … */
const PRESSURE_GROWTH = 1.25
const PRESSURE_MIN_BYTES = 64 * 1024 * 1024
/** … so that they write at most this much a millisecond, which is slower than compaction, with delays up to … */
const PRESSURE_BYTES_A_MS = 20 * 1024
const PRESSURE_MAX_MS = 100
/** A store that is written without a pause is compacted several times a second; its main file is written less often. */
const MAIN_FILE_INTERVAL_MS = 10_000
/** A checkpoint is rewritten once this share of it is dead, however short the tail is. */
const DEAD_SHARE = 0.5

/** Decides when the log is compacted, healed and described by its side files, one compaction at a time. */
export class Maintenance {
  /** A compaction, with the files that it writes and removes beside the log. */
  #compacting: Promise<void> | undefined
  /** The writing of a main file that was put off. */
  #writingMainFile: Promise<void> | undefined
  #scheduled: Timer | undefined
  #isStopped = false
  #failuresInRow = 0
  #wasNoSpace = false
  #compactions = 0
  #lastCompactionMs: number | undefined
  #lastError: string | undefined
  /** Fires when half of the checkpoint has expired, in case nothing is written by then. */
  #expiryTimer: Timer | undefined
  #expiryMs: number | undefined
  /** Delay that is due but too short for a timer yet. */
  #owedMs = 0
  /** When the main file was last up to date: when it was written, or when the store was opened. */
  #mainFileMs: number
  /** The main file was put off, and this fires when it is to be written. */
  #mainFileTimer: Timer | undefined
  readonly #healing: LiveHealing

  constructor(private readonly log: LiveLog) {
    this.#mainFileMs = log.files.clock.monotonicMs()
    this.#healing = new LiveHealing(log, () => {
      if (!this.#isStopped && !this.#running) this.#startInBackground()
    })
  }

  get #running(): Promise<void> | undefined {
    return this.#compacting ?? this.#writingMainFile
  }

  /** A part of the checkpoint was read and is not what was written. */
  foundDamaged(part: PartSummary, range: KeyRange, line: number): void {
    if (!this.#isStopped) this.#healing.add(part, range, line)
  }

  /** True while a compaction runs and the log is longer than it should be: writers then get less of the time. */
  get isPressed(): boolean {
    if (!this.#compacting) return false
    const { checkpoint, writer, options } = this.log
    const growth = options.compaction === false ? 1 : options.compaction.growth
    return writer.offset > PRESSED_SHARE * (1 + growth) * checkpoint.bytes
  }

  /**
   * How long to delay the next write if compaction does not keep up: memory and disk would run out. The length of the
   * last write is charged at each call.
   */
  takeDelayMs(lastBytes: number): number {
    if (!this.#compacting) return 0
    const { state, checkpoint, writer } = this.log
    const tailBytes = writer.offset - checkpoint.bytes
    const isTooLong = tailBytes > Math.max(PRESSURE_MIN_BYTES, PRESSURE_GROWTH * checkpoint.bytes)
    if (!isTooLong && state.tailKeys < PRESSURE_TAIL_KEYS) return 0
    this.#owedMs += lastBytes / PRESSURE_BYTES_A_MS
    // Timers cannot wait for less than 1 ms.
    if (this.#owedMs < 1) return 0
    const delayMs = Math.min(this.#owedMs, PRESSURE_MAX_MS)
    this.#owedMs = 0
    return delayMs
  }

  afterWrite(): void {
    if (this.#scheduled || !this.#shouldStart()) return
    // Back-off after failures: a full disk is not asked again with every write.
    const delayMs = this.#failuresInRow === 0 ? 0 : this.#retryDelayMs()
    this.#scheduled = this.log.files.clock.setTimer(() => {
      this.#scheduled = undefined
      if (this.#shouldStart()) this.#startInBackground()
    }, delayMs)
  }

  /** True if a compaction is due and nothing else is running. If keys are yet to expire, it is checked again then. */
  #shouldStart(): boolean {
    if (this.#isStopped || this.#running) return false
    const isDue = this.#isCompactionDue()
    if (!isDue) this.#checkWhenExpired()
    return isDue
  }

  /** Checks again when half of the checkpoint will have expired, even if nothing is written by then. */
  #checkWhenExpired(): void {
    const { state, options, files } = this.log
    const atMs = options.compaction === false ? undefined : state.halfExpiredMs
    if (atMs === this.#expiryMs) return
    this.#expiryMs = atMs
    this.#expiryTimer?.cancel()
    this.#expiryTimer = undefined
    if (atMs === undefined) return
    const { clock } = files
    // Once for each time: a log that is too short to be compacted then is not checked again and again.
    this.#expiryTimer = clock.setTimer(() => {
      // A timer lasts some weeks at most.
      if (clock.now() < atMs) this.#expiryMs = undefined
      this.afterWrite()
    }, atMs - clock.now())
  }

  #retryDelayMs(): number {
    const maxMs = this.#wasNoSpace ? COMPACTION_NO_SPACE_RETRY_MAX_MS : COMPACTION_RETRY_MAX_MS
    return Math.min(COMPACTION_RETRY_MS * 2 ** (this.#failuresInRow - 1), maxMs)
  }

  #isCompactionDue(): boolean {
    const { options, writer, checkpoint, state, failure } = this.log
    const limits = options.compaction
    if (limits === false || failure) return false
    if (writer.offset <= limits.minBytes) return false
    const tailBytes = writer.offset - checkpoint.bytes
    const isGrown = tailBytes > checkpoint.bytes * limits.growth || state.tailKeys > COMPACTION_MAX_TAIL_KEYS
    return isGrown || state.deadShare(this.log.files.clock.now()) > DEAD_SHARE
  }

  /** Compacts now. A compaction that is running began before this call, so another follows if anything is left. */
  async compact(): Promise<void> {
    await this.idle()
    // close() waits for what is running; a compaction that began only now would meet the files of the next owner.
    if (this.#isStopped) throw closedError(this.log.files.name)
    const { failure, lastSeq, checkpoint, state, files } = this.log
    if (failure) throw failure
    const isCompact = lastSeq === checkpoint.seq && !state.holdsExpired(files.clock.now())
    if (isCompact && !this.#healing.isLogDamaged) return await this.#writeLateMainFile()
    await (this.#compacting ?? this.#start(true))
  }

  #startInBackground(): void {
    this.#start().catch((error: unknown) => this.log.report(error))
  }

  #start(isRequested = false): Promise<void> {
    this.#compacting = this.#compact()
      .then(async () => {
        // The log is compacted: failures from here on are reported, but the compaction has succeeded.
        await this.#afterCompaction(isRequested)
        await this.log.sideFiles.rotateBackups().catch((error: unknown) => this.log.report(error))
      })
      .finally(() => {
        this.#compacting = undefined
        if (!this.#isStopped) this.#checkWhenExpired()
      })
    return this.#compacting
  }

  async #compact(): Promise<void> {
    const { clock } = this.log.files
    const startMs = clock.monotonicMs()
    try {
      await compact(this.log, {
        sliceMs: () => (this.isPressed ? PRESSED_SLICE_MS : SLICE_MS),
        isLogDamaged: () => this.#healing.isLogDamaged,
      })
    } catch (error) {
      this.#failuresInRow++
      this.#wasNoSpace = isNoSpace(error)
      const known = ioError('compact', this.log.files.log, error)
      this.#lastError = known.message
      throw known
    }
    this.#compactions++
    this.#healing.reset()
    this.#failuresInRow = 0
    this.#lastError = undefined
    this.#lastCompactionMs = clock.monotonicMs() - startMs
  }

  async #afterCompaction(isRequested: boolean): Promise<void> {
    const { clock } = this.log.files
    // A caller of `compact` may read the main file next; otherwise it can wait.
    const waitMs = isRequested ? 0 : this.#mainFileMs + MAIN_FILE_INTERVAL_MS - clock.monotonicMs()
    await this.#updateSideFiles(waitMs <= 0)
    if (waitMs <= 0 || this.#isStopped) return
    this.#mainFileTimer ??= clock.setTimer(() => void this.idle().then(() => this.#writeLateMainFile()), waitMs)
  }

  /** Writes the main file if it was put off, unless a compaction does so. */
  async #writeLateMainFile(): Promise<void> {
    if (!this.#mainFileTimer || this.#isStopped || this.#running || this.log.failure) return
    this.#writingMainFile = this.#updateSideFiles(true).finally(() => {
      this.#writingMainFile = undefined
      if (!this.#isStopped) this.afterWrite()
    })
    await this.#writingMainFile
  }

  async #updateSideFiles(withMainFile: boolean): Promise<void> {
    if (withMainFile) {
      this.#mainFileMs = this.log.files.clock.monotonicMs()
      this.#mainFileTimer?.cancel()
      this.#mainFileTimer = undefined
    }
    await this.writeSideFiles(withMainFile).catch((error: unknown) => this.log.report(error))
  }

  /** Writes what is derived from the log: the main file and the mark. */
  async writeSideFiles(withMainFile = true): Promise<void> {
    const { log } = this
    if (!log.isLockHeld()) return
    const { storeId: store, lastSeq, writer } = log
    const update = {
      store,
      lastSeq,
      syncedSeq: writer.syncedSeq,
      isToBeChecked: this.#healing.isLogDamaged,
      withMainFile,
    }
    await log.sideFiles.write(log.state, update, log.timestamps.next(), () => log.groupCommit.flush())
  }

  /** Resolves when no compaction and no main file is being written. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running.catch(() => {})
  }

  /** The log was opened again, which read all of it. */
  reopened(): void {
    this.#healing.reset()
  }

  /** Starts nothing more and waits for what is running. */
  async stop(): Promise<void> {
    // Before the first await, so that nothing starts in between.
    this.#isStopped = true
    this.#scheduled?.cancel()
    this.#expiryTimer?.cancel()
    this.#mainFileTimer?.cancel()
    await this.#healing.idle()
    await this.idle()
  }

  stats(): Record<string, unknown> {
    return {
      compactions: this.#compactions,
      compacting: this.#compacting !== undefined,
      lastCompactionMs: this.#lastCompactionMs,
      lastCompactionError: this.#lastError,
    }
  }
}
