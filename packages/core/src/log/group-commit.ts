import { encodeRecord } from '../format/encode.js'
import type { WrittenRecord } from '../format/record.js'
import type { Clock, Timer } from '../platform/clock.js'
import type { FlatlogError } from '../platform/errors.js'
import { MAX_WRITE_BYTES } from '../platform/limits.js'
import { LineBuffer } from './line-writer.js'
import { failedError, type LogWriter, noSpaceError } from './log-writer.js'

export const DURABILITIES = ['always', 'interval', 'os'] as const
/** What a resolved write survives: with `'always'` a power cut, with the others a crash of the process. */
export type Durability = (typeof DURABILITIES)[number]

/** A write that was given its place in the order of writes. */
export interface Proposal {
  /**
   * Resolves when the record is as durable as `durability` says. Rejects if nothing was written, or if it is not known
   * whether it was written.
   */
  readonly done: Promise<void>
  /** The record's number. Of a write that changes nothing: the last number that was given. */
  readonly seq: number
  /** The record's checksum, once `done` has resolved; empty for a write that changes nothing. */
  readonly crc: string
  /** Of a `delete`: whether the key was there. */
  readonly wasThere: boolean
}

/** A record that has its number and has been applied in memory. */
interface NumberedRecord extends Pick<WrittenRecord, 'operation' | 'encoded' | 'valueStarts'> {
  readonly seq: number
  readonly timestamp: string
  /** What the record did in memory. */
  readonly change: Undoable
}

/** A record on its way to the log. */
export interface PendingRecord extends NumberedRecord, WrittenRecord, Proposal {
  // Set when its line is made; `encodedEnd` is an offset in the file.
  crc: string
  encodedEnd: number
  isAscii: boolean
}

interface Undoable {
  undo(): void
  /** The record is in the file now. */
  written(record: WrittenRecord): void
}

/** Records that go to the log in one write. */
interface Group {
  readonly records: PendingRecord[]
  length: number
  /** Where the group ends in the file, once it is written. */
  endOffset?: number
  readonly done: Promise<void>
  resolve(): void
  reject(error: FlatlogError): void
}

/** What group commit asks of the engine, and reports to it. */
export interface GroupCommitOwner {
  /** The records are as durable as `durability` says, and their promises are about to resolve. */
  onAcknowledged(records: readonly PendingRecord[]): void
  /** Writing has failed until the log is opened again; the promises that wait are about to reject. */
  onFailed(error: FlatlogError): void
  /** The records from `firstSeq` on were undone; their numbers will be given again. */
  onUndone(firstSeq: number): void
  /** False when another process has taken the log over. */
  isLockHeld(): boolean
  /**
   * How long to delay the next write so that compaction keeps up. Called once for each write: `lastBytes`, the length of
   * the one before, is charged each time.
   */
  takeDelayMs(lastBytes: number): number
  /** For how long writes that follow from each other may keep the event loop; undefined: the default. */
  turnMs(): number | undefined
}

export interface GroupCommitOptions {
  readonly durability: Durability
  readonly syncIntervalMs: number
}

/** The owner may have been stopped, and the log taken over by force: it checks the lock at most this often. */
const LOCK_CHECK_MS = 2

/** Most writes are shorter. */
const LINES_BYTES = 64 * 1024

/**
 * Group commit (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984): the records of one
 * turn of the event loop go out in one write, all writers that wait then share one sync, and the next group gathers
 * meanwhile.
 *
 * A turn ends when all promise reactions of the event loop's present callback have run. `LineBuffer` adds the checksum
 * and the newline to each record's text. With `'always'` a group waits for its sync; otherwise the write is enough.
 */
export class GroupCommit {
  readonly #lines = new LineBuffer(LINES_BYTES)
  #waiting: Group[] = []
  /** Written; its sync is under way. */
  #syncing: Group | undefined
  #turnScheduled = false
  #held = false
  /** Pending while records that found no space are being cut off. Never rejects. */
  #givingBack: Promise<void> | undefined
  #failure: FlatlogError | undefined
  #lastLockCheckMs = 0
  #lastBytes = 0
  #timer: Timer | undefined
  #idle: (() => void)[] = []
  writes = 0
  /** How many writes were delayed for compaction, and by how much in all. */
  delays = 0
  delayedMs = 0

