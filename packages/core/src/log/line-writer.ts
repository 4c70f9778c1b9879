import { CHECKSUM_BYTES, checksum, endOfLine } from '../format/checksum.js'
import { CODE_UNIT_BYTES } from '../format/json-text.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'

const NEWLINE = 0x0a
const END_BYTES = CHECKSUM_BYTES + 1
/** A longer buffer is not kept for the next lines. */
const MAX_KEPT_BYTES = 1024 * 1024
/** If a buffer is fuller than this, it is written before the next line, so that it rarely has to grow. */
const FULL_SHARE = 0.75

/** Encodes lines into one buffer, so that one call writes them all. */
export class LineBuffer {
  #bytes: Buffer
  #length = 0
  /** The end of the text of the last line in the buffer, where its checksum begins. */
  textEnd = 0
  /** The checksum of the last line. */
  crc = ''
  /** True if each character of the last line is one byte. */
  isAscii = true

  constructor(private readonly initialBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  /** The lines. Valid until the next one is added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(this.initialBytes)
  }

  /** Adds a line and its checksum. Returns its length in bytes with the newline. */
  addText(text: string): number {
    const start = this.#length
    this.#makeRoom(text.length * CODE_UNIT_BYTES + END_BYTES)
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

  /** Adds a line that already has a checksum, without its newline. Returns its length with the newline. */
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

/** Writes lines to a file, many in one write. */
export class LineWriter {
  readonly #lines = new LineBuffer(READ_CHUNK_BYTES)
  #offset: number

  constructor(
    private readonly file: OpenFile,
    offset: number,
  ) {
    this.#offset = offset
  }

  /** How far the file has been written. */
  get offset(): number {
    return this.#offset
  }

  /** Adds a line that already has a checksum, without its newline. Returns its length with the newline. */
  addLine(line: Uint8Array): number {
    const bytes = this.#lines.addLine(line)
    this.#flushLong()
    return bytes
  }

  /** Adds a line and its checksum. */
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

  #flushLong(): void {
    if (this.#lines.length > READ_CHUNK_BYTES * FULL_SHARE) this.flush()
  }
}
