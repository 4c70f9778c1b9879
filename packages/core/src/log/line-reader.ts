import { isAscii } from 'node:buffer'
import type { BytesAndText } from '../format/decode-fast.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'

/** A line of a file. The newline byte is the only framing; nothing else in a line is looked at to find its end. */
export interface RawLine {
  /** 1 is the first line of the file. */
  readonly number: number
  readonly offset: number
  /** With the newline, if there is one. */
  readonly length: number
  /** Without the newline; valid until the next line is asked for. Empty where the line is too long to be read. */
  readonly bytes: Buffer
  /** False for a last line without a newline. */
  readonly ended: boolean
}

const NEWLINE = 0x0a
/** For a file that grows while it is read. */
const MIN_CHUNK_BYTES = 4096

/**
 * The lines of a file from `start`, in chunks, so that a file of any size passes through little memory. A line over
 * `maxLineBytes` is walked over without being kept: it comes with its length and no bytes.
 */
export function* readLines(
  file: OpenFile,
  start = 0,
  firstNumber = 1,
  end = Number.POSITIVE_INFINITY,
  maxLineBytes = MAX_READ_RECORD_BYTES,
): Generator<RawLine> {
  // Most files are small, and many are read when a store is opened: no more is allocated than there is to read.
  const rest = Math.min(end, file.status().sizeBytes) - start
  const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, Math.max(rest, MIN_CHUNK_BYTES)))
  let pieces: Buffer[] = []
  let pieceBytes = 0
  let lineOffset = start
  let number = firstNumber
  let position = start

  const line = (rest: Buffer, length: number, ended: boolean): RawLine => {
    const tooLong = length > maxLineBytes
    const bytes = tooLong ? Buffer.alloc(0) : pieces.length ? Buffer.concat([...pieces, rest]) : rest
    const result = { number, offset: lineOffset, length, bytes, ended }
    pieces = []
    pieceBytes = 0
    lineOffset += length
    number++
    return result
  }

  while (position < end) {
    const wanted = Math.min(chunk.length, end - position)
    const filled = file.read(wanted === chunk.length ? chunk : chunk.subarray(0, wanted), position)
    if (filled === 0) break
    position += filled
    let from = 0
    for (;;) {
      const newline = chunk.subarray(0, filled).indexOf(NEWLINE, from)
      if (newline === -1) break
      yield line(chunk.subarray(from, newline), pieceBytes + (newline - from) + 1, true)
      from = newline + 1
    }
    if (from < filled) {
      const rest = filled - from
      // The chunk is filled anew by the next read, so what is carried over is copied out of it.
      if (pieceBytes + rest <= maxLineBytes) pieces.push(Buffer.from(chunk.subarray(from, filled)))
      else pieces = []
      pieceBytes += rest
    }
  }
  if (pieceBytes > 0) yield line(Buffer.alloc(0), pieceBytes, false)
}

/** What of a file is looked at first: as text it is a string of its own, of which few should be long. */
const FIRST_BYTES = 64 * 1024
const NONE = Buffer.alloc(0)

/**
 * The lines of a file as many at once as a window shows, which are walked over where they stand: nothing is made for a
 * line. What the window shows is valid until it is moved.
 */
export class LineWindow implements BytesAndText {
  #buffer = NONE
  bytes: Buffer = NONE
  text = ''
  isAscii = true

  readonly #sizeBytes: number

  constructor(private readonly file: OpenFile) {
    this.#sizeBytes = file.status().sizeBytes
  }

  /** False where no line ends within it: it is the last one, or a very long one. */
  moveTo(offset: number): boolean {
    const rest = this.#sizeBytes - offset
    for (let wanted = Math.max(this.#buffer.length, FIRST_BYTES); ; wanted *= 2) {
      if (this.#buffer.length < Math.min(wanted, rest)) this.#buffer = Buffer.allocUnsafeSlow(Math.min(wanted, rest))
      const filled = rest > 0 ? this.file.read(this.#buffer, offset) : 0
      this.bytes = this.#buffer.subarray(0, filled)
      this.text = this.bytes.toString('latin1')
      if (this.text.includes('\n')) {
        this.isAscii = isAscii(this.bytes)
        return true
      }
      if (wanted >= rest || wanted >= READ_CHUNK_BYTES) return false
    }
  }
}
