import { ClearedPrefixes } from './cleared-prefixes.js'
import type { IndexedValue, Undo } from './key-index.js'
import { SortedKeys } from './sorted-keys.js'

/** A key that was deleted: it hides the key in the layers below. */
export const TOMBSTONE = Symbol('tombstone')
export type LayerValue = IndexedValue | typeof TOMBSTONE

/** One layer of the index. Nothing in it is removed, only superseded: a removed tombstone would bring its key back. */
export class Layer {
  #values = new Map<string, LayerValue>()
  #sorted = new SortedKeys()
  #expiries: Float64Array | undefined
  readonly cleared = new ClearedPrefixes()

  get keyCount(): number {
    return this.#values.size
  }

  get(key: string): LayerValue | undefined {
    return this.#values.get(key)
  }

  put(key: string, value: LayerValue): Undo {
    const before = this.#values.get(key)
    this.#expiries = undefined
    this.#values.set(key, value)
    if (before !== undefined) return () => void this.put(key, before)
    this.#sorted.add(key)
    return () => this.drop(key)
  }

  /**
   * As if the key had never been named here: for an operation that is taken back, and in the lowest layer, where
   * there is nothing to hide.
   */
  drop(key: string): void {
    this.#expiries = undefined
    if (this.#values.delete(key)) this.#sorted.remove(key)
  }

  /** Clears the keys of this layer and hides those below. */
  clear(prefix: string): Undo {
    const isNew = this.cleared.add(prefix)
    const undoPrefix = () => {
      if (isNew) this.cleared.remove(prefix)
    }
    if (prefix === '') {
      const [values, sorted] = [this.#values, this.#sorted]
      this.#become(new Map(), new SortedKeys())
      return () => {
        this.#become(values, sorted)
        undoPrefix()
      }
    }
    const before: [string, LayerValue][] = []
    for (const key of this.keysFrom(prefix)) {
      if (!key.startsWith(prefix)) break
      before.push([key, this.#values.get(key) as LayerValue])
    }
    for (const [key] of before) this.put(key, TOMBSTONE)
    return () => {
      for (const [key, value] of before) this.put(key, value)
      undoPrefix()
    }
  }

  #become(values: Map<string, LayerValue>, sorted: SortedKeys): void {
    this.#values = values
    this.#sorted = sorted
    this.#expiries = undefined
  }

  /** The keys that this layer names, in order, tombstones included. */
  keysFrom(from: string): Generator<string> {
    return this.#sorted.from(from)
  }

  holdsExpired(nowMs: number): boolean {
    return this.expiredCount(nowMs) > 0
  }

  /** How many of its keys have expired. Their times are sorted once and kept until the layer changes. */
  expiredCount(nowMs: number): number {
    this.#expiries ??= Float64Array.from(this.#expiryTimes()).sort()
    let low = 0
    let high = this.#expiries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#expiries[middle] as number) <= nowMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** In the lowest layer: what has expired hides nothing, and is in no file any more. */
  dropExpired(nowMs: number): void {
    if (!this.holdsExpired(nowMs)) return
    for (const [key, value] of this.#values) {
      if (value !== TOMBSTONE && value.expires !== undefined && value.expires <= nowMs) this.drop(key)
    }
  }

  *#expiryTimes(): Generator<number> {
    for (const value of this.#values.values()) {
      if (value !== TOMBSTONE && value.expires !== undefined) yield value.expires
    }
  }

  /** How many keys start with the prefix, tombstones included. */
  countFrom(prefix: string): number {
    if (prefix === '') return this.#values.size
    let count = 0
    for (const key of this.keysFrom(prefix)) {
      if (!key.startsWith(prefix)) break
      count++
    }
    return count
  }

  /** Takes over what a newer layer says. */
  absorb(newer: Layer): void {
    for (const prefix of newer.cleared) this.clear(prefix)
    for (const [key, value] of newer.#values) this.put(key, value)
  }

  /** The same where this is the lowest layer: what is deleted has nothing to hide and goes for good. */
  absorbAsLowest(newer: Layer): void {
    for (const prefix of newer.cleared) this.#dropAll(prefix)
    for (const [key, value] of newer.#values) {
      if (value === TOMBSTONE) this.drop(key)
      else this.put(key, value)
    }
  }

  #dropAll(prefix: string): void {
    if (prefix === '') {
      this.#become(new Map(), new SortedKeys())
      return
    }
    const keys: string[] = []
    for (const key of this.keysFrom(prefix)) {
      if (!key.startsWith(prefix)) break
      keys.push(key)
    }
    for (const key of keys) this.drop(key)
  }
}
