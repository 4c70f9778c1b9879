import { checksumValue } from '../../format/checksum.js'
import type { PlainRecord } from '../../format/decode-fast.js'
import { quote } from '../../format/json-text.js'
import { bytesInPart } from '../../format/part-meta.js'
import type { DeleteOperation, Operation, SetOperation, SpelledPair } from '../../format/record.js'
import { isOneValue, noValue } from '../../format/value.js'
import type { OpenFile } from '../../platform/file-system.js'
import type { ReplayPlace, StateValue } from '../types.js'
import type { ValueCache } from '../value-cache.js'
import { ClearedPrefixes } from './cleared-prefixes.js'
import type { SortedCursor } from './sorted-keys.js'
import {
  KeyChange,
  type KeyState,
  RecordChange,
  type TailChange,
  TailFile,
  type TailKey,
  TailValue,
  TailValues,
  TOMBSTONE,
} from './tail-values.js'

/** After a clear of everything, each later change releases so many of the cleared values. */
const RELEASE_STEPS = 16

/**
 * Key states from the records after a checkpoint. They are superseded, never removed: without its tombstone a deleted
 * key would come back from an older layer. A clear does not touch the keys that it covers either: it is remembered by
 * its prefix and seq, and a value that an older record set does not count.
 */
export class Tail {
  readonly #file: TailFile
  #values: TailValues
  #cleared = new ClearedPrefixes()
  /** Values that were cleared as a whole and are still in the cache. */
  readonly #releasing: Generator<void>[] = []
  #clears = 0
  /** The last record that was read from a file. */
  #replayedSeq = 0

  /** `path`: the log's name; the file may have been opened under another one. */
  constructor(
    file: OpenFile | undefined,
    path: string,
    private readonly cache: ValueCache,
  ) {
    this.#file = new TailFile(file, path)
    this.#values = new TailValues(this.#file, cache)
  }

  get keyCount(): number {
    return this.#values.size
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#cleared.size === 0
  }

  /** Changes whenever `cleared` does. */
  get clears(): number {
    return this.#clears
  }

  get cleared(): ClearedPrefixes {
    return this.#cleared
  }

  /** About how many bytes its values take in a checkpoint. */
  get stateBytes(): number {
    return this.#values.stateBytes
  }

  get file(): OpenFile | undefined {
    return this.#file.file
  }

  /** Its records are in this file now, `shift` bytes further on than before. */
  moveTo(file: OpenFile, shift: number): void {
    this.#file.file = file
    this.#file.shift += shift
  }

  /** Undefined if the tail does not name the key: then an older layer decides. */
  get(key: string): KeyState | undefined {
    return this.#unlessCleared(key, this.#values.get(key)?.state)
  }

  /** The same for a cursor's key. */
  stateAt(cursor: SortedCursor<TailKey>): KeyState | undefined {
    const key = cursor.key as string
    // A key that was undone and then set again has a new object.
    return this.#unlessCleared(key, cursor.item?.state ?? this.#values.get(key)?.state)
  }

  /** A cleared key is a tombstone. A replace clears and sets with one number, so a state of that number counts. */
  #unlessCleared(key: string, state: KeyState | undefined): KeyState | undefined {
    if (this.#cleared.size === 0) return state
    const clearedBy = this.#cleared.lastFor(key)
    if (clearedBy === -1) return state
    return state !== undefined && state !== TOMBSTONE && state.seq >= clearedBy ? state : TOMBSTONE
  }

