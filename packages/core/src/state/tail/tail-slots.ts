import type { ValueCache } from '../value-cache.js'
import { type SortedCursor, SortedKeys } from './sorted-keys.js'
import { type KeyState, TailSlot, type TailValue, TOMBSTONE } from './tail-value.js'

/** The keys that a tail names, by name and in order, and what it says of each by now. */
export class TailSlots {
  readonly #byKey = new Map<string, TailSlot>()
  readonly #sorted = new SortedKeys<TailSlot>()
  #stateBytes = 0

  constructor(private readonly cache: ValueCache) {}

  get size(): number {
    return this.#byKey.size
  }

  /** About what its values take in a checkpoint. */
  get stateBytes(): number {
    return this.#stateBytes
  }

  get(key: string): TailSlot | undefined {
    return this.#byKey.get(key)
  }

  [Symbol.iterator](): Iterator<TailSlot> {
    return this.#byKey.values()
  }

  /** `isReplayed`: sorting can wait. */
  slotOf(key: string, isReplayed: boolean): TailSlot {
    const slot = this.#byKey.get(key)
    if (slot !== undefined) return slot
    const added = new TailSlot(key)
    this.#byKey.set(key, added)
    this.#sorted.add(added, isReplayed)
    return added
  }

  /** What was of the key until now gives way. */
  become(slot: TailSlot, value: KeyState | undefined): void {
    const former = slot.value
    if (former !== undefined && former !== TOMBSTONE) {
      former.isCurrent = false
      this.cache.remove(former)
      this.#stateBytes -= former.stateBytes
    }
    slot.value = value
    if (value !== undefined && value !== TOMBSTONE) {
      value.isCurrent = true
      this.#stateBytes += value.stateBytes
      this.keep(value)
    }
  }

  /** A text that stands in the file too may be let go when there is no room for it. */
  keep(entry: TailValue): void {
    if (entry.isInFile && entry.isCurrent && entry.text !== undefined) this.cache.add(entry, entry.textBytes)
  }

  /** Nothing is said of the key any more. */
  remove(slot: TailSlot): void {
    this.#byKey.delete(slot.key)
    // As good as always: otherwise a disk that is full for long would leave a name for each key that it refused.
    this.#sorted.takeBack(slot)
  }

  /** The keys in order, from the first that is not before `from`. */
  cursor(from: string): SortedCursor<TailSlot> {
    return this.#sorted.from(from)
  }

  /** Some of what is to be done before a cursor can be had; false where nothing is left. */
  sortSome(): boolean {
    return this.#sorted.sortSome()
  }

  /** Nobody asks for their texts any more. In small steps: there may be many. */
  *letGo(): Generator<void> {
    for (const { value } of this.#byKey.values()) {
      if (value !== undefined && value !== TOMBSTONE) {
        // Its record may be on its way to the file still, and is not to bring it back.
        value.isCurrent = false
        this.cache.remove(value)
      }
      yield
    }
  }

  /** They count again. At once: it is seldom that what has let them go is taken back. */
  takeBack(): void {
    for (const { value } of this.#byKey.values()) {
      if (value === undefined || value === TOMBSTONE) continue
      value.isCurrent = true
      this.keep(value)
    }
  }
}
