import { encodeHeader, encodePart, spellPair } from '../format/encode.js'
import { IndexLineWriter } from '../format/index-line.js'
import { quote } from '../format/json-text.js'
import { expiryRange } from '../format/part-meta.js'
import type { HeaderLine, PartSummary, PartValue, SpelledPair } from '../format/record.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_PARTS, MAX_READ_RECORD_BYTES, PART_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'
import { LineWriter } from './line-writer.js'

export interface CheckpointStart {
  /** The record that the checkpoint covers. */
  readonly seq: number
  readonly store: string
  readonly timestamp: string
  /** About how many bytes the state has: a larger checkpoint gets longer parts. */
  readonly stateBytes: number
}

/** A checkpoint that was written. */
export interface WrittenCheckpoint {
  /** Its length. */
  readonly bytes: number
  /** Its parts; `origin` is the part of an earlier checkpoint that was copied. */
  readonly parts: readonly (PartSummary & { readonly origin?: PartSummary })[]
  /** The whole state if the header contains it; otherwise empty. */
  readonly inlineState: readonly PartValue[]
  /** Where the index line begins; 0 if there is none. */
  readonly indexAt: number
  /** The checksum of the header. */
  readonly headerCrc: string
  /** The checksum of the index line; empty if there is none. */
  readonly indexCrc: string
}

const MAX_PART_BYTES = MAX_READ_RECORD_BYTES / 4
/** About the length of a row of the index beside its key. */
const ROW_BYTES = 64
/** Each time that the index has grown by this, parts become twice as long. */
const INDEX_STEP_BYTES = 16 * 1024 * 1024

/**
 * Writes the checkpoint of a new generation: header, parts in key order, index line. The header is written last, into
 * room that was left for it, so an unfinished file begins with zeros and is never mistaken for a finished one.
 */
export class CheckpointWriter {
  readonly #file: OpenFile
  readonly #start: CheckpointStart
  readonly #timestampMs: number
  #partBytes: number
  /** About how much the index line has grown since the length of a part was doubled. */
  #indexBytes = 0
  readonly #parts: (PartSummary & { readonly origin?: PartSummary })[] = []
  readonly #index: IndexLineWriter
  readonly #headerBytes: number
  /** Where the next part begins. */
  #offset: number
  readonly #lines: LineWriter
  #part: SpelledPair[] = []
  #partLength = 0
  #lastKey: string | undefined

  constructor(file: OpenFile, start: CheckpointStart) {
    this.#file = file
    this.#start = start
    this.#timestampMs = Date.parse(start.timestamp)
    this.#index = new IndexLineWriter(start.timestamp, start.seq)
    this.#partBytes = Math.min(Math.max(PART_BYTES, Math.ceil(start.stateBytes / MAX_PARTS)), MAX_PART_BYTES)
    this.#headerBytes = Buffer.byteLength(encodeHeader(this.#header([], 0))) + 1
    this.#offset = this.#headerBytes
    this.#lines = new LineWriter(file, this.#offset)
  }

  /** The offset up to which the file has been written. */
  get writtenTo(): number {
    return this.#lines.offset
  }

  /** Adds a key. Keys must come in rising order, each once. */
  add(pair: PartValue): void {
    this.addSpelled(spellPair(pair))
  }

  /** The same for a pair that is already encoded. */
  addSpelled(pair: SpelledPair): void {
    this.#inOrder(pair.key)
    const length = pair.bytes + 1
    // A value that is longer than a part gets a part of its own.
    if (this.#part.length && this.#partLength + length > this.#partBytes) this.#endPart()
    this.#part.push(pair)
    this.#partLength += length
  }

  #inOrder(key: string): void {
    if (this.#lastKey !== undefined && key <= this.#lastKey) {
      throw new Error(`keys out of order in a checkpoint: ${JSON.stringify(key)}`)
    }
    this.#lastKey = key
  }

