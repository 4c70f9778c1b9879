import type { PartSummary } from '../format/record.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { Timer } from '../platform/clock.js'
import { closedError, ioError, isNoSpace } from '../platform/errors.js'
import {
  COMPACTION_MAX_TAIL_KEYS,
  COMPACTION_NO_SPACE_RETRY_MAX_MS,
  COMPACTION_RETRY_MAX_MS,
  COMPACTION_RETRY_MS,
} from '../platform/limits.js'
import type { Verification } from './backend.js'
import { rotateBackups } from './backups.js'
import { compact } from './compaction.js'
import type { Engine } from './engine.js'
import { LiveHealing } from './live-healing.js'
import type { Maintenance } from './maintenance.js'
import { verify } from './verify.js'

/** When the log is so much longer than where a compaction begins, and that is under way, it gets more of the time. */
const PRESSED_SHARE = 1.025
/** Writers wait when the tail has so many keys although a compaction is under way … */
const PRESSURE_TAIL_KEYS = 1.25 * COMPACTION_MAX_TAIL_KEYS
/** … or is so many times as long as the checkpoint, and no shorter than this … */
const PRESSURE_GROWTH = 1.25
const PRESSURE_MIN_BYTES = 64 * 1024 * 1024
/** … so that no more than this is written in a millisecond, and compaction is faster than that; but never longer than … */
const PRESSURE_BYTES_A_MS = 20 * 1024
const PRESSURE_MAX_MS = 100
/** A store that is written without a pause is compacted several times a second; its main file is not rewritten as often. */
const MAIN_FILE_INTERVAL_MS = 10_000
/** A checkpoint more than half of which is dead is rewritten, however little came after it. */
const DEAD_SHARE = 0.5

/** Decides when the log of one engine is compacted, and sees that it is never done twice at once. */
export class Maintainer implements Maintenance {
  /** A compaction, or the writing of a main file that was put off. */
  #running: Promise<void> | undefined
  #scheduled: Timer | undefined
  #stopped = false
  #failuresInRow = 0
  #wasNoSpace = false
  #compactions = 0
  #lastCompactionMs: number | undefined
  #lastError: string | undefined
  /** When a look is due though nobody may write by then: half of the checkpoint has expired. */
  #expiryTimer: Timer | undefined
  #expiryMs: number | undefined
  /** What writers have not waited for yet. */
  #owedMs = 0
  /** When it was last written or, as it was then up to date, the store opened. */
  #mainFileMs: number
  /** When the main file is due that was put off. */
  #mainFileTimer: Timer | undefined
  readonly #healing: LiveHealing

