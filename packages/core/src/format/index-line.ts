import { isAscii } from 'node:buffer'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { CHECKSUM_BYTES, endOfLine, RunningChecksum, validChecksum } from './checksum.js'
import { quote, unquote } from './json-text.js'
import type { IndexRow, PartSummary } from './record.js'

/** Parts in key order, of which many are never looked at: what is said of one is put together when it is asked for. */
export interface PartTable {
  readonly length: number
  /** Of all their lines, with their newlines. */
  readonly bytes: number
  firstKey(at: number): string
  summary(at: number): PartSummary
  /** The same as far as it concerns when its keys expire. */
  expiry(at: number): PartExpiry
}

export type PartExpiry = Pick<PartSummary, 'keys' | 'minExpires' | 'maxExpires'>

export class DecodedParts implements PartTable {
  readonly bytes: number

  constructor(private readonly parts: readonly PartSummary[]) {
    this.bytes = parts.reduce((sum, part) => sum + part.bytes + 1, 0)
  }

  get length(): number {
    return this.parts.length
  }

  firstKey(at: number): string {
    return (this.parts[at] as PartSummary).firstKey
  }

  summary(at: number): PartSummary {
    return this.parts[at] as PartSummary
  }

  expiry(at: number): PartExpiry {
    return this.summary(at)
  }
}

/** Rows are turned into bytes so many characters at a time. */
const CHUNK_CHARACTERS = READ_CHUNK_BYTES / 4

/**
 * The index line of a checkpoint, put together while its parts are written: it is megabytes long where there are many, and
 * would hold everybody up if it were made at the end.
 */
export class IndexLineWriter {
  readonly #chunks: Buffer[] = []
  readonly #crc = new RunningChecksum()
  #text: string
  #separator = ''

  constructor(timestamp: string, seq: number) {
    this.#text = encodeIndexStart(timestamp, seq)
  }

