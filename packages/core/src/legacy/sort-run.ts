import { checksum } from '../format/checksum.js'
import { ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { SORT_BLOCK_BYTES } from '../platform/limits.js'
import { writeFully } from '../platform/whole-file.js'
import type { FileRange } from './json-members.js'

/**
 * Keys in order with what is said of them, in a temporary file: what the external sort writes and reads again while one
 * log is opened. It is never synced and never read by anyone else, so its form is nobody's contract. It has checksums,
 * because what comes of it gets new ones.
 */

export const DELETED = Symbol('deleted')

/** What is said of a key: its value, where that stands if it is too long to be held, or that it is gone. */
export type SortedValue = HeldValue | RangeValue | typeof DELETED

/** The bytes of a value, from `start` to `end` of a larger buffer. */
export interface HeldValue {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Unix ms when it was written, where that is kept. */
  readonly time: number | undefined
}

/** The place of a value in the file that it comes from. */
export interface RangeValue {
  readonly range: FileRange
  readonly time: number | undefined
}

/** Keys in order, each once. */
export interface SortedSource {
  readonly key: string
  /** Of that key; valid until the next is asked for. */
  value(): SortedValue
  /** Goes to the next key, at first to the first; false where there is none. */
  next(): boolean
}

/** Flags of an entry. A key with half a surrogate pair has no UTF-8. */
const IS_UTF16 = 1
const HAS_TIME = 2
const IS_HELD = 4
const IS_RANGE = 8
/** Flags, the length of the key and of the value, the time. */
const ENTRY_HEAD_BYTES = 17
const RANGE_BYTES = 16
/** The length of the block and its checksum. */
const BLOCK_HEAD_BYTES = 12

export class RunWriter {
  /** Begins with the room for the block's head. */
  #block = Buffer.allocUnsafe(BLOCK_HEAD_BYTES + SORT_BLOCK_BYTES)
  #filled = BLOCK_HEAD_BYTES
  #offset = 0

  constructor(private readonly file: OpenFile) {}

  /** Returns how many bytes that were. */
  add(key: string, value: SortedValue): number {
    const isUtf16 = !key.isWellFormed()
    const keyBytes = isUtf16 ? key.length * 2 : Buffer.byteLength(key)
    const held = value !== DELETED && 'bytes' in value ? value : undefined
    const range = value !== DELETED && 'range' in value ? value.range : undefined
    const valueBytes = held ? held.end - held.start : range ? RANGE_BYTES : 0
    const time = value === DELETED ? undefined : value.time
    const length = ENTRY_HEAD_BYTES + keyBytes + valueBytes
    this.#makeRoom(length)

    const block = this.#block
    const flags = (isUtf16 ? IS_UTF16 : 0) | (time === undefined ? 0 : HAS_TIME) | (held ? IS_HELD : 0)
    let at = block.writeUInt8(flags | (range ? IS_RANGE : 0), this.#filled)
    at = block.writeUInt32LE(keyBytes, at)
    at = block.writeUInt32LE(valueBytes, at)
    at = block.writeDoubleLE(time ?? 0, at)
    at += block.write(key, at, isUtf16 ? 'utf16le' : 'utf8')
    if (held) held.bytes.copy(block, at, held.start, held.end)
    else if (range) block.writeDoubleLE(range.end, block.writeDoubleLE(range.start, at))
    this.#filled += length
    return length
  }

  /** Returns the length of the file. */
  finish(): number {
    this.#endBlock()
    return this.#offset
  }

  #makeRoom(bytes: number): void {
    if (this.#filled + bytes <= this.#block.length) return
    this.#endBlock()
    if (this.#filled + bytes > this.#block.length) this.#block = Buffer.allocUnsafe(this.#filled + bytes)
  }

  #endBlock(): void {
    if (this.#filled === BLOCK_HEAD_BYTES) return
    const block = this.#block.subarray(0, this.#filled)
    block.writeUInt32LE(block.length - BLOCK_HEAD_BYTES)
    block.write(checksum(block.subarray(BLOCK_HEAD_BYTES)), 4, 'latin1')
    writeFully(this.file, block, this.#offset)
    this.#offset += block.length
    this.#filled = BLOCK_HEAD_BYTES
  }
}

export class RunReader implements SortedSource {
  key = ''
  #block = Buffer.alloc(0)
  #blockBytes = 0
  /** Where the next block begins. */
  #offset = 0
  /** In the block: the value, and the entry behind it. */
  #valueAt = 0
  #next = 0
  #flags = 0
  #time = 0
  readonly #head = Buffer.alloc(BLOCK_HEAD_BYTES)

  constructor(
    private readonly file: OpenFile,
    private readonly sizeBytes: number,
  ) {}

  next(): boolean {
    if (this.#next === this.#blockBytes && !this.#readBlock()) return false
    const block = this.#block
    this.#flags = block.readUInt8(this.#next)
    const keyBytes = block.readUInt32LE(this.#next + 1)
    const valueBytes = block.readUInt32LE(this.#next + 5)
    this.#time = block.readDoubleLE(this.#next + 9)
    const keyAt = this.#next + ENTRY_HEAD_BYTES
    this.#valueAt = keyAt + keyBytes
    this.#next = this.#valueAt + valueBytes
    this.key = block.toString(this.#flags & IS_UTF16 ? 'utf16le' : 'utf8', keyAt, this.#valueAt)
    return true
  }

  value(): SortedValue {
    const time = this.#flags & HAS_TIME ? this.#time : undefined
    if (this.#flags & IS_HELD) return { bytes: this.#block, start: this.#valueAt, end: this.#next, time }
    if ((this.#flags & IS_RANGE) === 0) return DELETED
    const [start, end] = [this.#block.readDoubleLE(this.#valueAt), this.#block.readDoubleLE(this.#valueAt + 8)]
    return { range: { start, end }, time }
  }

  #readBlock(): boolean {
    if (this.#offset >= this.sizeBytes) return false
    const isHeadRead = this.file.read(this.#head, this.#offset) === BLOCK_HEAD_BYTES
    const length = this.#head.readUInt32LE()
    const place = this.#offset + BLOCK_HEAD_BYTES
    if (!isHeadRead || length === 0 || place + length > this.sizeBytes) throw this.#changed()
    if (length > this.#block.length) this.#block = Buffer.allocUnsafe(Math.max(length, SORT_BLOCK_BYTES))
    const block = this.#block.subarray(0, length)
    if (this.file.read(block, place) !== length) throw this.#changed()
    if (checksum(block) !== this.#head.toString('latin1', 4)) throw this.#changed()
    this.#offset = place + length
    this.#blockBytes = length
    this.#next = 0
    return true
  }

  #changed(): Error {
    const cause = Object.assign(new Error('it does not read back as it was written'), { code: 'EIO' })
    return ioError('read', this.file.path, cause, this.#offset)
  }
}
