import { checksumValue } from '../../format/checksum.js'
import type { PlainRecord } from '../../format/decode-fast.js'
import { quote } from '../../format/json-text.js'
import { bytesInPart } from '../../format/part-meta.js'
import type { DeleteOperation, Operation, SetOperation, SpelledPair } from '../../format/record.js'
import { isOneValue, noValue } from '../../format/value.js'
import type { OpenFile } from '../../platform/file-system.js'
import type { ReplayPlace, StateValue, TailChange } from '../types.js'
import type { ValueCache } from '../value-cache.js'
import { ClearedPrefixes } from './cleared-prefixes.js'
import type { SortedCursor } from './sorted-keys.js'
import { Effects, type LayerEffect, Put } from './tail-changes.js'
import { TailSlots } from './tail-slots.js'
import { type KeyState, type TailSlot, TailValue, TOMBSTONE } from './tail-value.js'

/** As many texts leave the cache with each key that is set, after all of them were cleared. */
const LET_GO_STEPS = 16

interface PutAway {
  readonly steps: Iterator<void>
}

/**
 * What the records behind a checkpoint say of keys. Nothing in it is removed, only superseded: a removed tombstone would
 * bring its key back. Neither are the keys marked that a clear covers: whatever is older than the clear does not count.
 */
export class Tail {
  #slots: TailSlots
  #cleared = new ClearedPrefixes()
  /** What was cleared as a whole, and is yet to leave the cache: with each key that is set some of it does. */
  readonly #putAway: PutAway[] = []
  /** How often what is cleared has changed. */
  #clears = 0
  /** How much further on its records stand by now than when they were written. */
  #shift = 0
  #file: OpenFile | undefined
  /** The last record that was read from a file, and not made here. */
  #replayedSeq = 0

  constructor(
    file: OpenFile | undefined,
    /** The log's name; the file may have been opened under another one. */
    private readonly path: string,
    private readonly cache: ValueCache,
  ) {
    this.#file = file
    this.#slots = new TailSlots(cache)
  }

  get keyCount(): number {
    return this.#slots.size
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0 && this.#cleared.size === 0
  }

  get clears(): number {
    return this.#clears
  }

  get cleared(): ClearedPrefixes {
    return this.#cleared
  }

  /** About what its values take in a checkpoint. */
  get stateBytes(): number {
    return this.#slots.stateBytes
  }

  get file(): OpenFile | undefined {
    return this.#file
  }

  get shift(): number {
    return this.#shift
  }

  /** Its records stand in another file now, so much further on. */
  moveTo(file: OpenFile, shift: number): void {
    this.#file = file
    this.#shift += shift
  }

  /** Undefined where the layer says nothing of the key and the next one below is to be asked. */
  get(key: string): KeyState | undefined {
    return this.#uncleared(key, this.#slots.get(key)?.value)
  }

  /** The same of the key at which a cursor stands. */
  at(cursor: SortedCursor<TailSlot>): KeyState | undefined {
    const key = cursor.key as string
    // A key that was taken back and set again has another slot, too.
    return this.#uncleared(key, cursor.item?.value ?? this.#slots.get(key)?.value)
  }

  #uncleared(key: string, value: KeyState | undefined): KeyState | undefined {
    if (this.#cleared.size === 0) return value
    const clearedBy = this.#cleared.lastFor(key)
    if (clearedBy === -1) return value
    return value !== undefined && value !== TOMBSTONE && value.seq >= clearedBy ? value : TOMBSTONE
  }

