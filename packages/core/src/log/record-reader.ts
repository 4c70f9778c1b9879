import { isAscii } from 'node:buffer'
import { type LazyChecksum, spellChecksum } from '../format/checksum.js'
import { decodeLine } from '../format/decode.js'
import { PlainRecord } from '../format/decode-fast.js'
import { unquote } from '../format/json-text.js'
import type { LogRecord, Operation } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { LineWindow, type RawLine, readLine, readLines } from './line-reader.js'

/** Where the records after a checkpoint begin. */
export interface TailStart {
  readonly offset: number
  readonly line: number
  /** The last record that the checkpoint covers; undefined if that is unknown. */
  readonly afterSeq: number | undefined
}

/** A run of records that are whole and follow each other: where it ends, and its last record. */
export interface TailRun {
  readonly lastSeq: number
  readonly lastCrc: string
  readonly endOffset: number
  /** Where the first record begins that is not proven to be on disk; `endOffset` if all are. */
  readonly unprovenOffset: number
  /** The number of the line after them. */
  readonly nextLine: number
  /** True if the file ends there, too. */
  readonly complete: boolean
}

export interface PlacedRecord {
  readonly record: LogRecord
  readonly offset: number
  /** The line without its newline; valid until the next record. */
  readonly line: Buffer
  /** The byte of the line at which the text of each value begins, in the order of the operations. */
  readonly valueStarts: readonly number[]
}

/** Gets the records of a run. */
export interface RunListener {
  record(placed: PlacedRecord): void
  /** A usual record. The same object is used again for the next record. */
  plain(record: PlainRecord, offset: number): void
}

/**
 * Reads records as long as each is whole and follows the one before it. `provenSeq` is the last record that is known
 * from elsewhere to be on disk.
 */
export async function readTailRun(
  file: OpenFile,
  start: TailStart,
  slices: Slices,
  listener?: RunListener,
  provenSeq = 0,
): Promise<TailRun> {
  const run = new Run(start, provenSeq)
  const window = new LineWindow(file, start.offset)
  const plain = new PlainRecord()
  for (;;) {
    const offset = run.endOffset
    if (!window.moveTo(offset)) {
      const raw = readLine(file, offset, run.nextLine)
      if (!raw) return run.result(true)
      if (!acceptOther(file, raw, run, listener)) return run.result(false)
      if (slices.isDue(raw.length)) await slices.pause()
      continue
    }
    const { bytes } = window
    const text = bytes.toString('latin1')
    const shown = { bytes, text, isAscii: isAscii(bytes) }
    for (let from = 0, end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const length = end + 1 - from
      if (plain.read(shown, from, end)) {
        if (!run.acceptPlain(plain, offset + from, length)) return run.result(false)
        listener?.plain(plain, offset + from)
      } else {
        const line = bytes.subarray(from, end)
        const raw = { number: run.nextLine, offset: offset + from, length, bytes: line, ended: true }
        if (!acceptOther(file, raw, run, listener)) return run.result(false)
      }
      from = end + 1
      if (slices.isDue()) await slices.pause()
    }
  }
}

function acceptOther(file: OpenFile, raw: RawLine, run: Run, listener: RunListener | undefined): boolean {
  const valueStarts: number[] = []
  const record = decodeRecord(file, raw, listener && valueStarts)
  if (!record || !raw.ended || !run.accept(record, raw)) return false
  listener?.record({ record, offset: raw.offset, line: raw.bytes, valueStarts })
  return true
}

class Run {
  endOffset: number
  nextLine: number
  #lastSeq: number | undefined
  #lastCrc: LazyChecksum = ''
  readonly #unproven: Unproven

  constructor({ afterSeq, offset, line }: TailStart, provenSeq: number) {
    this.#lastSeq = afterSeq
    this.nextLine = line
    this.endOffset = offset
    this.#unproven = new Unproven(provenSeq)
  }

  /** False if the record does not follow the last one. */
  accept({ seq, synced = 0, crc }: LogRecord, { offset, length }: RawLine): boolean {
    return this.#accept(seq, synced, crc, offset, length)
  }

  acceptPlain({ seq, synced, crc }: PlainRecord, offset: number, length: number): boolean {
    return this.#accept(seq, synced, crc, offset, length)
  }

