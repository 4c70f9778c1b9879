import { checksumValue } from '../../format/checksum.js'
import { type KeyMeta, toKeyMeta } from '../../format/part-meta.js'
import { valueOffsets, type WrittenRecord } from '../../format/record.js'
import type { Encoding } from '../../format/value.js'
import type { OpenFile } from '../../platform/file-system.js'
import { readFully } from '../../platform/whole-file.js'
import { corrupt } from '../corrupt.js'
import type { CachedText, CacheState, ValueCache } from '../value-cache.js'
import { type SortedCursor, SortedKeys } from './sorted-keys.js'

/** Where the records of a tail are. A compaction copies them to another file. */
export class TailFile {
  /** How many bytes further on the records are than when they were written. */
  shift = 0

  constructor(
    /** Undefined for a state that is only in memory. */
    public file: OpenFile | undefined,
    /** The log's name; the file may have been opened under another one. */
    readonly path: string,
  ) {}
}

const NOT_WRITTEN = -1
const NO_CHECKSUM = -1

/** A value that was set after the checkpoint: its text, or the place in the log where that can be read again. */
export class TailValue implements CachedText {
  cacheState: CacheState = 'outside'
  cachedBytes = 0
  /** False once a later record has changed the key. */
  isCurrent = true
  #offset = NOT_WRITTEN
  #bytes = 0
  /**
   * Checksum of the text's bytes and of the `#lead` bytes before them. Signed: V8 stores a number up to 2^32 as an
   * object of its own.
   */
  #crc = 0
  #lead = NO_CHECKSUM
  readonly #meta: KeyMeta | undefined

  constructor(
    /** The record that set it. */
    readonly seq: number,
    public text: string | undefined,
    encoding: Encoding | undefined,
    expires: number | undefined,
    time: number | undefined,
    /** About how many bytes it takes in a checkpoint, with its key. */
    readonly stateBytes: number,
  ) {
    this.#meta = toKeyMeta(encoding, expires, time)
  }

  get encoding(): Encoding | undefined {
    return this.#meta?.encoding
  }

  get expires(): number | undefined {
    return this.#meta?.expires
  }

  get time(): number | undefined {
    return this.#meta?.time
  }

  /** False until its record is written: until then only this object has the text. */
  get isInFile(): boolean {
    return this.#offset !== NOT_WRITTEN
  }

  /** The length of its text in the file. */
  get bytes(): number {
    return this.#bytes
  }

