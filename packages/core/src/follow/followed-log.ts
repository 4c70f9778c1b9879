import type { ChangedRecord } from '../engine/events.js'
import { checksumValue, endOfLine, formatChecksum } from '../format/checksum.js'
import type { PlainRecord } from '../format/decode-fast.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import { readLine } from '../log/line-reader.js'
import { readTailRun } from '../log/record-reader.js'
import type { Slices } from '../platform/clock.js'
import type { ReadLog } from '../recovery/read-log.js'
import { Replay } from '../recovery/replay.js'
import type { FollowedFile } from './followed-file.js'

/** What reading on has found. */
export type ReadOn =
  /** All that is whole is read. */
  | 'read'
  /** What was read before is not there any more: it was cut off, and perhaps other records have its place. */
  | 'cut'
  /** A line that is whole is not the record that is next. */
  | 'bad'

/** Who hears of each record when the index has it. */
export interface RecordListener {
  /** False while nobody wants to know: then nothing is made of a record but its effect. */
  readonly isListening: boolean
  tell(record: ChangedRecord): void
}

/** So much of either end of what cannot be read yet tells whether it has changed. */
const PRINT_BYTES = 64

/**
 * A log that another process appends to. Record after record is brought into the index as soon as it is whole; a line
 * without its end is left until it has one.
 */
export class FollowedLog {
  readonly checkpoint: CheckpointPlace
  readonly storeId: string | undefined
  #lastSeq: number
  #lastCrc: string | number
  #endOffset: number
  /** How the last record that was read ends; undefined where nothing certain stands ahead of `endOffset`. */
  #ending: Buffer | undefined
  /** What stands behind the last record that was read, and is none, or not yet. */
  #left: Buffer | undefined
  readonly #replay: Replay

  constructor(
    readonly file: FollowedFile,
    log: ReadLog,
    times: boolean,
  ) {
    this.checkpoint = log.checkpoint
    this.storeId = log.store
    this.#lastSeq = log.lastSeq
    this.#lastCrc = log.lastCrc
    this.#endOffset = log.endOffset
    // A checkpoint is published whole and never cut. A damaged log may end with anything, and nobody appends to it.
    if (!log.isDamaged && log.lastSeq > log.checkpoint.seq) this.#ending = endingOf(log.lastCrc)
    this.#left = this.#print()
    this.#replay = new Replay(log.state, log.lastTimestamp, { file, sizeBytes: 0, times, onProgress() {} })
  }

  get last(): { readonly seq: number; readonly crc: string } {
    const crc = this.#lastCrc
    return { seq: this.#lastSeq, crc: typeof crc === 'number' ? formatChecksum(crc) : crc }
  }

  get lastTimestamp(): string {
    return this.#replay.lastTimestamp
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /** The same record as one whose checksum is known from elsewhere: a checkpoint that covers it does not say it. */
  isKnownAs(crc: string): void {
    this.#lastCrc = crc
  }

  /** What was read before is not there any more, or nobody can tell. */
  isCut(): boolean {
    try {
      this.file.lookAgain()
      return !this.#isStillThere()
    } catch {
      return true
    }
  }

  async readOn(slices: Slices, listener: RecordListener): Promise<ReadOn> {
    const { file } = this
    file.lookAgain()
    if (!this.#isStillThere()) return 'cut'
    const left = this.#print()
    if (left === undefined || this.#left?.equals(left)) return 'read'
    const start = { offset: this.#endOffset, line: 1, afterSeq: this.#lastSeq }
    const run = await readTailRun(file, start, slices, {
      record: (placed) => {
        this.#replay.record(placed)
        this.#was(placed.record.seq, placed.record.crc)
        if (listener.isListening) listener.tell(placed.record)
      },
      plain: (record, offset) => {
        // Read before it counts: if that fails it is read again, and not left untold.
        const told = listener.isListening ? toldPlain(file, record, offset) : undefined
        this.#replay.plain(record, offset)
        this.#was(record.seq, record.crc)
        if (told) listener.tell(told)
      },
    })
    // Was it cut while the run went on, what came of that may stand on what does not count.
    if (!this.#isStillThere()) return 'cut'
    if (run.endOffset > this.#endOffset) {
      this.#endOffset = run.endOffset
      this.#ending = endingOf(run.lastCrc)
    }
    this.#left = this.#print()
    if (run.complete) return 'read'
    return readLine(file, this.#endOffset)?.ended ? 'bad' : 'read'
  }

  /** All records that were read behind that one, as they stand in the log; false where not all of them do. */
  async tellFrom(seq: number, slices: Slices, listener: RecordListener): Promise<boolean> {
    const { file, checkpoint } = this
    const isMeant = (each: number) => each > seq && each <= this.#lastSeq
    const start = { offset: checkpoint.bytes, line: 1, afterSeq: checkpoint.seq }
    const run = await readTailRun(file, start, slices, {
      record: ({ record }) => {
        if (isMeant(record.seq)) listener.tell(record)
      },
      plain: (record, offset) => {
        const told = isMeant(record.seq) ? toldPlain(file, record, offset) : undefined
        if (told) listener.tell(told)
      },
    })
    return run.lastSeq >= this.#lastSeq
  }

  #was(seq: number, crc: string | number): void {
    this.#lastSeq = seq
    this.#lastCrc = crc
  }

  #isStillThere(): boolean {
    const { file } = this
    if (file.sizeBytes < this.#endOffset) return false
    if (!this.#ending) return true
    const found = Buffer.alloc(this.#ending.length)
    file.read(found, this.#endOffset - found.length)
    return found.equals(this.#ending)
  }

  /** How long it is, and its first and last bytes; undefined where there is nothing. */
  #print(): Buffer | undefined {
    const { file } = this
    const bytes = file.sizeBytes - this.#endOffset
    if (bytes <= 0) return undefined
    const print = Buffer.alloc(8 + 2 * PRINT_BYTES)
    print.writeDoubleLE(bytes)
    file.read(print.subarray(8, 8 + PRINT_BYTES), this.#endOffset)
    file.read(print.subarray(8 + PRINT_BYTES), Math.max(this.#endOffset, file.sizeBytes - PRINT_BYTES))
    return print
  }
}

function endingOf(crc: string): Buffer {
  return Buffer.from(`${endOfLine(crc)}\n`)
}

/** Undefined for one that is not as it was a moment ago: reading on finds out what has become of it. */
function toldPlain(file: FollowedFile, record: PlainRecord, offset: number): ChangedRecord | undefined {
  const { timestamp, seq, key, expires, encoding, valueStart, valueBytes } = record
  const at = { timestamp, seq, crc: formatChecksum(record.crc) }
  if (record.isDelete) return { ...at, operation: { kind: 'delete', key } }
  const line = Buffer.alloc(valueStart + valueBytes)
  file.read(line, offset)
  // The checksum is of the line up to there.
  if (checksumValue(line) !== record.crc) return undefined
  const value = { text: line.toString('utf8', valueStart), encoding }
  return { ...at, operation: { kind: 'set', key, value, expires } }
}