  /** With its text, which is read again where it was let go. `isKept`: it may be asked for again. */
  valueOf(key: string, entry: TailValue, isKept: boolean): StateValue {
    const { encoding, expires, time } = entry
    return { text: this.#textOf(key, entry, isKept), encoding, expires, time }
  }

  #textOf(key: string, entry: TailValue, isKept: boolean): string {
    if (entry.text !== undefined) {
      if (isKept) entry.isUsed = true
      return entry.text
    }
    const text = entry.read(this.#file as OpenFile, this.path, this.#shift, key)
    if (isKept) {
      entry.text = text
      this.cache.add(entry, entry.textBytes)
    }
    return text
  }

  /** As it is spelled in a part. */
  spell(key: string, entry: TailValue): SpelledPair {
    const text = this.#textOf(key, entry, false)
    // A record's checksum says that it is what was written, and not that a value was; between others it would be two.
    if (entry.seq <= this.#replayedSeq && !isOneValue(text)) throw noValue(key)
    const quoted = quote(key)
    const { encoding, expires, time } = entry
    const bytes = Buffer.byteLength(quoted) + 1 + entry.bytes
    return { key, spelled: `${quoted}:${text}`, bytes, encoding, expires, time }
  }

  /** A checkpoint has taken its place, so nobody asks for its texts any more. In small steps: there may be many. */
  *letGo(): Generator<void> {
    while (this.#letGoSome()) yield
    yield* this.#slots.letGo()
  }

  /** False where nothing is left of what was put away. */
  #letGoSome(): boolean {
    const first = this.#putAway[0]
    if (!first) return false
    for (let step = 0; step < LET_GO_STEPS; step++) {
      if (!first.steps.next().done) continue
      this.#putAway.shift()
      break
    }
    return true
  }

  /** The keys that this layer names, in order: tombstones, and what a clear covers, too. */
  cursor(from: string): SortedCursor<TailSlot> {
    return this.#slots.cursor(from)
  }

  /** Some of what is to be done before a cursor can be had; false where nothing is left. */
  sortSome(): boolean {
    return this.#slots.sortSome()
  }

  apply(operation: Operation, seq: number, time: number | undefined): TailChange {
    return this.#apply(operation, seq, time, false)
  }

  #apply(operation: Operation, seq: number, time: number | undefined, isReplayed: boolean): LayerEffect {
    switch (operation.kind) {
      case 'set':
      case 'delete':
        return this.#put(operation, seq, time, isReplayed)
      case 'clear':
        return this.#clear(operation.prefix, seq)
      case 'replace': {
        // The clear puts the layer's values away as a whole and brings them back as a whole.
        const clear = this.#clear('', seq)
        const puts = operation.data.map(([key, value]) => this.#put({ kind: 'set', key, value }, seq, time, isReplayed))
        return new Effects(puts, clear)
      }
      case 'batch':
        return new Effects(operation.operations.map((each) => this.#put(each, seq, time, isReplayed)))
    }
  }

  #put(operation: SetOperation | DeleteOperation, seq: number, time: number | undefined, isReplayed: boolean): Put {
    this.#letGoSome()
    const slot = this.#slots.slotOf(operation.key, isReplayed)
    const before = slot.value
    const value = operation.kind === 'delete' ? TOMBSTONE : entryOf(operation, seq, time)
    this.#slots.become(slot, value)
    return new Put(this, slot, value, before)
  }

  /** Of a record that was read from the file: its texts are read again when they are asked for. */
  replay(operation: Operation, seq: number, time: number | undefined, place: ReplayPlace | undefined): void {
    const { entries } = this.#apply(operation, seq, time, true)
    this.#replayedSeq = Math.max(this.#replayedSeq, seq)
    if (!place) return
    const { offset, line, valueStarts } = place
    for (const [at, entry] of entries.entries()) {
      const start = valueStarts[at] as number
      const bytes = Buffer.byteLength(entry.text as string)
      entry.putAt(offset + start - this.#shift, bytes)
      entry.checkedBy(checksumValue(line.subarray(start, start + bytes)), 0)
      entry.text = undefined
    }
  }

  /** The same without what is only needed for taking it back. */
  replayPlain(record: PlainRecord, time: number | undefined, offset: number): void {
    const { key, seq, expires, encoding, valueStart, valueBytes } = record
    this.#replayedSeq = Math.max(this.#replayedSeq, seq)
    this.#letGoSome()
    const slot = this.#slots.slotOf(key, true)
    if (record.isDelete) {
      this.#slots.become(slot, TOMBSTONE)
      return
    }
    const stateBytes = bytesInPart(key, valueBytes, encoding, expires, time, record.keyBytes)
    const entry = new TailValue(seq, undefined, encoding, expires, time, stateBytes)
    entry.putAt(offset + valueStart - this.#shift, valueBytes)
    // The line ends with the value, so its own checksum says when it is read again whether it is what was written.
    entry.checkedBy(record.crc, valueStart)
    this.#slots.become(slot, entry)
  }

  /** Its record stands in the file now. */
  keep(entry: TailValue): void {
    this.#slots.keep(entry)
  }

  putBack(slot: TailSlot, before: KeyState | undefined): void {
    this.#slots.become(slot, before)
    if (before !== undefined) return
    this.#slots.remove(slot)
  }

  #clear(prefix: string, seq: number): LayerEffect {
    this.#clears++
    if (prefix !== '') {
      const before = this.#cleared.add(prefix, seq)
      const undo = () => {
        this.#clears++
        this.#cleared.restore(prefix, before)
      }
      return { entries: [], undo, written() {} }
    }
    const [slots, cleared] = [this.#slots, this.#cleared]
    const putAway: PutAway = { steps: slots.letGo() }
    if (slots.size > 0) this.#putAway.push(putAway)
    this.#slots = new TailSlots(this.cache)
    this.#cleared = new ClearedPrefixes()
    this.#cleared.add('', seq)
    return {
      entries: [],
      undo: () => {
        this.#clears++
        this.#slots = slots
        this.#cleared = cleared
        const at = this.#putAway.indexOf(putAway)
        if (at !== -1) this.#putAway.splice(at, 1)
        slots.takeBack()
      },
      written() {},
    }
  }

  /** Takes over what a newer layer says, whose records stand in the same file. */
  absorb(newer: Tail): void {
    for (const prefix of newer.#cleared) this.#clear(prefix, newer.#cleared.lastFor(prefix))
    this.#putAway.push(...newer.#putAway)
    this.#replayedSeq = Math.max(this.#replayedSeq, newer.#replayedSeq)
    for (const { key, value } of newer.#slots) {
      if (value !== undefined && value !== TOMBSTONE) value.moveBy(newer.#shift - this.#shift)
      this.#slots.become(this.#slots.slotOf(key, false), value)
    }
  }
}

function entryOf({ key, value, expires }: SetOperation, seq: number, time: number | undefined): TailValue {
  return new TailValue(
    seq,
    value.text,
    value.encoding,
    expires,
    time,
    bytesInPart(key, Buffer.byteLength(value.text), value.encoding, expires, time),
  )
}