  /** The length of its text in memory, where V8 stores ASCII with one byte a character. */
  get textBytes(): number {
    return this.text === undefined ? 0 : this.text.length * (this.text.length === this.#bytes ? 1 : 2)
  }

  writtenAt(offset: number, bytes: number): void {
    this.#offset = offset
    this.#bytes = bytes
  }

  moveBy(bytes: number): void {
    if (this.isInFile) this.#offset += bytes
  }

  /** `lead`: how many bytes before the text the checksum begins. */
  setChecksum(crc: number, lead: number): void {
    this.#crc = crc | 0
    this.#lead = lead
  }

  dropText(): void {
    if (this.text === undefined) return
    if (this.#lead === NO_CHECKSUM) this.setChecksum(checksumValue(this.text), 0)
    this.text = undefined
  }

  read({ file, path, shift }: TailFile, key: string): string {
    const lead = this.#lead
    const offset = this.#offset + shift
    const bytes = readFully(file as OpenFile, Buffer.allocUnsafe(lead + this.#bytes), offset - lead, path)
    if (bytes === undefined || (checksumValue(bytes) | 0) !== this.#crc) {
      throw corrupt(path, offset, `the value of key ${JSON.stringify(key.slice(0, 100))}`)
    }
    return bytes.toString('utf8', lead)
  }
}

/** A key that was deleted: it hides the key in older layers. */
export const TOMBSTONE = Symbol('tombstone')
export type KeyState = TailValue | typeof TOMBSTONE

/** A key of a tail, with what its newest record made of it. */
export class TailKey {
  /** Undefined after all records of the key were undone. */
  state: KeyState | undefined

  constructor(readonly key: string) {}
}

/** The keys of a tail, by name and in order, and their values. */
export class TailValues {
  readonly #byKey = new Map<string, TailKey>()
  readonly #sorted = new SortedKeys<TailKey>()
  #stateBytes = 0

  constructor(
    readonly file: TailFile,
    private readonly cache: ValueCache,
  ) {}

  get size(): number {
    return this.#byKey.size
  }

  /** About how many bytes the values take in a checkpoint. */
  get stateBytes(): number {
    return this.#stateBytes
  }

  get(key: string): TailKey | undefined {
    return this.#byKey.get(key)
  }

  /** `isReplayed`: opening adds many keys, which are sorted later. */
  getOrAdd(key: string, isReplayed: boolean): TailKey {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const added = new TailKey(key)
    this.#byKey.set(key, added)
    this.#sorted.add(added, isReplayed)
    return added
  }

  [Symbol.iterator](): Iterator<TailKey> {
    return this.#byKey.values()
  }

  /** Removes the former value from the cache. */
  set(key: TailKey, state: KeyState | undefined): void {
    const former = key.state
    if (former !== undefined && former !== TOMBSTONE) {
      former.isCurrent = false
      this.cache.remove(former)
      this.#stateBytes -= former.stateBytes
    }
    key.state = state
    if (state !== undefined && state !== TOMBSTONE) {
      state.isCurrent = true
      this.#stateBytes += state.stateBytes
      this.#offerToCache(state)
    }
  }

  undoSet(key: TailKey, before: KeyState | undefined): void {
    this.set(key, before)
    if (before !== undefined) return
    this.#byKey.delete(key.key)
    // Otherwise a disk that is full for long would leave a name for each key that it refused.
    this.#sorted.undoAdd(key)
  }

  /** The record of a value was written, so that the cache may drop its text. `offset`: in the file as it is now. */
  written(value: TailValue, offset: number, bytes: number): void {
    value.writtenAt(offset - this.file.shift, bytes)
    this.#offerToCache(value)
  }

  #offerToCache(value: TailValue): void {
    if (value.isInFile && value.isCurrent && value.text !== undefined) this.cache.add(value, value.textBytes)
  }

  /** The keys in order, from the first that is not before `from`. */
  cursor(from: string): SortedCursor<TailKey> {
    return this.#sorted.from(from)
  }

  /** Sorts some keys, as `cursor` does with all; false if all are sorted. */
  sortSome(): boolean {
    return this.#sorted.sortSome()
  }

  /** Removes the texts from the cache, in small steps: there may be many. */
  *release(): Generator<void> {
    for (const { state } of this.#byKey.values()) {
      if (state !== undefined && state !== TOMBSTONE) {
        // So that it does not come back when its record is written.
        state.isCurrent = false
        this.cache.remove(state)
      }
      yield
    }
  }

  /** Undoes `release`, at once: this is rare. */
  restore(): void {
    for (const { state } of this.#byKey.values()) {
      if (state === undefined || state === TOMBSTONE) continue
      state.isCurrent = true
      this.#offerToCache(state)
    }
  }
}

/** What a record changed in a tail, so that it can be undone if the record is refused. */
export type TailChange = KeyChange | RecordChange

/** A record's change of one key. */
export class KeyChange {
  constructor(
    private readonly tailValues: TailValues,
    private readonly key: TailKey,
    readonly state: KeyState,
    private readonly before: KeyState | undefined,
  ) {}

  /** The values that were set, in the order of the record's operations. */
  get values(): readonly TailValue[] {
    return this.state === TOMBSTONE ? [] : [this.state]
  }

  /** Changes are undone in reverse order. */
  undo(): void {
    this.tailValues.undoSet(this.key, this.before)
  }

  /** The record is in the file, so its values can be read from there. */
  written({ encodedEnd, isAscii }: WrittenRecord): void {
    if (this.state === TOMBSTONE) return
    // A record of one key ends with the value.
    const bytes = byteLength(this.state, isAscii)
    this.tailValues.written(this.state, encodedEnd - bytes, bytes)
  }

  writtenAt(offset: number, isAscii: boolean): void {
    if (this.state !== TOMBSTONE) this.tailValues.written(this.state, offset, byteLength(this.state, isAscii))
  }
}

function byteLength({ text }: TailValue, isAscii: boolean): number {
  return isAscii ? (text as string).length : Buffer.byteLength(text as string)
}

/** The changes of a record with several keys, or of a clear. */
export class RecordChange {
  constructor(
    private readonly keys: readonly KeyChange[],
    /** Undoes the clear that came first. */
    private readonly undoClear?: () => void,
  ) {}

  get values(): readonly TailValue[] {
    return this.keys.flatMap(({ values }) => values)
  }

  undo(): void {
    for (let at = this.keys.length - 1; at >= 0; at--) this.keys[at]?.undo()
    this.undoClear?.()
  }

  written(record: WrittenRecord): void {
    const offsets = valueOffsets(record)
    let next = 0
    for (const change of this.keys) {
      if (change.state !== TOMBSTONE) change.writtenAt(offsets[next++] as number, record.isAscii)
    }
  }
}