  /** The value with its text. `isKept`: keep the text in the cache. */
  valueOf(key: string, value: TailValue, isKept: boolean): StateValue {
    const { encoding, expires, time } = value
    return { text: this.#textOf(key, value, isKept), encoding, expires, time }
  }

  /** Reads the text again if the cache dropped it. */
  #textOf(key: string, value: TailValue, isKept: boolean): string {
    if (value.text !== undefined) {
      if (isKept) this.cache.use(value)
      return value.text
    }
    const text = value.read(this.#file, key)
    if (isKept) {
      value.text = text
      this.cache.add(value, value.textBytes)
    }
    return text
  }

  /** Returns the pair as a part spells it. */
  spell(key: string, value: TailValue): SpelledPair {
    const text = this.#textOf(key, value, false)
    // The checksum of a replayed record proves its bytes, not that they are one JSON value. In a part they must be.
    if (value.seq <= this.#replayedSeq && !isOneValue(text)) throw noValue(key)
    const quoted = quote(key)
    const { encoding, expires, time } = value
    const bytes = Buffer.byteLength(quoted) + 1 + value.bytes
    return { key, spelled: `${quoted}:${text}`, bytes, encoding, expires, time }
  }

  /** The keys that the tail names, in order, with those that were deleted or cleared. */
  cursor(from: string): SortedCursor<TailKey> {
    return this.#values.cursor(from)
  }

  /** Sorts some keys, as `cursor` does with all; false if all are sorted. */
  sortSome(): boolean {
    return this.#values.sortSome()
  }

  apply(operation: Operation, seq: number, time: number | undefined): TailChange {
    return this.#apply(operation, seq, time, false)
  }

  #apply(operation: Operation, seq: number, time: number | undefined, isReplayed: boolean): TailChange {
    switch (operation.kind) {
      case 'set':
      case 'delete':
        return this.#change(operation, seq, time, isReplayed)
      case 'clear':
        return new RecordChange([], this.#clear(operation.prefix, seq))
      case 'replace': {
        const undoClear = this.#clear('', seq)
        const sets = operation.data.map(([key, value]) =>
          this.#change({ kind: 'set', key, value }, seq, time, isReplayed),
        )
        return new RecordChange(sets, undoClear)
      }
      case 'batch':
        return new RecordChange(operation.operations.map((each) => this.#change(each, seq, time, isReplayed)))
    }
  }

  #change(
    operation: SetOperation | DeleteOperation,
    seq: number,
    time: number | undefined,
    isReplayed: boolean,
  ): KeyChange {
    this.#releaseSome()
    const key = this.#values.getOrAdd(operation.key, isReplayed)
    const before = key.state
    const state = operation.kind === 'delete' ? TOMBSTONE : toTailValue(operation, seq, time)
    this.#values.set(key, state)
    return new KeyChange(this.#values, key, state, before)
  }

  /** Returns a function that undoes it. */
  #clear(prefix: string, seq: number): () => void {
    this.#clears++
    return prefix === '' ? this.#clearAll(seq) : this.#clearPrefix(prefix, seq)
  }

  #clearPrefix(prefix: string, seq: number): () => void {
    const before = this.#cleared.add(prefix, seq)
    return () => {
      this.#clears++
      this.#cleared.undoAdd(prefix, before)
    }
  }

  #clearAll(seq: number): () => void {
    const [values, cleared] = [this.#values, this.#cleared]
    const release = values.release()
    if (values.size > 0) this.#releasing.push(release)
    this.#values = new TailValues(this.#file, this.cache)
    this.#cleared = new ClearedPrefixes()
    this.#cleared.add('', seq)
    return () => {
      this.#clears++
      this.#values = values
      this.#cleared = cleared
      const at = this.#releasing.indexOf(release)
      if (at !== -1) this.#releasing.splice(at, 1)
      values.restore()
    }
  }

  /** Applies a record that was read from a file. Without `place` its values stay in memory. */
  replay(operation: Operation, seq: number, time: number | undefined, place: ReplayPlace | undefined): void {
    const { values } = this.#apply(operation, seq, time, true)
    this.#replayedSeq = Math.max(this.#replayedSeq, seq)
    if (!place) return
    const { offset, line, valueStarts } = place
    for (const [at, value] of values.entries()) {
      const start = valueStarts[at] as number
      const bytes = Buffer.byteLength(value.text as string)
      value.writtenAt(offset + start - this.#file.shift, bytes)
      value.setChecksum(checksumValue(line.subarray(start, start + bytes)), 0)
      value.text = undefined
    }
  }

  /** The same for a record of one key, without decoding its value and without a change to undo. */
  replayPlain(record: PlainRecord, time: number | undefined, offset: number): void {
    const { seq, expires, encoding, valueStart, valueBytes } = record
    this.#replayedSeq = Math.max(this.#replayedSeq, seq)
    this.#releaseSome()
    const key = this.#values.getOrAdd(record.key, true)
    if (record.isDelete) {
      this.#values.set(key, TOMBSTONE)
      return
    }
    const stateBytes = bytesInPart(record.key, valueBytes, encoding, expires, time, record.keyBytes)
    const value = new TailValue(seq, undefined, encoding, expires, time, stateBytes)
    value.writtenAt(offset + valueStart - this.#file.shift, valueBytes)
    // The line ends with the value, so the line's checksum also proves the value when that is read again.
    value.setChecksum(record.crc, valueStart)
    this.#values.set(key, value)
  }

  /** Takes over the states of a newer tail whose records are in the same file. */
  absorb(newer: Tail): void {
    for (const prefix of newer.#cleared) this.#clear(prefix, newer.#cleared.lastFor(prefix))
    this.#releasing.push(...newer.#releasing)
    this.#replayedSeq = Math.max(this.#replayedSeq, newer.#replayedSeq)
    for (const { key, state } of newer.#values) {
      if (state !== undefined && state !== TOMBSTONE) state.moveBy(newer.#file.shift - this.#file.shift)
      this.#values.set(this.#values.getOrAdd(key, false), state)
    }
  }

  /** Removes the texts from the cache, in small steps, after a checkpoint has replaced the tail. */
  *release(): Generator<void> {
    while (this.#releaseSome()) yield
    yield* this.#values.release()
  }

  /** Releases some values that were cleared; false if there are none. */
  #releaseSome(): boolean {
    const first = this.#releasing[0]
    if (!first) return false
    for (let step = 0; step < RELEASE_STEPS; step++) {
      if (!first.next().done) continue
      this.#releasing.shift()
      break
    }
    return true
  }
}

function toTailValue({ key, value, expires }: SetOperation, seq: number, time: number | undefined): TailValue {
  const { text, encoding } = value
  const stateBytes = bytesInPart(key, Buffer.byteLength(text), encoding, expires, time)
  return new TailValue(seq, text, encoding, expires, time, stateBytes)
}
