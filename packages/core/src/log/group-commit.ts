import type { Clock, Timer } from '../platform/clock.js'
import type { FlatlogError } from '../platform/errors.js'
import { MAX_WRITE_BYTES } from '../platform/limits.js'
import { type Batch, encode, newBatch, type PendingRecord, place, undo } from './batch.js'
import { LineBuffer } from './line-writer.js'
import { failedError, type LogWriter, noSpaceError } from './log-writer.js'

/**
 * Group commit (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984): what the current
 * turn of the event loop has to write goes out in one write, all writers that wait now share one sync, and the next
 * group gathers behind it.
 */
export type Durability = 'always' | 'interval' | 'os'

export interface CommitEvents {
  /** The records are as durable as was asked for, and their waiters are about to hear it. */
  acknowledged(records: readonly PendingRecord[]): void
  /** Writing has failed for good; the waiters have been told. */
  failed(error: FlatlogError): void
  /** The records were taken back; the next one gets the first of their numbers. */
  undone(firstSeq: number): void
  /** False when another process has taken the log over. */
  ownsLog(): boolean
  /** How long the next write is to wait, so that others keep up with the writers. `lastBytes`: of the last write. */
  delayMs(lastBytes: number): number
  /** For how long writes that follow from each other may keep the event loop; undefined: as long as usual. */
  turnMs(): number | undefined
}

/**
 * So often at most the owner makes sure that it still is the owner: it may have been stopped meanwhile, and somebody may
 * have taken the log over by force.
 */
const LOOK_MS = 2

/** Most writes are shorter. */
const LINES_BYTES = 64 * 1024

export class GroupCommit {
  readonly #lines = new LineBuffer(LINES_BYTES)
  #waiting: Batch[] = []
  #inFlight: Batch | undefined
  #turnScheduled = false
  #held = false
  /** Under way while what was refused for want of space is being cut off; never rejects. */
  #cut: Promise<void> | undefined
  #failure: FlatlogError | undefined
  #lastLookMs = 0
  #lastBytes = 0
  #timer: Timer | undefined
  #idle: (() => void)[] = []
  writes = 0
  /** Writes that had to wait because compaction did not keep up, and for how long in all. */
  delays = 0
  delayedMs = 0

  constructor(
    private readonly writer: LogWriter,
    private readonly clock: Clock,
    private readonly durability: Durability,
    private readonly syncIntervalMs: number,
    private readonly events: CommitEvents,
  ) {}

  get failure(): FlatlogError | undefined {
    return this.#failure
  }

  /** The promise is that of the batch which contains the record, shared by all that wait for it. */
  add(record: PendingRecord): Promise<void> {
    const batch = this.#gathering(record.encoded.length)
    batch.records.push(record)
    batch.length += record.encoded.length
    this.#schedule()
    return batch.done
  }

