import { MAX_PARTS, MAX_READ_RECORD_BYTES, PART_BYTES, READ_CHUNK_BYTES } from '../base/limits.js'
import type { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import { writeFully } from '../fs/whole-file.js'
import { CHECKSUM_BYTES, endOfLine, RunningChecksum } from '../record/checksum.js'
import { encodeHeader, encodeIndex, encodePair, encodePart, encodeUpToValue } from '../record/encode.js'
import type { HeaderLine, IndexRow, PartValue } from '../record/record.js'

/** What follows a value in a part of one key, with the newline. */
const END_BYTES = CHECKSUM_BYTES + 2

export interface GenerationStart {
  /** The record that the checkpoint covers. */
  readonly seq: number
  readonly store: string
  readonly timestamp: string
  /** About how many bytes the state has: larger checkpoints get larger parts. */
  readonly stateBytes: number
}

/**
 * Writes the checkpoint of a new generation: header, parts in key order, index line. The header is written last, into
 * the room that was left for it, so an unfinished file begins with zeros and is never taken for a whole one.
 */
export class GenerationWriter {
  readonly #file: OpenFile
  readonly #start: GenerationStart
  readonly #timestampMs: number
  readonly #partBytes: number
  readonly #rows: IndexRow[] = []
  readonly #headerBytes: number
  /** Where the next part begins. */
  #offset: number
  #pending: Buffer[] = []
  #pendingBytes = 0
  #part: PartValue[] = []
  #partLength = 0
  #lastKey: string | undefined

  constructor(file: OpenFile, start: GenerationStart) {
    this.#file = file
    this.#start = start
    this.#timestampMs = Date.parse(start.timestamp)
    this.#partBytes = Math.min(Math.max(PART_BYTES, Math.ceil(start.stateBytes / MAX_PARTS)), MAX_READ_RECORD_BYTES / 4)
    this.#headerBytes = Buffer.byteLength(encodeHeader(this.#header([], 0))) + 1
    this.#offset = this.#headerBytes
  }

  /** Keys come in rising order, each once. */
  add(pair: PartValue): void {
    this.#checkOrder(pair.key)
    const length = Buffer.byteLength(encodePair(pair)) + 1
    // A value that is longer than a part stands in one of its own.
    if (this.#part.length && this.#partLength + length > this.#partBytes) this.#endPart()
    this.#part.push(pair)
    this.#partLength += length
  }

  /**
   * A key whose value is too long to be held: a part of its own, written as the pieces come. Returns false, and nothing is
   * written, where the line would be longer than what can be read.
   */
  async addLong(key: string, pieces: Iterable<Buffer>, time: number | undefined, slices: Slices): Promise<boolean> {
    this.#checkOrder(key)
    if (this.#part.length) this.#endPart()
    if (this.#pendingBytes > 0) this.#flush()
    const { seq, timestamp } = this.#start
    const crc = new RunningChecksum()
    let length = 0
    const write = (bytes: Buffer) => {
      writeFully(this.#file, bytes, this.#offset + length)
      crc.add(bytes)
      length += bytes.length
    }
    write(Buffer.from(encodeUpToValue(timestamp, this.#timestampMs, seq, { key, value: { text: '' }, time })))
    for (const piece of pieces) {
      if (length + piece.length + END_BYTES > MAX_READ_RECORD_BYTES) {
        this.#file.truncate(this.#offset)
        return false
      }
      write(piece)
      if (slices.isDue(piece.length)) await slices.pause()
    }
    write(Buffer.from('}'))
    const checksum = crc.toString()
    write(Buffer.from(`${endOfLine(checksum)}\n`))
    this.#rows.push({ firstKey: key, offset: this.#offset, keys: 1, minExpires: null, maxExpires: null, crc: checksum })
    this.#offset += length
    return true
  }

  #checkOrder(key: string): void {
    if (this.#lastKey !== undefined && key <= this.#lastKey) {
      throw new Error(`keys out of order in a checkpoint: ${JSON.stringify(key)}`)
    }
    this.#lastKey = key
  }

  /** Returns the length of the checkpoint. Nothing is synced yet. */
  finish(): number {
    if (this.#rows.length === 0 && this.#fitsHeader()) return this.#finishInline()
    if (this.#part.length) this.#endPart()
    const indexAt = this.#offset
    this.#append(Buffer.from(`${encodeIndex(this.#start.timestamp, this.#start.seq, this.#rows)}\n`))
    this.#flush()
    const header = Buffer.from(`${encodeHeader(this.#header([], indexAt))}\n`)
    if (header.length !== this.#headerBytes) throw new Error('the header does not fit the room that was left for it')
    writeFully(this.#file, header, 0)
    return this.#offset
  }

  /** A header has no place to say that a key expires, how its value is encoded, or when it was written. */
  #fitsHeader(): boolean {
    return this.#part.every(
      ({ expires, value, time }) => expires === undefined && value.encoding === undefined && time === undefined,
    )
  }

  #finishInline(): number {
    const line = Buffer.from(`${encodeHeader(this.#header(this.#part, 0))}\n`)
    writeFully(this.#file, line, 0)
    return line.length
  }

  #header(state: readonly PartValue[], indexAt: number): Omit<HeaderLine, 'kind' | 'crc'> {
    const { seq, store, timestamp } = this.#start
    return { timestamp, seq, store, indexAt, state, compactedAt: timestamp }
  }

  #endPart(): void {
    const part = this.#part
    const line = encodePart(this.#start.timestamp, this.#timestampMs, this.#start.seq, part)
    let minExpires: number | null = null
    let maxExpires: number | null = 0
    for (const { expires } of part) {
      if (expires === undefined) maxExpires = null
      else {
        minExpires = Math.min(minExpires ?? expires, expires)
        if (maxExpires !== null) maxExpires = Math.max(maxExpires, expires)
      }
    }
    this.#rows.push({
      firstKey: (part[0] as PartValue).key,
      offset: this.#offset,
      keys: part.length,
      minExpires,
      maxExpires,
      crc: line.slice(-10, -2),
    })
    this.#append(Buffer.from(`${line}\n`))
    this.#part = []
    this.#partLength = 0
  }

  #append(bytes: Buffer): void {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    this.#offset += bytes.length
    if (this.#pendingBytes >= READ_CHUNK_BYTES) this.#flush()
  }

  #flush(): void {
    writeFully(this.#file, Buffer.concat(this.#pending), this.#offset - this.#pendingBytes)
    this.#pending = []
    this.#pendingBytes = 0
  }
}