  /**
   * True if a part of this length from an earlier checkpoint may be copied next. Short parts are merged with their
   * neighbours instead, so that the number of parts stays in proportion to the state.
   */
  takesPart(bytes: number): boolean {
    const least = this.#partBytes / 2
    return bytes >= least && (this.#part.length === 0 || this.#partLength >= least)
  }

  /** Copies a part of an earlier checkpoint byte by byte. `line` is without its newline and has been checked. */
  addPart(part: PartSummary, line: Buffer): void {
    if (this.#part.length) this.#endPart()
    this.#inOrder(part.firstKey)
    const { firstKey, keys, minExpires, maxExpires, crc, bytes } = part
    this.#addRow({ firstKey, offset: this.#offset, keys, minExpires, maxExpires, crc, bytes, origin: part })
    this.#offset += this.#lines.addLine(line)
  }

  /** Writes index line and header. The caller must sync the file. */
  finish(): WrittenCheckpoint {
    if (this.#parts.length === 0 && this.#fitsHeader()) return this.#finishInline()
    if (this.#part.length) this.#endPart()
    const indexAt = this.#offset
    const { chunks, crc: indexCrc } = this.#index.end()
    this.#lines.flush()
    for (const chunk of chunks) {
      writeFully(this.#file, chunk, this.#offset)
      this.#offset += chunk.length
    }
    const header = encodeHeader(this.#header([], indexAt))
    const bytes = Buffer.from(`${header}\n`)
    if (bytes.length !== this.#headerBytes) throw new Error('the header does not fit the room left for it')
    writeFully(this.#file, bytes, 0)
    const headerCrc = crcOf(header)
    return { bytes: this.#offset, parts: this.#parts, inlineState: [], indexAt, headerCrc, indexCrc }
  }

  /** A header cannot contain expiry, encoding or time of a key. */
  #fitsHeader(): boolean {
    return this.#part.every(
      ({ expires, encoding, time }) => expires === undefined && encoding === undefined && time === undefined,
    )
  }

  #finishInline(): WrittenCheckpoint {
    const state = this.#part.map(({ key, spelled }) => ({ key, value: { text: spelled.slice(quote(key).length + 1) } }))
    const header = encodeHeader(this.#header(state, 0))
    const line = Buffer.from(`${header}\n`)
    writeFully(this.#file, line, 0)
    const headerCrc = crcOf(header)
    return { bytes: line.length, parts: [], inlineState: state, indexAt: 0, headerCrc, indexCrc: '' }
  }

  #header(state: readonly PartValue[], indexAt: number): Omit<HeaderLine, 'kind' | 'crc'> {
    const { seq, store, timestamp } = this.#start
    return { timestamp, seq, store, indexAt, state, compactedAt: timestamp }
  }

  #endPart(): void {
    const part = this.#part
    const { timestamp, seq } = this.#start
    // A copy: the key may be a slice of an earlier part, and would keep all of it in memory.
    const firstKey = JSON.parse(quote((part[0] as SpelledPair).key)) as string
    const { bytes, crc } = this.#lines.addText(encodePart(timestamp, this.#timestampMs, seq, part))
    const at = { offset: this.#offset, bytes: bytes - 1 }
    this.#addRow({ firstKey, keys: part.length, ...expiryRange(part), crc, ...at })
    this.#offset += bytes
    this.#part = []
    this.#partLength = 0
  }

  /**
   * Adds a row to the index. The index is one line of limited length, so if keys are very long parts become longer.
   */
  #addRow(part: PartSummary & { readonly origin?: PartSummary }): void {
    const { firstKey } = part
    this.#parts.push(part)
    this.#index.add(part)
    this.#indexBytes += firstKey.length * 2 + ROW_BYTES
    if (this.#indexBytes <= INDEX_STEP_BYTES) return
    this.#indexBytes = 0
    this.#partBytes = Math.min(this.#partBytes * 2, MAX_PART_BYTES)
  }
}

function crcOf(line: string): string {
  return line.slice(-10, -2)
}
