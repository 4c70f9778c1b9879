import { CHECKSUM_BYTES, checksum, endOfLine } from '../format/checksum.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'

const NEWLINE = 0x0a
/** What a character may take at most in UTF-8. */
const CHARACTER_BYTES = 3
const END_BYTES = CHECKSUM_BYTES + 1
/** What is longer is not kept for the next lines. */
const MAX_KEPT_BYTES = 1024 * 1024

/** Lines as bytes, put together so that one call writes them all. */
export class LineBuffer {
  #bytes: Buffer
  #length = 0
  /** Where the text of the line that was added last ends, ahead of its checksum. */
  textEnd = 0
  /** Its checksum. */
  crc = ''
  /** A byte for each character of it. */
  isAscii = true

  constructor(private readonly initialBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  /** The lines; valid until the next one is added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(this.initialBytes)
  }

  /** A line that its checksum is put to here. Returns how many bytes it has with its newline. */
  addText(text: string): number {
    const start = this.#length
    this.#makeRoom(text.length * CHARACTER_BYTES + END_BYTES)
    const written = this.#bytes.write(text, start, 'utf8')
    const end = start + written
    const crc = checksum(this.#bytes.subarray(start, end))
    this.#bytes.write(`${endOfLine(crc)}\n`, end, 'latin1')
    this.textEnd = end
    this.crc = crc
    this.isAscii = written === text.length
    this.#length = end + END_BYTES
    return written + END_BYTES
  }

  /** A line without its newline, as it is. */
  addLine(line: Uint8Array): number {
    this.#makeRoom(line.length + 1)
    this.#bytes.set(line, this.#length)
    this.#length += line.length
    this.#bytes[this.#length++] = NEWLINE
    return line.length + 1
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#length + bytes
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

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

  /** So many bytes were written by others. What was added before must have been flushed. */
  skip(bytes: number): void {
    this.#offset += bytes
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
