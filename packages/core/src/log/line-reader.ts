import type { OpenFile } from '../platform/file-system.js'
import { MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'

/** A line of a file. Only the newline byte ends it, whatever else it contains. */
export interface RawLine {
  /** The first line of a file is 1. */
  readonly number: number
  readonly offset: number
  /** With the newline, if there is one. */
  readonly length: number
  /** Without the newline. Valid until the next line is read; empty if the line is too long to be read. */
  readonly bytes: Buffer
  /** False for a last line without a newline. */
  readonly ended: boolean
}

const NEWLINE = 0x0a
/** How much is read at first: most lines are short. */
const FIRST_BYTES = READ_CHUNK_BYTES / 4
/** The least that is read at once, for a file that grows while it is read. */
const MIN_BYTES = 4096

/** A window over a file that contains at least one whole line, so that lines are read in place. */
export class LineWindow {
  /** What the window shows. Valid until it moves. */
  bytes: Buffer
  #buffer: Buffer

  /** The window grows up to `maxBytes` to show a whole line. It shows nothing after `end`. */
  constructor(
    private readonly file: OpenFile,
    start: number,
    private readonly maxBytes = READ_CHUNK_BYTES,
    private readonly end = Number.POSITIVE_INFINITY,
  ) {
    // Many small files are read when a store is opened, so no more is allocated than there is to read.
    const rest = Math.max(Math.min(end, file.status().sizeBytes) - start, MIN_BYTES)
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(rest, FIRST_BYTES, maxBytes))
    this.bytes = this.#buffer.subarray(0, 0)
  }

  /** Moves to a line. False if its end is not in the window: the file ends before, or the line is too long. */
  moveTo(offset: number): boolean {
    let filled = 0
    for (;;) {
      const wanted = Math.min(this.#buffer.length, this.end - offset)
      const added = this.#buffer.subarray(filled, Math.max(wanted, filled))
      const read = this.file.read(added, offset + filled)
      filled += read
      this.bytes = this.#buffer.subarray(0, filled)
      if (added.subarray(0, read).includes(NEWLINE)) return true
      if (filled < this.#buffer.length || filled === this.maxBytes) return false
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * filled, this.maxBytes))
      this.#buffer.copy(larger, 0, 0, filled)
      this.#buffer = larger
    }
  }
}

export interface LinesOptions {
  /** Where the first line begins. Default 0. */
  readonly start?: number
  /** The number of that line. Default 1. */
  readonly firstNumber?: number
  /** Nothing after this offset is read. Default: the end of the file. */
  readonly end?: number
  readonly maxLineBytes?: number
}

/**
 * Reads the lines of a file one after the other, so that a file of any size takes little memory. The bytes of a line
 * that is longer than `maxLineBytes` are skipped: it has its length, but is empty.
 */
export function* readLines(
  file: OpenFile,
  {
    start = 0,
    firstNumber = 1,
    end = Number.POSITIVE_INFINITY,
    maxLineBytes = MAX_READ_RECORD_BYTES,
  }: LinesOptions = {},
): Generator<RawLine> {
  const window = new LineWindow(file, start, maxLineBytes, end)
  let offset = start
  let number = firstNumber
  for (;;) {
    const isWhole = window.moveTo(offset)
    const { bytes } = window
    if (bytes.length === 0) return
    if (isWhole) {
      let from = 0
      for (let to = bytes.indexOf(NEWLINE); to !== -1; to = bytes.indexOf(NEWLINE, from)) {
        const length = to + 1 - from
        yield { number, offset: offset + from, length, bytes: bytes.subarray(from, to), ended: true }
        number++
        from = to + 1
      }
      offset += from
    } else if (bytes.length < maxLineBytes) {
      yield { number, offset, length: bytes.length, bytes, ended: false }
      return
    } else {
      const { length, ended } = findEnd(file, offset, bytes.length, end)
      yield { number, offset, length, bytes: length > maxLineBytes ? bytes.subarray(0, 0) : bytes, ended }
      if (!ended) return
      number++
      offset += length
    }
  }
}

/** The line at `offset`; undefined if the file ends there. */
export function readLine(file: OpenFile, offset: number, number = 1): RawLine | undefined {
  return readLines(file, { start: offset, firstNumber: number }).next().value as RawLine | undefined
}

/** Finds the end of the line at `offset`, whose first `length` bytes contain no newline. */
function findEnd(file: OpenFile, offset: number, length: number, end: number): { length: number; ended: boolean } {
  const chunk = Buffer.allocUnsafe(READ_CHUNK_BYTES)
  for (let found = length; ; ) {
    const filled = file.read(chunk.subarray(0, Math.min(chunk.length, end - offset - found)), offset + found)
    const newline = chunk.subarray(0, filled).indexOf(NEWLINE)
    if (newline !== -1) return { length: found + newline + 1, ended: true }
    if (filled === 0) return { length: found, ended: false }
    found += filled
  }
}
