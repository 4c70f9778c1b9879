import { type KeyMeta, toKeyMeta } from '../../format/part-meta.js'
import type { Encoding } from '../../format/value.js'
import type { StateValue } from '../types.js'
import { AdmissionFilter, type CachedText, type CacheState, type ValueCache } from '../value-cache.js'
import { fingerprint } from './known-pairs.js'
import type { Part } from './parts.js'

/** The bytes that a string takes besides its characters. */
const KEY_OVERHEAD_BYTES = 16

/** A value that was read from a part. */
class CachedValue implements CachedText, StateValue {
  cacheState: CacheState = 'outside'
  cachedBytes = 0

  constructor(
    private readonly values: Map<string, CachedValue>,
    private readonly key: string,
    readonly part: Part,
    readonly text: string,
    /** Undefined for most values: they have none. */
    private readonly meta: KeyMeta | undefined,
  ) {}

  get encoding(): Encoding | undefined {
    return this.meta?.encoding
  }

  get expires(): number | undefined {
    return this.meta?.expires
  }

  get time(): number | undefined {
    return this.meta?.time
  }

  dropText(): void {
    if (this.values.get(this.key) === this) this.values.delete(this.key)
  }
}

/** Values of the checkpoint in the cache. They outlive a compaction if it copies their part as it is. */
export class CachedValues {
  readonly #values = new Map<string, CachedValue>()
  readonly #filter: AdmissionFilter

  constructor(private readonly cache: ValueCache) {
    this.#filter = new AdmissionFilter(cache.maxBytes)
  }

  get(key: string): StateValue | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    if (value.part.isGone) {
      this.#remove(key, value)
      return undefined
    }
    this.cache.use(value)
    return value
  }

  keep(key: string, part: Part, { text, encoding, expires, time }: StateValue, isAscii: boolean): void {
    // Half of the cache takes every value that is read, so that a store that fits is in it after one reading, or two.
    if (this.cache.isHalfFull && !this.#filter.admits(fingerprint(key))) return
    const value = new CachedValue(this.#values, key, part, text, toKeyMeta(encoding, expires, time))
    const before = this.#values.get(key)
    if (before) this.cache.remove(before)
    this.#values.set(key, value)
    this.cache.add(value, text.length * (isAscii ? 1 : 2) + key.length + KEY_OVERHEAD_BYTES)
  }

  /** Removes the values of parts that are gone from the cache, in small steps. */
  *release(): Generator<void> {
    for (const [key, value] of this.#values) {
      if (value.part.isGone) this.#remove(key, value)
      yield
    }
    while (this.cache.sweep()) yield
  }

  #remove(key: string, value: CachedValue): void {
    this.#values.delete(key)
    this.cache.remove(value)
  }
}
