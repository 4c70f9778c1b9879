import type { Slices } from '../platform/clock.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { DELETED, type RangeValue, type SortedSource, type SortedValue } from './sort-run.js'

/** About what an entry takes beside its key's characters and its value. */
const ENTRY_BYTES = 150

/** Where in the buffer a value stands, which may have room for a longer one. */
interface Slot {
  start: number
  length: number
  room: number
  time: number | undefined
}

type Entry = Slot | RangeValue | typeof DELETED

/**
 * Keys with what was said of them last. The values stand in one buffer, so that the garbage collector has neither to
 * move nor to look at them, and none of them keeps the line in memory that it was cut from.
 */
export class SortMemory {
  #entries = new Map<string, Entry>()
  #keyBytes = 0
  #buffer = Buffer.alloc(0)
  #filled = 0
  /** Of the values that are in the buffer still. */
  #valueBytes = 0

  get bytes(): number {
    return this.#filled + this.#keyBytes
  }

  set(key: string, value: Buffer | string, time: number | undefined): void {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length
    const slot = this.#slotFor(key, length)
    slot.length = length
    slot.time = time
    this.#valueBytes += length
    if (typeof value === 'string') this.#buffer.write(value, slot.start, 'utf8')
    else value.copy(this.#buffer, slot.start)
  }

  setRange(key: string, value: RangeValue): void {
    this.#put(key, value, this.#entries.get(key))
  }

  delete(key: string): void {
    this.#put(key, DELETED, this.#entries.get(key))
  }

  clear(): void {
    this.#entries = new Map()
    this.#keyBytes = this.#filled = this.#valueBytes = 0
  }

  #slotFor(key: string, length: number): Slot {
    const before = this.#entries.get(key)
    if (isSlot(before) && before.room >= length) {
      this.#valueBytes -= before.length
      return before
    }
    if (this.#filled + length > this.#buffer.length) this.#grow(this.#filled + length)
    const slot = { start: this.#filled, length, room: length, time: undefined }
    this.#filled += length
    this.#put(key, slot, before)
    return slot
  }

  #put(key: string, entry: Entry, before: Entry | undefined): void {
    if (before === undefined) this.#keyBytes += ENTRY_BYTES + memoryOf(key)
    else if (isSlot(before)) this.#valueBytes -= before.length
    this.#entries.set(before === undefined ? ownCopy(key) : key, entry)
  }

  #grow(least: number): void {
    const buffer = Buffer.allocUnsafe(Math.max(least, this.#buffer.length * 2, READ_CHUNK_BYTES))
    this.#buffer.copy(buffer, 0, 0, this.#filled)
    this.#buffer = buffer
  }

  /** Gives back what values took that were written over, where that is half of it all. */
  async compact(slices: Slices): Promise<void> {
    if (this.#valueBytes * 2 > this.#filled) return
    const buffer = Buffer.allocUnsafe(Math.max(this.#valueBytes, READ_CHUNK_BYTES))
    let filled = 0
    for (const entry of this.#entries.values()) {
      if (!isSlot(entry)) continue
      this.#buffer.copy(buffer, filled, entry.start, entry.start + entry.length)
      entry.start = filled
      entry.room = entry.length
      filled += entry.length
      if (slices.isDue(entry.length)) await slices.pause()
    }
    this.#buffer = buffer
    this.#filled = filled
  }

  /** In pieces of so many keys, each of them in order: to put all in order at once would hold everybody up. */
  async sorted(pieceKeys: number, slices: Slices): Promise<SortedSource[]> {
    const pieces: SortedSource[] = []
    let keys: string[] = []
    for (const key of this.#entries.keys()) {
      keys.push(key)
      if (keys.length < pieceKeys) continue
      pieces.push(new Piece(keys.sort(), this.#entries, this.#buffer))
      keys = []
      if (slices.isDue(Number.POSITIVE_INFINITY)) await slices.pause()
    }
    return [...pieces, new Piece(keys.sort(), this.#entries, this.#buffer)]
  }
}

class Piece implements SortedSource {
  key = ''
  #next = 0

  constructor(
    private readonly keys: readonly string[],
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly buffer: Buffer,
  ) {}

  next(): boolean {
    const key = this.keys[this.#next++]
    this.key = key ?? ''
    return key !== undefined
  }

  value(): SortedValue {
    const entry = this.entries.get(this.key) as Entry
    if (!isSlot(entry)) return entry
    const { start, length, time } = entry
    return { bytes: this.buffer, start, end: start + length, time }
  }
}

function isSlot(entry: Entry | undefined): entry is Slot {
  return typeof entry === 'object' && 'room' in entry
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/** Strings of characters that are not all of one byte take two bytes for each. */
function memoryOf(text: string): number {
  return isAscii(text) ? text.length : text.length * 2
}

/** So short a piece of a string is a copy anyway. */
const COPIED_LENGTH = 13

/** A key that is a piece of a line would keep the whole line in memory. */
function ownCopy(text: string): string {
  if (text.length < COPIED_LENGTH) return text
  const encoding = isAscii(text) ? 'latin1' : 'utf16le'
  return Buffer.from(text, encoding).toString(encoding)
}
