import type { ChangedRecord } from '../engine/events.js'
import { checksumValue, endOfLine, formatChecksum, type LazyChecksum, spellChecksum } from '../format/checksum.js'
import type { PlainRecord } from '../format/decode-fast.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import { readLine } from '../log/line-reader.js'
import { readTailRun } from '../log/record-reader.js'
import type { Slices } from '../platform/clock.js'
import type { LogContent } from '../recovery/read-log.js'
import { Replay } from '../recovery/replay.js'
import type { FollowedFile } from './followed-file.js'

/** The result of reading the appended records. */
export type ReadResult =
  /** All complete records were read. */
  | 'read'
  /** The records that were read before were cut off, and others may have taken their place. */
  | 'cut'
  /** A complete line is not the next record. */
  | 'bad'

/** Notified of each record after the state has it. */
export interface RecordListener {
  /** False while there are no watchers: then records are applied without making changes of them. */
  readonly isListening: boolean
  notify(record: ChangedRecord): void
}

/** So many bytes at either end of an incomplete tail show whether it has changed. */
const FINGERPRINT_BYTES = 64

/**
 * Follows a log that another process appends to. Each record is applied to the state when it is complete; a line without
 * its newline is left for later.
 */
export class FollowedLog {
  readonly checkpoint: CheckpointPlace
  readonly storeId: string | undefined
  #lastSeq: number
  #lastCrc: LazyChecksum
  #endOffset: number
  /** The end of the last line that was read; undefined if the bytes before `endOffset` are not certain. */
  #lineEnd: Buffer | undefined
  /** Fingerprint of the bytes after the last record, which are not a record, or not yet. */
  #rest: Buffer | undefined
  readonly #replay: Replay

  constructor(
    readonly file: FollowedFile,
    log: LogContent,
    times: boolean,
  ) {
    this.checkpoint = log.checkpoint
    this.storeId = log.store
    this.#lastSeq = log.lastSeq
    this.#lastCrc = log.lastCrc
    this.#endOffset = log.endOffset
    // A checkpoint is published whole and never cut. A damaged log may end with anything, and is not appended to.
    if (!log.isDamaged && log.lastSeq > log.checkpoint.seq) this.#lineEnd = lineEndOf(log.lastCrc)
    this.#rest = this.#fingerprintRest()
    this.#replay = new Replay(log.state, log.lastTimestamp, { file, sizeBytes: 0, times, onProgress() {} })
  }

  get last(): { readonly seq: number; readonly crc: string } {
    return { seq: this.#lastSeq, crc: spellChecksum(this.#lastCrc) }
  }

  get lastTimestamp(): string {
    return this.#replay.lastTimestamp
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /** Sets the checksum of the last record, if a checkpoint covers it: the checkpoint does not contain it. */
  setLastCrc(crc: string): void {
    this.#lastCrc = crc
  }

  /** True if the records that were read are no longer in the file, or the file cannot be read. */
  isCut(): boolean {
    try {
      this.file.refresh()
      return !this.#isStillThere()
    } catch {
      return true
    }
  }

  /** Reads the records that were appended since. */
  async readAppended(slices: Slices, listener: RecordListener): Promise<ReadResult> {
    const { file } = this
    file.refresh()
    if (!this.#isStillThere()) return 'cut'
    const rest = this.#fingerprintRest()
    if (rest === undefined || this.#rest?.equals(rest)) return 'read'
    const start = { offset: this.#endOffset, line: 1, afterSeq: this.#lastSeq }
    const run = await readTailRun(file, start, slices, {
      record: (placed) => {
        this.#replay.record(placed)
        this.#setLast(placed.record.seq, placed.record.crc)
        if (listener.isListening) listener.notify(placed.record)
      },
      plain: (record, offset) => {
        // Read the value before applying it, so that a failed read is retried and no watcher misses it.
        const change = listener.isListening ? changeOfPlain(file, record, offset) : undefined
        this.#replay.plain(record, offset)
        this.#setLast(record.seq, record.crc)
        if (change) listener.notify(change)
      },
    })
    // If the file was cut meanwhile, the new records may follow others that no longer count.
    if (!this.#isStillThere()) return 'cut'
    if (run.endOffset > this.#endOffset) {
      this.#endOffset = run.endOffset
      this.#lineEnd = lineEndOf(run.lastCrc)
    }
    this.#rest = this.#fingerprintRest()
    if (run.complete) return 'read'
    return readLine(file, this.#endOffset)?.ended ? 'bad' : 'read'
  }

  /** Notifies of all records after `seq` that were read, from the log. False if some are no longer in it. */
  async notifyAfter(seq: number, slices: Slices, listener: RecordListener): Promise<boolean> {
    const { file, checkpoint } = this
    if (checkpoint.seq > seq) return false
    const isWanted = (each: number) => each > seq && each <= this.#lastSeq
    const start = { offset: checkpoint.bytes, line: 1, afterSeq: checkpoint.seq }
    const run = await readTailRun(file, start, slices, {
      record: ({ record }) => {
        if (isWanted(record.seq)) listener.notify(record)
      },
      plain: (record, offset) => {
        const change = isWanted(record.seq) ? changeOfPlain(file, record, offset) : undefined
        if (change) listener.notify(change)
      },
    })
    return run.lastSeq >= this.#lastSeq
  }

  #setLast(seq: number, crc: LazyChecksum): void {
    this.#lastSeq = seq
    this.#lastCrc = crc
  }

  #isStillThere(): boolean {
    const { file } = this
    if (file.sizeBytes < this.#endOffset) return false
    if (!this.#lineEnd) return true
    const found = Buffer.alloc(this.#lineEnd.length)
    file.read(found, this.#endOffset - found.length)
    return found.equals(this.#lineEnd)
  }

  /** Length, first and last bytes of the rest of the file; undefined if there is none. */
  #fingerprintRest(): Buffer | undefined {
    const { file } = this
    const bytes = file.sizeBytes - this.#endOffset
    if (bytes <= 0) return undefined
    const print = Buffer.alloc(8 + 2 * FINGERPRINT_BYTES)
    print.writeDoubleLE(bytes)
    file.read(print.subarray(8, 8 + FINGERPRINT_BYTES), this.#endOffset)
    file.read(print.subarray(8 + FINGERPRINT_BYTES), Math.max(this.#endOffset, file.sizeBytes - FINGERPRINT_BYTES))
    return print
  }
}

function lineEndOf(crc: string): Buffer {
  return Buffer.from(`${endOfLine(crc)}\n`)
}

/** Undefined if the record changed since it was decoded: the next read finds out why. */
function changeOfPlain(file: FollowedFile, record: PlainRecord, offset: number): ChangedRecord | undefined {
  const { timestamp, seq, key, expires, encoding, valueStart, valueBytes } = record
  const at = { timestamp, seq, crc: formatChecksum(record.crc) }
  if (record.isDelete) return { ...at, operation: { kind: 'delete', key } }
  const line = Buffer.alloc(valueStart + valueBytes)
  file.read(line, offset)
  // The checksum covers the line up to here.
  if (checksumValue(line) !== record.crc) return undefined
  const value = { text: line.toString('utf8', valueStart), encoding }
  return { ...at, operation: { kind: 'set', key, value, expires } }
}