  constructor(
    private readonly writer: LogWriter,
    private readonly clock: Clock,
    private readonly options: GroupCommitOptions,
    private readonly owner: GroupCommitOwner,
  ) {}

  get failure(): FlatlogError | undefined {
    return this.#failure
  }

  add({ seq, timestamp, operation, encoded, valueStarts, change }: NumberedRecord): PendingRecord {
    const { length } = encoded
    const group = this.#gathering(length)
    const { done } = group
    // Not with `...`, which makes a set five times as slow.
    const record: PendingRecord = {
      seq,
      timestamp,
      operation,
      encoded,
      valueStarts,
      change,
      done,
      // A delete of a key that is not there gets no record.
      wasThere: true,
      crc: '',
      encodedEnd: 0,
      isAscii: true,
    }
    group.records.push(record)
    group.length += length
    this.#schedule()
    return record
  }

  #gathering(length: number): Group {
    const last = this.#waiting.at(-1)
    if (last && last.length + length <= MAX_WRITE_BYTES) return last
    const group = newGroup()
    this.#waiting.push(group)
    return group
  }

  /**
   * Draws a line after all records that are queued now. Resolves when they are acknowledged, with the offset at which
   * they end; later records come after that offset.
   */
  async seal(): Promise<number> {
    const last = this.#last()
    if (last && last !== this.#syncing) this.#waiting.push(newGroup())
    await last?.done
    return last?.endOffset ?? this.writer.offset
  }

  /** Resolves when everything that was added before is acknowledged; rejects if it is undone. */
  async settled(): Promise<void> {
    const last = this.#last()
    if (last) await last.done
    else if (this.#givingBack) {
      // A refused key is certainly absent only once its record is off the disk.
      await this.#givingBack
      if (this.#failure) throw this.#failure
    }
  }

  #last(): Group | undefined {
    return this.#waiting.findLast((each) => each.records.length > 0) ?? this.#syncing
  }

  /** Resolves when everything that was added before is on disk, whatever the durability. */
  async flush(): Promise<void> {
    await this.settled()
    if (this.#failure) throw this.#failure
    await this.sync()
  }

  /** Nothing is written and nothing acknowledged until `release`; records keep gathering. */
  async hold(): Promise<void> {
    this.#held = true
    if (this.#syncing) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  release(): void {
    this.#held = false
    this.#schedule()
  }

  /** Cancels the background sync; the system writes back what was not flushed before. */
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
    const delayMs = this.owner.takeDelayMs(this.#lastBytes)
    if (delayMs <= 0) {
      this.clock.afterTurn(commit, this.owner.turnMs())
      return
    }
    this.delays++
    this.delayedMs += delayMs
    // Keeps the process alive: a caller is waiting for the write.
    this.clock.setTimer(commit, delayMs, true)
  }

  #mayWrite(): boolean {
    return !this.#held && !this.#syncing && !this.#givingBack && !this.#failure
  }

  #commit(): void {
    while (this.#mayWrite()) {
      const group = this.#waiting.shift()
      if (!group) return
      if (group.records.length === 0) group.resolve()
      else if (!this.#write(group)) return
      else if (this.options.durability === 'always') this.#acknowledgeWhenSynced(group)
      else this.#acknowledge(group)
    }
  }

  /** Returns false if the group was not written; then it has been undone and rejected. */
  #write(group: Group): boolean {
    const { writer } = this
    if (!this.#isLockHeld()) {
      this.#waiting.unshift(group)
      this.fail(new Error('another process has taken the log over'))
      return false
    }
    const { nextSynced, offset: start } = writer
    encodeLines(group.records, nextSynced, start, this.#lines)
    this.writes++
    const fault = writer.append(this.#lines.bytes, (group.records.at(-1) as PendingRecord).seq, nextSynced)
    this.#lines.clear()
    if (!fault) {
      group.endOffset = writer.offset
      this.#lastBytes = writer.offset - start
      for (const record of group.records) record.change.written(record)
      return true
    }
    this.#waiting.unshift(group)
    if (fault.kind === 'failed') this.fail(fault.cause)
    else this.#giveBack(noSpaceError(writer.path, writer.offset, fault.cause))
    return false
  }

  #isLockHeld(): boolean {
    const now = this.clock.monotonicMs()
    if (now - this.#lastLockCheckMs <= LOCK_CHECK_MS) return true
    this.#lastLockCheckMs = now
    return this.owner.isLockHeld()
  }

  #acknowledgeWhenSynced(group: Group): void {
    this.#syncing = group
    this.writer.sync().then(
      () => {
        this.#syncing = undefined
        this.#acknowledge(group)
        for (const resolve of this.#idle.splice(0)) resolve()
        this.#schedule()
      },
      (cause: unknown) => this.fail(cause),
    )
  }

  #acknowledge(group: Group): void {
    this.owner.onAcknowledged(group.records)
    group.resolve()
    if (this.options.durability === 'interval' && !this.#timer) {
      this.#timer = this.clock.setTimer(() => {
        this.#timer = undefined
        this.sync().catch(() => {
          // The failure is kept and has been reported.
        })
      }, this.options.syncIntervalMs)
    }
  }

  /** Brings to disk what is written, acknowledged or not. */
  async sync(): Promise<void> {
    // After a failed sync, a later sync may falsely succeed.
    if (this.#failure) throw this.#failure
    try {
      await this.writer.sync()
    } catch (cause) {
      this.fail(cause)
      throw this.#failure
    }
  }

  /**
   * There is no room: undoes this group and all after it, the last record first. Their promises reject once the file,
   * which was cut back, is on disk: a refused record is absent after a power cut, too.
   */
  #giveBack(error: FlatlogError): void {
    const groups = this.#waiting.splice(0)
    const first = groups.find((group) => group.records.length > 0)?.records[0]
    undo(groups)
    if (first) this.owner.onUndone(first.seq)
    const reject = (reason: FlatlogError) => {
      this.#givingBack = undefined
      for (const group of groups) group.reject(reason)
      this.#schedule()
    }
    this.#givingBack = this.sync().then(
      () => reject(error),
      () => reject(this.#failure ?? error),
    )
  }

  /** We no longer know what is on disk: a retried sync may succeed although the system has dropped the pages. */
  fail(cause: unknown): void {
    if (this.#failure) return
    const error = failedError(this.writer.path, cause)
    this.#failure = error
    this.stop()
    const groups = this.#syncing ? [this.#syncing, ...this.#waiting] : this.#waiting
    this.#syncing = undefined
    this.#waiting = []
    undo(groups)
    this.owner.onFailed(error)
    for (const group of groups) group.reject(error)
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** Makes the lines of a write at the offset `start`. The first says that the log is on disk up to `nextSynced`. */
export function encodeLines(
  records: readonly PendingRecord[],
  nextSynced: number | undefined,
  start: number,
  lines: LineBuffer,
): void {
  for (const record of records) {
    const syncedSeq = record === records[0] ? nextSynced : undefined
    lines.addText(encodeRecord(record.timestamp, record.seq, syncedSeq, record.encoded))
    record.crc = lines.crc
    record.encodedEnd = start + lines.textEnd
    record.isAscii = lines.isAscii
  }
}

/** Undoes the records in memory, the last first. */
function undo(groups: readonly Group[]): void {
  for (const group of groups.toReversed()) {
    for (const record of group.records.toReversed()) record.change.undo()
  }
}

function newGroup(): Group {
  let resolve!: () => void
  let reject!: (error: FlatlogError) => void
  const done = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // A caller that does not await its write must not end the process: health() and the events report the failure.
  done.catch(() => {})
  return { records: [], length: 0, done, resolve, reject }
}
