import { encodeHeader, encodePart, spellPair } from '../format/encode.js'
import { IndexLineWriter } from '../format/index-line.js'
import { quote } from '../format/json-text.js'
import { expiryRange } from '../format/part-meta.js'
import type { HeaderLine, PartSummary, PartValue, SpelledPair } from '../format/record.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_PARTS, MAX_READ_RECORD_BYTES, PART_BYTES, SYNC_STEP_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'
import { WriteBuffer } from './line-writer.js'

export interface CheckpointStart {
  /** The record that the checkpoint covers. */
  readonly seq: number
  readonly store: string
  readonly timestamp: string
  /** About how many bytes the state has: larger checkpoints get larger parts. */
  readonly stateBytes: number
}

/** What was written. */
export interface WrittenCheckpoint {
  /** Of the checkpoint, in bytes. */
  readonly length: number
  readonly parts: readonly (PartSummary & { readonly origin?: PartSummary })[]
  /** The whole state, where it stands in the header and not in parts. */
  readonly inlineState: readonly PartValue[]
  /** Where the index line begins; 0 where there is none. */
  readonly indexAt: number
  /** The checksums of these two lines; empty where there is no index. */
  readonly headerCrc: string
  readonly indexCrc: string
}

const MAX_PART_BYTES = MAX_READ_RECORD_BYTES / 4
/** What a row of the index has beside its key. */
const ROW_BYTES = 64
/** Each time that the index has grown by this, parts get twice as long. */
const INDEX_STEP_BYTES = 16 * 1024 * 1024

/**
 * Writes the checkpoint of a new generation: header, parts in key order, index line. The header is written last, into
 * the room that was left for it, so an unfinished file begins with zeros and is never taken for a whole one.
 */
export class CheckpointWriter {
  readonly #file: OpenFile
  readonly #start: CheckpointStart
  readonly #timestampMs: number
  #partBytes: number
  /** About how long the index line becomes. */
  #indexBytes = 0
  readonly #parts: (PartSummary & { readonly origin?: PartSummary })[] = []
  readonly #index: IndexLineWriter
  readonly #headerBytes: number
  /** Where the next part begins. */
  #offset: number
  readonly #buffer: WriteBuffer
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
    this.#buffer = new WriteBuffer(file, this.#offset)
  }

  /** How far the file has been written by now. */
  get writtenTo(): number {
    return this.#buffer.offset
  }

  /** Keys come in rising order, each once. */
  add(pair: PartValue): void {
    this.addSpelled(spellPair(pair))
  }

  /** The same. */
  addSpelled(pair: SpelledPair): void {
    this.#inOrder(pair.key)
    const length = pair.bytes + 1
    // A value that is longer than a part stands in one of its own.
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
   * Whether a part of an earlier checkpoint, of that length, may follow as it is. Short parts are put together with
   * their neighbours, so that the number of parts stays in proportion to the state.
   */
  takesPart(bytes: number): boolean {
    const least = this.#partBytes / 2
    return bytes >= least && (this.#part.length === 0 || this.#partLength >= least)
  }

  /** A part of an earlier checkpoint, byte for byte. `line`: without its newline; it was checked. */
  addPart(part: PartSummary, line: Buffer): void {
    if (this.#part.length) this.#endPart()
    this.#inOrder(part.firstKey)
    const { firstKey, keys, minExpires, maxExpires, crc, bytes } = part
    this.#addRow({ firstKey, offset: this.#offset, keys, minExpires, maxExpires, crc, bytes, origin: part })
    this.#offset += this.#buffer.addLine(line)
  }

  /** Nothing is synced yet. */
  finish(): WrittenCheckpoint {
    if (this.#parts.length === 0 && this.#fitsHeader()) return this.#finishInline()
    if (this.#part.length) this.#endPart()
    const indexAt = this.#offset
    const { chunks, crc: indexCrc } = this.#index.end()
    this.#buffer.flush()
    for (const chunk of chunks) {
      writeFully(this.#file, chunk, this.#offset)
      this.#offset += chunk.length
    }
    const header = encodeHeader(this.#header([], indexAt))
    const bytes = Buffer.from(`${header}\n`)
    if (bytes.length !== this.#headerBytes) throw new Error('the header does not fit the room that was left for it')
    writeFully(this.#file, bytes, 0)
    const headerCrc = crcOf(header)
    return { length: this.#offset, parts: this.#parts, inlineState: [], indexAt, headerCrc, indexCrc }
  }

  /** A header has no place to say that a key expires, how its value is encoded, or when it was written. */
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
    return { length: line.length, parts: [], inlineState: state, indexAt: 0, headerCrc, indexCrc: '' }
  }

  #header(state: readonly PartValue[], indexAt: number): Omit<HeaderLine, 'kind' | 'crc'> {
    const { seq, store, timestamp } = this.#start
    return { timestamp, seq, store, indexAt, state, compactedAt: timestamp }
  }

  #endPart(): void {
    const part = this.#part
    const { timestamp, seq } = this.#start
    // A text of its own: the key may be a slice of the part that it comes from, and would keep all of that.
    const firstKey = JSON.parse(quote((part[0] as SpelledPair).key)) as string
    const { bytes, crc } = this.#buffer.addText(encodePart(timestamp, this.#timestampMs, seq, part))
    const at = { offset: this.#offset, bytes: bytes - 1 }
    this.#addRow({ firstKey, keys: part.length, ...expiryRange(part), crc, ...at })
    this.#offset += bytes
    this.#part = []
    this.#partLength = 0
  }

  /** The index is one line, which has its limit: where keys are very long there are fewer parts. */
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

/**
 * Brings a file to disk while it is being written, one sync at a time. A sync that failed may have lost pages that the next
 * one says nothing of, so it is never taken for made good by another.
 */
export class BackgroundSync {
  #startedAt = 0
  #syncing: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined

  constructor(private readonly file: OpenFile) {}

  /** The file has been written up to there. */
  reached(offset: number): void {
    if (this.#failure) throw this.#failure.cause
    if (this.#syncing || offset - this.#startedAt < SYNC_STEP_BYTES) return
    this.#startedAt = offset
    this.#syncing = this.file.sync().then(
      () => {
        this.#syncing = undefined
      },
      (cause: unknown) => {
        this.#syncing = undefined
        this.#failure = { cause }
      },
    )
  }

  /** Resolves when nothing is under way; rejects if any of it has failed. What was written last is not synced yet. */
  async end(): Promise<void> {
    await this.#syncing
    if (this.#failure) throw this.#failure.cause
  }
}