  add(row: IndexRow): void {
    this.#text += this.#separator + encodeIndexRow(row)
    this.#separator = ','
    if (this.#text.length >= CHUNK_CHARACTERS) this.#endChunk()
  }

  /** The whole line with its newline, in pieces, and its checksum. */
  end(): { chunks: readonly Buffer[]; crc: string } {
    this.#text += ']'
    this.#endChunk()
    const crc = this.#crc.toString()
    return { chunks: [...this.#chunks, Buffer.from(`${endOfLine(crc)}\n`)], crc }
  }

  #endChunk(): void {
    const chunk = Buffer.from(this.#text)
    this.#text = ''
    this.#crc.add(chunk)
    this.#chunks.push(chunk)
  }
}

/** What an index line begins with; its rows follow, with commas between them, and a closing bracket. */
function encodeIndexStart(timestamp: string, seq: number): string {
  return `{"timestamp":"${timestamp}","seq":${seq},"op":"CHECKPOINT","index":[`
}

function encodeIndexRow({ firstKey, offset, keys, minExpires, maxExpires, crc }: IndexRow): string {
  return `[${quote(firstKey)},${offset},${keys},${minExpires ?? 'null'},${maxExpires ?? 'null'},"${crc}"]`
}

export interface ScannedIndex {
  readonly timestamp: string
  readonly seq: number
  readonly parts: PartTable
}

const BEGINNING = /^\{"timestamp":"([^"]*)","seq":(\d{1,16}),"op":"CHECKPOINT","index":/
const BEGINNING_BYTES = 1024

/**
 * An index line that stands at `indexAt`, with the first part at `partsAt`; undefined where the line is none, or does
 * not fit there. It is kept for as long as the parts are.
 */
export function scanIndexLine(line: Buffer, partsAt: number, indexAt: number): ScannedIndex | undefined {
  if (validChecksum(line) === undefined) return undefined
  const end = line.length - CHECKSUM_BYTES
  const beginning = BEGINNING.exec(line.toString('latin1', 0, Math.min(end, BEGINNING_BYTES)))
  if (!beginning) return undefined
  const [{ length }, timestamp, seq] = beginning as unknown as [string, string, string]
  try {
    const parts = EncodedParts.find(line, length, end, isAscii(line), partsAt, indexAt)
    return parts && { timestamp, seq: Number(seq), parts }
  } catch {
    // A key that is no JSON.
    return undefined
  }
}

const BACKSLASH = 0x5c
const CRC_DIGITS = 8
/** What follows a row's key, up to the opening quote of the next row's or to the end of the list. */
const BEHIND_KEY = /,\d{1,16},\d{1,16},(?:null|\d{1,16}),(?:null|\d{1,16}),"[0-9a-f]{8}"\](?:,\["|\]$)/y

/**
 * The rows of an index line where they stand in its bytes. A store is opened as fast as they are walked over, so that
 * finds out no more than where each of them is and that they fit together; what a row says is read when it is asked for.
 */
export class EncodedParts implements PartTable {
  /** The first keys that somebody asked for: a binary search comes by the same ones again and again. */
  readonly #keys: (string | undefined)[]

  private constructor(
    private readonly line: Buffer,
    /** Of each row's key, the opening quote and the place behind the closing one. */
    private readonly starts: Uint32Array,
    private readonly ends: Uint32Array,
    private readonly isAscii: boolean,
    private readonly indexAt: number,
  ) {
    this.#keys = new Array<string | undefined>(starts.length)
  }

  /**
   * The rows that stand in `line` from `start` to `end`, whose parts stand line by line behind each other from `partsAt`
   * to the index line at `indexAt`, with keys that rise; undefined where they do not, or are spelled in another way.
   */
  static find(
    line: Buffer,
    start: number,
    end: number,
    isAscii: boolean,
    partsAt: number,
    indexAt: number,
  ): EncodedParts | undefined {
    const text = line.toString('latin1', 0, end)
    const isPlain = isAscii && !text.includes('\\', start)
    const starts: number[] = []
    const ends: number[] = []
    let lastKey = ''
    let lastOffset = 0
    if (!text.startsWith('[["', start)) return undefined
    for (let from = start + 2; from < end; ) {
      let quote = text.indexOf('"', from + 1)
      if (!isPlain) while (quote !== -1 && isEscaped(line, quote)) quote = text.indexOf('"', quote + 1)
      BEHIND_KEY.lastIndex = quote + 1
      // Whoever wrote it in another way is read in another way.
      if (quote === -1 || !BEHIND_KEY.test(text)) return undefined
      const key = isPlain ? text.slice(from + 1, quote) : keyIn(line, from, quote + 1, isAscii)
      const offset = Number(text.slice(quote + 2, text.indexOf(',', quote + 2)))
      const isBehind = starts.length === 0 ? offset === partsAt : key > lastKey && offset > lastOffset
      if (!isBehind) return undefined
      starts.push(from)
      ends.push(quote + 1)
      lastKey = key
      lastOffset = offset
      // The last row is followed by the end of the list, any other by the next one's opening quote.
      from = BEHIND_KEY.lastIndex === end ? end : BEHIND_KEY.lastIndex - 1
    }
    if (lastOffset >= indexAt) return undefined
    return new EncodedParts(line, Uint32Array.from(starts), Uint32Array.from(ends), isAscii, indexAt)
  }

  get length(): number {
    return this.starts.length
  }

  get bytes(): number {
    return this.indexAt - this.#row(0).offset
  }

  firstKey(at: number): string {
    const known = this.#keys[at]
    if (known !== undefined) return known
    const key = keyIn(this.line, this.starts[at] as number, this.ends[at] as number, this.isAscii)
    this.#keys[at] = key
    return key
  }

  summary(at: number): PartSummary {
    const { offset, keys, minExpires, maxExpires, crc } = this.#row(at)
    const end = at + 1 < this.starts.length ? this.#row(at + 1).offset : this.indexAt
    return { firstKey: this.firstKey(at), offset, keys, minExpires, maxExpires, crc, bytes: end - offset - 1 }
  }

  expiry(at: number): PartExpiry {
    return this.#row(at)
  }

  #row(at: number): Row {
    return new Row(this.line, this.ends[at] as number)
  }
}

/** What stands in a row behind its key. */
class Row {
  readonly offset: number
  readonly keys: number
  readonly minExpires: number | null
  readonly maxExpires: number | null
  readonly #line: Buffer
  #at: number

  constructor(line: Buffer, start: number) {
    this.#line = line
    this.#at = start
    this.offset = this.#number() as number
    this.keys = this.#number() as number
    this.minExpires = this.#number()
    this.maxExpires = this.#number()
  }

  get crc(): string {
    const start = this.#at + 2
    return this.#line.toString('latin1', start, start + CRC_DIGITS)
  }

  /** Behind the next comma; null where that is what is written. */
  #number(): number | null {
    let at = this.#at + 1
    let value = 0
    for (;;) {
      const digit = (this.#line[at] as number) - 0x30
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
      at++
    }
    const isNull = at === this.#at + 1
    this.#at = isNull ? at + 'null'.length : at
    return isNull ? null : value
  }
}

function isEscaped(line: Buffer, quote: number): boolean {
  let backslashes = 0
  while (line[quote - 1 - backslashes] === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

function keyIn(line: Buffer, start: number, end: number, isAscii: boolean): string {
  return unquote(line.toString(isAscii ? 'latin1' : 'utf8', start, end))
}
