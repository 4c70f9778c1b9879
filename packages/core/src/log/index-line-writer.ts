import { endOfLine, RunningChecksum } from '../format/checksum.js'
import { encodeIndexRow, encodeIndexStart } from '../format/encode.js'
import type { IndexRow } from '../format/record.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'

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
