import { READ_CHUNK_BYTES } from '../base/limits.js'
import type { OpenFile } from '../fs/file-system.js'
import { writeFully } from '../fs/whole-file.js'
import { CHECKSUM_BYTES, checksum, endOfLine } from '../record/checksum.js'

const NEWLINE = 0x0a
/** What a character may take at most in UTF-8. */
const CHARACTER_BYTES = 3

/** Lines on their way to a file, put together so that few calls write them all. */
export class WriteBuffer {
  readonly #bytes = Buffer.allocUnsafeSlow(READ_CHUNK_BYTES)
  #filled = 0
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
    const bytes = line.length + 1
    this.#makeRoom(bytes)
    if (bytes > this.#bytes.length) {
      this.#write(Buffer.concat([line, Buffer.of(NEWLINE)]))
    } else {
      this.#bytes.set(line, this.#filled)
      this.#filled += line.length
      this.#bytes[this.#filled++] = NEWLINE
    }
    return bytes
  }

  /** A line that its checksum is yet to be put to. */
  addText(text: string): { bytes: number; crc: string } {
    const most = text.length * CHARACTER_BYTES + CHECKSUM_BYTES + 1
    if (most > this.#bytes.length) {
      const bytes = Buffer.from(text)
      const crc = checksum(bytes)
      return { bytes: this.addLine(Buffer.concat([bytes, Buffer.from(endOfLine(crc), 'latin1')])), crc }
    }
    this.#makeRoom(most)
    const start = this.#filled
    this.#filled += this.#bytes.write(text, start, 'utf8')
    const crc = checksum(this.#bytes.subarray(start, this.#filled))
    this.#filled += this.#bytes.write(endOfLine(crc), this.#filled, 'latin1')
    this.#bytes[this.#filled++] = NEWLINE
    return { bytes: this.#filled - start, crc }
  }

  /** So many bytes were written by others. What was added before must have been flushed. */
  skip(bytes: number): void {
    this.#offset += bytes
  }

  flush(): void {
    if (this.#filled === 0) return
    const filled = this.#bytes.subarray(0, this.#filled)
    this.#filled = 0
    this.#write(filled)
  }

  #makeRoom(bytes: number): void {
    if (this.#filled + bytes > this.#bytes.length) this.flush()
  }

  #write(bytes: Uint8Array): void {
    writeFully(this.file, bytes, this.#offset)
    this.#offset += bytes.length
  }
}