  #gathering(length: number): Batch {
    const last = this.#waiting.at(-1)
    if (last && last.length + length <= MAX_WRITE_BYTES) return last
    const batch = newBatch()
    this.#waiting.push(batch)
    return batch
  }

  /**
   * Draws a line behind all that is queued now. Resolves when that is acknowledged, with the place in the file where
   * it ends; records that come later stand behind that place.
   */
  async seal(): Promise<number> {
    const last = this.#last()
    if (last && last !== this.#inFlight) this.#waiting.push(newBatch())
    await last?.done
    return last?.endOffset ?? this.writer.offset
  }

  /** Resolves when everything that was added before is acknowledged; rejects if it is taken back. */
  async settled(): Promise<void> {
    const last = this.#last()
    if (last) await last.done
    else if (this.#cut) {
      // A key is absent for certain when what was refused is off the disk.
      await this.#cut
      if (this.#failure) throw this.#failure
    }
  }

  #last(): Batch | undefined {
    return this.#waiting.findLast((each) => each.records.length > 0) ?? this.#inFlight
  }

  /** Everything that was added before is on disk when this resolves, whatever the durability. */
  async flush(): Promise<void> {
    await this.settled()
    if (this.#failure) throw this.#failure
    await this.sync()
  }

  /** Nothing is written and nothing acknowledged until `release`; records go on gathering. */
  async hold(): Promise<void> {
    this.#held = true
    if (this.#inFlight) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  release(): void {
    this.#held = false
    this.#schedule()
  }

  /** Drops the background sync; what was not flushed before stays to the system. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #schedule(): void {
    if (this.#turnScheduled || !this.#mayWrite() || this.#waiting.length === 0) return
    this.#turnScheduled = true
    const commit = () => {
      this.#turnScheduled = false
      this.#commit()
    }
    const delayMs = this.events.delayMs(this.#lastBytes)
    if (delayMs <= 0) {
      this.clock.afterTurn(commit, this.events.turnMs())
      return
    }
    this.delays++
    this.delayedMs += delayMs
    // Somebody waits for the write, so the process stays for it.
    this.clock.setTimer(commit, delayMs, true)
  }

  #mayWrite(): boolean {
    return !this.#held && !this.#inFlight && !this.#cut && !this.#failure
  }

  #commit(): void {
    while (this.#mayWrite()) {
      const batch = this.#waiting.shift()
      if (!batch) return
      if (batch.records.length === 0) batch.resolve()
      else if (!this.#write(batch)) return
      else if (this.durability === 'always') this.#acknowledgeWhenSynced(batch)
      else this.#acknowledge(batch)
    }
  }

  #write(batch: Batch): boolean {
    const { writer } = this
    const now = this.clock.monotonicMs()
    if (now - this.#lastLookMs > LOOK_MS) {
      this.#lastLookMs = now
      if (!this.events.ownsLog()) {
        this.#waiting.unshift(batch)
        this.fail(new Error('another process has taken the log over'))
        return false
      }
    }
    const told = writer.syncedToTell
    const lines = this.#lines
    encode(batch.records, told, lines)
    this.writes++
    const start = writer.offset
    const fault = writer.append(lines.bytes, (batch.records.at(-1) as PendingRecord).seq, told)
    lines.clear()
    if (!fault) {
      batch.endOffset = writer.offset
      this.#lastBytes = writer.offset - start
      place(batch.records, start)
      return true
    }
    this.#waiting.unshift(batch)
    if (fault.kind === 'failed') this.fail(fault.cause)
    else this.#giveBack(noSpaceError(writer.path, writer.offset, fault.cause))
    return false
  }

  #acknowledgeWhenSynced(batch: Batch): void {
    this.#inFlight = batch
    this.writer.sync().then(
      () => {
        this.#inFlight = undefined
        this.#acknowledge(batch)
        for (const resolve of this.#idle.splice(0)) resolve()
        this.#schedule()
      },
      (cause: unknown) => this.fail(cause),
    )
  }

  #acknowledge(batch: Batch): void {
    this.events.acknowledged(batch.records)
    batch.resolve()
    if (this.durability === 'interval' && !this.#timer) {
      this.#timer = this.clock.setTimer(() => {
        this.#timer = undefined
        this.sync().catch(() => {
          // The failure is kept and has been reported.
        })
      }, this.syncIntervalMs)
    }
  }

  /** Brings to disk what is written, acknowledged or not. */
  async sync(): Promise<void> {
    // After a sync that failed the next one says that all is well about pages that are lost.
    if (this.#failure) throw this.#failure
    try {
      await this.writer.sync()
    } catch (cause) {
      this.fail(cause)
      throw this.#failure
    }
  }

  /**
   * No room: this batch and all behind it are undone, the last first, before anyone is told. They hear of it when the
   * file that was cut back is on disk: what is refused is absent also after a power cut.
   */
  #giveBack(error: FlatlogError): void {
    const batches = this.#waiting.splice(0)
    const first = batches.find((batch) => batch.records.length > 0)?.records[0]
    undo(batches)
    if (first) this.events.undone(first.seq)
    const tell = (reason: FlatlogError) => {
      this.#cut = undefined
      for (const batch of batches) batch.reject(reason)
      this.#schedule()
    }
    this.#cut = this.sync().then(
      () => tell(error),
      () => tell(this.#failure ?? error),
    )
  }

  /** It is not known what the disk holds: nothing is tried again, as a retried sync may answer for pages that are lost. */
  fail(cause: unknown): void {
    if (this.#failure) return
    const error = failedError(this.writer.path, cause)
    this.#failure = error
    this.stop()
    const batches = this.#inFlight ? [this.#inFlight, ...this.#waiting] : this.#waiting
    this.#inFlight = undefined
    this.#waiting = []
    undo(batches)
    this.events.failed(error)
    for (const batch of batches) batch.reject(error)
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