  #accept(seq: number, synced: number, crc: LazyChecksum, offset: number, length: number) {
    if (this.#lastSeq !== undefined && seq !== this.#lastSeq + 1) return false
    this.#lastSeq = seq
    this.#lastCrc = crc
    this.endOffset = offset + length
    this.nextLine++
    this.#unproven.add(seq, offset, synced)
    return true
  }

  result(complete: boolean): TailRun {
    const { endOffset, nextLine } = this
    return {
      lastSeq: this.#lastSeq ?? 0,
      lastCrc: spellChecksum(this.#lastCrc),
      endOffset,
      unprovenOffset: this.#unproven.firstOffset ?? endOffset,
      nextLine,
      complete,
    }
  }
}

/** The records of a run that are not yet proven to be on disk. */
class Unproven {
  #records: { readonly seq: number; readonly offset: number }[] = []

  constructor(private provenSeq: number) {}

  add(seq: number, offset: number, synced: number): void {
    if (synced > this.provenSeq) {
      this.provenSeq = synced
      // Mostly these are all records so far: a write follows the sync of the one before.
      const first = this.#records.findIndex((each) => each.seq > synced)
      this.#records = first === -1 ? [] : this.#records.slice(first)
    }
    if (seq > this.provenSeq) this.#records.push({ seq, offset })
  }

  get firstOffset(): number | undefined {
    return this.#records[0]?.offset
  }
}

function decodeRecord(file: OpenFile, raw: RawLine, valueStarts?: number[]): LogRecord | undefined {
  const line = decodeLine(raw.bytes, valueStarts)
  if (line.kind === 'newer') throw newerVersion(file.path, raw.offset, line.what)
  return line.kind === 'record' ? line : undefined
}

export function newerVersion(path: string, offset: number, what: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_VERSION',
    `${path} was written by a newer version of Flatlog: it contains ${what} at byte ${offset}. Nothing was changed. ` +
      'What to do: open it with that version.',
    { path, offset },
  )
}

/** A line of a tail in which something is wrong, as far as it can be read. */
export type SurveyLine = SurveyRecord | SurveyBad

interface SurveyPlace {
  readonly number: number
  readonly offset: number
  readonly length: number
  readonly ended: boolean
  /** The key of the record if it has one; only a guess for a bad line. */
  readonly key: string | undefined
}

export interface SurveyRecord extends SurveyPlace {
  readonly kind: 'record'
  readonly seq: number
  readonly synced: number
  readonly crc: string
}

export interface SurveyBad extends SurveyPlace {
  readonly kind: 'bad'
  /** True if it begins like a record. */
  readonly begun: boolean
}

const BEGINNING = Buffer.from('{"timestamp":"')

/** Lists every line of the tail for `judgeTail`, which distinguishes a torn tail from damage. */
export async function surveyTail(file: OpenFile, start: TailStart, slices: Slices): Promise<SurveyLine[]> {
  const survey: SurveyLine[] = []
  for (const raw of readLines(file, { start: start.offset, firstNumber: start.line })) {
    const { number, offset, length, ended } = raw
    const record = decodeRecord(file, raw)
    if (record) {
      const { seq, synced = 0, crc } = record
      survey.push({ kind: 'record', number, offset, length, ended, seq, synced, crc, key: keyOf(record.operation) })
    } else {
      const begun = raw.bytes.subarray(0, BEGINNING.length).equals(BEGINNING)
      survey.push({ kind: 'bad', number, offset, length, ended, begun, key: guessKey(raw.bytes) })
    }
    if (slices.isDue()) await slices.pause()
  }
  return survey
}

function keyOf(operation: Operation): string | undefined {
  switch (operation.kind) {
    case 'set':
    case 'delete':
      return operation.key
    case 'batch':
    case 'replace':
    case 'clear':
      return undefined
    default:
      return operation satisfies never
  }
}

/** How much of a line is searched for its key. */
const GUESS_BYTES = 64 * 1024
const KEY = /"key":("(?:[^"\\]|\\.)*")/

/** The key of a bad line. The damage may be in the key itself, so it is a guess. */
export function guessKey(bytes: Buffer): string | undefined {
  const literal = KEY.exec(bytes.toString('utf8', 0, GUESS_BYTES))?.[1]
  try {
    return literal === undefined ? undefined : unquote(literal)
  } catch {
    return undefined
  }
}
