import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'
import { LineBuffer } from './line-writer.js'

/** Lines on their way to a file, many in one write. */
export class WriteBuffer {
  readonly #lines = new LineBuffer(READ_CHUNK_BYTES)
  #offset: number

  constructor(
    private readonly file: OpenFile,
    offset: number,
  ) {
    this.#offset = offset
  }

  /** Where the next byte that is written goes. */
  get offset(): number {
    return this.#offset
  }

  /** A line without its newline, as it is. Returns how many bytes have been added. */
  addLine(line: Uint8Array): number {
    const bytes = this.#lines.addLine(line)
    this.#flushLong()
    return bytes
  }

  /** A line that its checksum is yet to be put to. */
  addText(text: string): { bytes: number; crc: string } {
    const bytes = this.#lines.addText(text)
    const { crc } = this.#lines
    this.#flushLong()
    return { bytes, crc }
  }

  flush(): void {
    const { bytes } = this.#lines
    if (bytes.length === 0) return
    writeFully(this.file, bytes, this.#offset)
    this.#offset += bytes.length
    this.#lines.clear()
  }

  /** Before there is no room for a part as long as they usually are, so that the lines stay where they are. */
  #flushLong(): void {
    if (this.#lines.length > READ_CHUNK_BYTES * FULL_SHARE) this.flush()
  }
}

const FULL_SHARE = 0.75