  constructor(private readonly engine: Engine) {
    this.#mainFileMs = engine.machine.clock.monotonicMs()
    this.#healing = new LiveHealing(engine, () => {
      if (!this.#stopped && !this.#running) this.#start().catch((error: unknown) => engine.report(error))
    })
  }

  get isDamaged(): boolean {
    return this.#healing.isNeeded
  }

  get isLogDamaged(): boolean {
    return this.#healing.isLogDamaged
  }

  foundDamaged(part: PartSummary, range: KeyRange, line: number): void {
    if (!this.#stopped) this.#healing.add(part, range, line)
  }

  get isPressed(): boolean {
    if (!this.#running) return false
    const { checkpoint, writer, options } = this.engine
    const growth = options.compaction === false ? 1 : options.compaction.growth
    return writer.offset > PRESSED_SHARE * (1 + growth) * checkpoint.bytes
  }

  /** How long the next write is to wait, since compaction does not keep up with the writers: memory and disk would run out. */
  delayMs(lastBytes: number): number {
    const { index, checkpoint, writer } = this.engine
    if (!this.#running) return 0
    const tailBytes = writer.offset - checkpoint.bytes
    const isBehind = tailBytes > Math.max(PRESSURE_MIN_BYTES, PRESSURE_GROWTH * checkpoint.bytes)
    if (!isBehind && index.tailKeys < PRESSURE_TAIL_KEYS) return 0
    this.#owedMs += lastBytes / PRESSURE_BYTES_A_MS
    // Timers are no finer than that.
    if (this.#owedMs < 1) return 0
    const delayMs = Math.min(this.#owedMs, PRESSURE_MAX_MS)
    this.#owedMs = 0
    return delayMs
  }

  afterWrite(): void {
    if (this.#stopped || this.#running || this.#scheduled) return
    if (!this.#isWanted()) {
      this.#lookWhenExpired()
      return
    }
    // Back-off after failures: a full disk is not asked again with every write.
    const delayMs = this.#failuresInRow === 0 ? 0 : this.#retryDelayMs()
    this.#scheduled = this.engine.machine.clock.setTimer(() => {
      this.#scheduled = undefined
      if (this.#stopped || this.#running) return
      if (!this.#isWanted()) {
        this.#lookWhenExpired()
        return
      }
      this.#start().catch((error: unknown) => this.engine.report(error))
    }, delayMs)
  }

  /** A store that is not written to any more gets rid of what has expired in it, too. */
  #lookWhenExpired(): void {
    const { index, options, machine } = this.engine
    const atMs = options.compaction === false ? undefined : index.halfExpiredMs
    if (atMs === this.#expiryMs) return
    this.#expiryMs = atMs
    this.#expiryTimer?.cancel()
    this.#expiryTimer = undefined
    if (atMs === undefined) return
    const { clock } = machine
    // Once for each time: where nothing is to be done then, as the log is short, it is not asked for again and again.
    this.#expiryTimer = clock.setTimer(() => {
      // Timers are no longer than some weeks.
      if (clock.now() < atMs) this.#expiryMs = undefined
      this.afterWrite()
    }, atMs - clock.now())
  }

  #retryDelayMs(): number {
    const maxMs = this.#wasNoSpace ? COMPACTION_NO_SPACE_RETRY_MAX_MS : COMPACTION_RETRY_MAX_MS
    return Math.min(COMPACTION_RETRY_MS * 2 ** (this.#failuresInRow - 1), maxMs)
  }

  #isWanted(): boolean {
    const { options, writer, checkpoint, index, queue } = this.engine
    const limits = options.compaction
    if (limits === false || queue.failure) return false
    const tailBytes = writer.offset - checkpoint.bytes
    if (writer.offset <= limits.minBytes) return false
    const isGrown = tailBytes > checkpoint.bytes * limits.growth || index.tailKeys > COMPACTION_MAX_TAIL_KEYS
    return isGrown || index.deadShare(this.engine.machine.clock.now()) > DEAD_SHARE
  }

  /** On demand. One that is under way began before this call, so another follows it if there is anything left to do. */
  async compact(): Promise<void> {
    await this.idle()
    // Closing waits for what is under way; what would begin only now would meet the files of the next owner.
    if (this.#stopped) throw closedError(this.engine.paths.name)
    const { queue, lastSeq, checkpoint, index, machine } = this.engine
    if (queue.failure) throw queue.failure
    if (lastSeq === checkpoint.seq && !index.holdsExpired(machine.clock.now())) return
    await (this.#running ?? this.#start(true))
  }

  #start(isAsked = false): Promise<void> {
    const { clock } = this.engine.machine
    const startMs = clock.monotonicMs()
    this.#running = compact(this.engine)
      .then(
        () => {
          this.#compactions++
          this.#healing.reset()
          this.#failuresInRow = 0
          this.#lastError = undefined
          this.#lastCompactionMs = clock.monotonicMs() - startMs
        },
        (error: unknown) => {
          this.#failuresInRow++
          this.#wasNoSpace = isNoSpace(error)
          const known = ioError('compact', this.engine.paths.log, error)
          this.#lastError = known.message
          throw known
        },
      )
      .then(async () => {
        // The log is compacted; what fails from here on is told, but is no failure of that.
        await this.#writeSideFiles(isAsked)
        await rotateBackups(this.engine).catch((error: unknown) => this.engine.report(error))
      })
      .finally(() => {
        this.#running = undefined
        if (!this.#stopped) this.#lookWhenExpired()
      })
    return this.#running
  }

  /** Those who ask for a checkpoint look at the main file next; others find it no older than this. */
  async #writeSideFiles(isAsked: boolean): Promise<void> {
    const { engine } = this
    const { clock } = engine.machine
    const waitMs = isAsked ? 0 : this.#mainFileMs + MAIN_FILE_INTERVAL_MS - clock.monotonicMs()
    if (waitMs <= 0) this.#mainFileMs = clock.monotonicMs()
    await engine.writeSideFiles(waitMs > 0).catch((error: unknown) => engine.report(error))
    if (waitMs <= 0 || this.#stopped) return
    this.#mainFileTimer ??= clock.setTimer(() => {
      this.#mainFileTimer = undefined
      // What is under way by then comes by here at its end.
      if (this.#stopped || this.#running || engine.queue.failure) return
      this.#running = this.#writeSideFiles(false).finally(() => {
        this.#running = undefined
        if (!this.#stopped) this.afterWrite()
      })
    }, waitMs)
  }

  async verify(): Promise<Verification> {
    try {
      return await verify(this.engine)
    } catch (error) {
      throw ioError('verify', this.engine.paths.log, error)
    }
  }

  async idle(): Promise<void> {
    await this.#running?.catch(() => {})
  }

  async stop(): Promise<void> {
    // Before the first await, so that nothing begins between the look and the waiting.
    this.#stopped = true
    this.#scheduled?.cancel()
    this.#expiryTimer?.cancel()
    this.#mainFileTimer?.cancel()
    await this.#healing.idle()
    await this.idle()
  }

  stats(): Record<string, unknown> {
    return {
      compactions: this.#compactions,
      // Also while a main file is written that was put off: none begins until that is done.
      compacting: this.#running !== undefined,
      lastCompactionMs: this.#lastCompactionMs,
      lastCompactionError: this.#lastError,
      delayedWrites: this.engine.queue.delays,
      delayedMs: this.engine.queue.delayedMs,
    }
  }
}
