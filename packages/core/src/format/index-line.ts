import { isAscii } from 'node:buffer'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { CHECKSUM_BYTES, endOfLine, RunningChecksum, validChecksum } from './checksum.js'
import { endOfString, quote, unquote } from './json-text.js'
import type { IndexRow, PartSummary } from './record.js'

/** The index line of a checkpoint: one row for each part. */

/** The parts of a checkpoint in key order. Many are never used, so a summary is made when it is asked for. */
export interface PartTable {
  readonly length: number
  /** The length of all their lines, with the newlines. */
  readonly bytes: number
  firstKey(at: number): string
  summary(at: number): PartSummary
  /** The fields of the summary that say when keys expire. */
  expiry(at: number): PartExpiry
}

export type PartExpiry = Pick<PartSummary, 'keys' | 'minExpires' | 'maxExpires'>

/** Parts whose summaries are in memory. */
export class DecodedParts implements PartTable {
  readonly bytes: number

  constructor(private readonly parts: readonly PartSummary[]) {
    this.bytes = parts.reduce((sum, part) => sum + part.bytes + 1, 0)
  }

  get length(): number {
    return this.parts.length
  }

  firstKey(at: number): string {
    return this.summary(at).firstKey
  }

  summary(at: number): PartSummary {
    return this.parts[at] as PartSummary
  }

  expiry(at: number): PartExpiry {
    return this.summary(at)
  }
}

/** Rows are encoded when their text has this many characters. */
const CHUNK_CHARACTERS = READ_CHUNK_BYTES / 4

/** Encodes an index line while the parts are written: it can have megabytes, which would block if made at the end. */
export class IndexLineWriter {
  readonly #chunks: Buffer[] = []
  readonly #crc = new RunningChecksum()
  #text: string
  #separator = ''

  constructor(timestamp: string, seq: number) {
    this.#text = `{"timestamp":"${timestamp}","seq":${seq},"op":"CHECKPOINT","index":[`
  }

