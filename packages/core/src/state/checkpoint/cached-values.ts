import { type KeyMeta, toKeyMeta } from '../../format/part-meta.js'
import type { Encoding } from '../../format/value.js'
import type { StateValue } from '../types.js'
import { AdmissionFilter, type CachedText, type CacheState, type ValueCache } from '../value-cache.js'
import { fingerprint } from './known-pairs.js'
import type { Part } from './parts.js'

/** A string beside its characters. */
const KEY_OVERHEAD_BYTES = 16

/** A value of the checkpoint that was read, in a flat copy: a slice of its part would keep all of the part. */
class CachedValue implements CachedText, StateValue {
  cacheState: CacheState = 'outside'
  cachedBytes = 0

  constructor(
    private readonly values: Map<string, CachedValue>,
    private readonly key: string,
    readonly part: Part,
    readonly text: string,
    /** Undefined where nothing is said of it, as of most. */
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

/** What was read of the checkpoint and may be asked for again. It outlives a compaction for parts that stay as they are. */
export class CachedValues {
  readonly #values = new Map<string, CachedValue>()

  readonly #doorkeeper: AdmissionFilter

  constructor(private readonly cache: ValueCache) {
    this.#doorkeeper = new AdmissionFilter(cache.maxBytes)
  }

  get(key: string): StateValue | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    if (value.part.isGone) {
      this.#values.delete(key)
      this.cache.remove(value)
      return undefined
    }
    this.cache.use(value)
    return value
  }

  /** What was read of parts that are in no checkpoint any more leaves memory, in small steps. */
  *release(): Generator<void> {
    for (const [key, value] of this.#values) {
      if (value.part.isGone) {
        this.#values.delete(key)
        this.cache.remove(value)
      }
      yield
    }
    while (this.cache.sweep()) yield
  }

  keep(key: string, part: Part, { text, encoding, expires, time }: StateValue, isAscii: boolean): void {
    // Half of the room is for whatever is read: a store that fits is there after one reading, or two.
    if (this.cache.isHalfFull && !this.#doorkeeper.admits(fingerprint(key))) return
    const value = new CachedValue(this.#values, key, part, text, toKeyMeta(encoding, expires, time))
    const before = this.#values.get(key)
    if (before) this.cache.remove(before)
    this.#values.set(key, value)
    this.cache.add(value, text.length * (isAscii ? 1 : 2) + key.length + KEY_OVERHEAD_BYTES)
  }
}