  add({ firstKey, offset, keys, minExpires, maxExpires, crc }: IndexRow): void {
    this.#text += `${this.#separator}[${quote(firstKey)},${offset},${keys},${minExpires},${maxExpires},"${crc}"]`
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

export interface ScannedIndex {
  readonly timestamp: string
  readonly seq: number
  readonly parts: PartTable
}

const BEGINNING = /^\{"timestamp":"([^"]*)","seq":(\d{1,16}),"op":"CHECKPOINT","index":/
const BEGINNING_BYTES = 1024

/**
 * Scans the index line at `indexAt` of a file whose first part is at `partsAt`. Undefined if it is not an index line,
 * or if its rows do not fit these places. The result refers to `line`.
 */
export function scanIndexLine(line: Buffer, partsAt: number, indexAt: number): ScannedIndex | undefined {
  if (validChecksum(line) === undefined) return undefined
  const end = line.length - CHECKSUM_BYTES
  const beginning = BEGINNING.exec(line.toString('latin1', 0, Math.min(end, BEGINNING_BYTES)))
  if (!beginning) return undefined
  const [{ length }, timestamp, seq] = beginning as unknown as [string, string, string]
  try {
    const parts = EncodedParts.find(line, length, end, partsAt, indexAt)
    return parts && { timestamp, seq: Number(seq), parts }
  } catch {
    // A key has an invalid escape.
    return undefined
  }
}

const CRC_DIGITS = 8
/** The rest of a row after its key, up to the opening quote of the next key or the end of the list. */
const AFTER_KEY = /,\d{1,16},\d{1,16},(?:null|\d{1,16}),(?:null|\d{1,16}),"[0-9a-f]{8}"\](?:,\["|\]$)/y

/**
 * Parts whose summaries are read from the bytes of the index line on demand.
 *
 * The speed of opening a large store is the speed of `find`, so it only checks that the rows follow each other and
 * remembers where they are.
 */
class EncodedParts implements PartTable {
  /** The first keys that were asked for: binary searches ask for the same ones again and again. */
  readonly #keys: (string | undefined)[]

  private constructor(
    private readonly line: Buffer,
    /** For the key of each row: the place of its opening quote, and the place after its closing quote. */
    private readonly keyStarts: Uint32Array,
    private readonly keyEnds: Uint32Array,
    private readonly isAscii: boolean,
    private readonly indexAt: number,
  ) {
    this.#keys = new Array<string | undefined>(keyStarts.length)
  }

  /**
   * The rows of `line` between `start` and `end`. Undefined if they are not written as `IndexLineWriter` writes them,
   * or if the parts do not begin at `partsAt`, rise in key and place, and end before `indexAt`.
   */
  static find(line: Buffer, start: number, end: number, partsAt: number, indexAt: number): EncodedParts | undefined {
    const text = line.toString('latin1', 0, end)
    if (!text.startsWith('[["', start)) return undefined
    const isAsciiLine = isAscii(line)
    const hasNoEscapes = isAsciiLine && !text.includes('\\', start)
    const keyStarts: number[] = []
    const keyEnds: number[] = []
    let lastKey = ''
    let lastOffset = 0
    for (let keyStart = start + 2; keyStart < end; ) {
      const keyEnd = endOfString(text, keyStart)
      AFTER_KEY.lastIndex = keyEnd
      if (keyEnd === -1 || !AFTER_KEY.test(text)) return undefined
      const key = hasNoEscapes ? text.slice(keyStart + 1, keyEnd - 1) : decodeKey(line, keyStart, keyEnd, isAsciiLine)
      const offset = Number(text.slice(keyEnd + 1, text.indexOf(',', keyEnd + 1)))
      const isNext = keyStarts.length === 0 ? offset === partsAt : key > lastKey && offset > lastOffset
      if (!isNext) return undefined
      keyStarts.push(keyStart)
      keyEnds.push(keyEnd)
      lastKey = key
      lastOffset = offset
      // After the last row comes the end of the list, after any other the opening quote of the next key.
      keyStart = AFTER_KEY.lastIndex === end ? end : AFTER_KEY.lastIndex - 1
    }
    if (lastOffset >= indexAt) return undefined
    return new EncodedParts(line, Uint32Array.from(keyStarts), Uint32Array.from(keyEnds), isAsciiLine, indexAt)
  }

  get length(): number {
    return this.keyStarts.length
  }

  get bytes(): number {
    return this.indexAt - this.#row(0).offset
  }

  firstKey(at: number): string {
    const known = this.#keys[at]
    if (known !== undefined) return known
    const key = decodeKey(this.line, this.keyStarts[at] as number, this.keyEnds[at] as number, this.isAscii)
    this.#keys[at] = key
    return key
  }

  summary(at: number): PartSummary {
    const { offset, keys, minExpires, maxExpires, crc } = this.#row(at)
    const end = at + 1 < this.keyStarts.length ? this.#row(at + 1).offset : this.indexAt
    return { firstKey: this.firstKey(at), offset, keys, minExpires, maxExpires, crc, bytes: end - offset - 1 }
  }

  expiry(at: number): PartExpiry {
    return this.#row(at)
  }

  #row(at: number): Row {
    return new Row(this.line, this.keyEnds[at] as number)
  }
}

/** The fields of a row after its key. */
class Row {
  readonly offset: number
  readonly keys: number
  readonly minExpires: number | null
  readonly maxExpires: number | null
  readonly #line: Buffer
  #at: number

  constructor(line: Buffer, keyEnd: number) {
    this.#line = line
    this.#at = keyEnd
    this.offset = this.#number() as number
    this.keys = this.#number() as number
    this.minExpires = this.#number()
    this.maxExpires = this.#number()
  }

  get crc(): string {
    const start = this.#at + 2
    return this.#line.toString('latin1', start, start + CRC_DIGITS)
  }

  /** The number after the next comma, or null. */
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

function decodeKey(line: Buffer, start: number, end: number, isAsciiLine: boolean): string {
  return unquote(line.toString(isAsciiLine ? 'latin1' : 'utf8', start, end))
}
