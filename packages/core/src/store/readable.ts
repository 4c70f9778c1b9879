import type { StoreBackend } from '../engine/backend.js'
import { type Encoding, toBytes, toText, toValue } from '../format/value.js'
import type { Recovery } from '../log/damage-report.js'
import { closedError } from '../platform/errors.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import { checkKey, checkOptions, checkPrefix } from './arguments.js'
import { describeValue } from './operations.js'
import type { ListOptions, Meta, StoredForm } from './types.js'

/** A listing begins with few keys, for those who want no more, and goes on in longer pages. */
const FIRST_PAGE_KEYS = 128
const MAX_PAGE_KEYS = 2048

/** The half of a store that reads. Everything in it is synchronous. */
export class Readable {
  readonly #backend: StoreBackend
  #isClosed = false

  /** Stores are opened by `openStore`. */
  constructor(backend: StoreBackend) {
    this.#backend = backend
  }

  get name(): string {
    return this.#backend.name
  }

  /** What opening found. */
  get recovery(): Recovery {
    return structuredClone(this.backend.recovery)
  }

  /** What the handle stands on, as long as it is open. */
  protected get backend(): StoreBackend {
    if (this.#isClosed) throw closedError(this.#backend.name)
    return this.#backend
  }

  protected get isClosed(): boolean {
    return this.#isClosed
  }

  /** From here on every call is refused. */
  protected leave(): StoreBackend {
    this.#isClosed = true
    return this.#backend
  }

  /** A fresh value at every call; undefined where the key is missing or expired. Bytes come as a Uint8Array. */
  get<T = unknown>(key: string): T | undefined {
    const value = this.lookUp(key)
    return value && (toValue(value, key) as T)
  }

  getMany<T = unknown>(keys: readonly string[]): (T | undefined)[] {
    return keys.map((key) => this.get<T>(key))
  }

  /** The very text that `setText` was given; for another value its JSON, for bytes what they say in UTF-8. */
  getText(key: string): string | undefined {
    const value = this.lookUp(key)
    return value && toText(value, key)
  }

  /** The bytes that `setBytes` was given; for another value the UTF-8 bytes of its text. */
  getBytes(key: string): Uint8Array | undefined {
    const value = this.lookUp(key)
    return value && toBytes(value, key)
  }

  /** How the value stands in the log. */
  getEncoding(key: string): 'json' | Encoding | undefined {
    const value = this.lookUp(key)
    return value && (value.encoding ?? 'json')
  }

  /** All that an adapter needs to give back what it was given, in one lookup. */
  getStored(key: string): StoredForm | undefined {
    const value = this.lookUp(key)
    if (!value) return undefined
    const { encoding = 'json', expires } = value
    return encoding === 'base64'
      ? { encoding, expires, bytes: toBytes(value, key) }
      : { encoding, expires, text: toText(value, key) }
  }

  has(key: string): boolean {
    checkKey(key)
    return this.backend.has(key)
  }

  getMeta(key: string): Meta | undefined {
    const value = this.lookUp(key)
    if (!value) return undefined
    const { expires, time } = value
    const { size, etag } = describeValue(value, key)
    return { size, etag, ...(expires !== undefined && { expires }), ...(time !== undefined && { mtime: time }) }
  }

  /** How many keys there are. Counted when asked: costs a walk over all of them. */
  get size(): number {
    let count = 0
    for (const _ of this.keys()) count++
    return count
  }

  /** Keys in order. A cursor: keys may be written meanwhile, and one that is there throughout comes exactly once. */
  *keys(options: ListOptions = {}): IterableIterator<string> {
    yield* walk(
      options,
      (query, limit) => this.backend.pageOfKeys(query, limit),
      (key) => key,
    )
  }

  /** As `keys`, with values. */
  *entries<T = unknown>(options: ListOptions = {}): IterableIterator<[string, T]> {
    const pages = walk(
      options,
      (query, limit) => this.backend.page(query, limit),
      ([key]) => key,
    )
    for (const [key, value] of pages) yield [key, toValue(value, key) as T]
  }

  protected lookUp(key: string): StateValue | undefined {
    checkKey(key)
    return this.backend.lookUp(key)
  }
}

/** Page after page, each from behind the last key of the one before. */
function* walk<T>(
  options: ListOptions,
  pageOf: (query: KeyRangeQuery, limit: number) => readonly T[],
  keyOf: (item: T) => string,
): Generator<T> {
  checkOptions('listing', options, ['prefix', 'after'])
  const { prefix = '', after } = options
  checkPrefix(prefix)
  if (after !== undefined) checkKey(after)
  let behind = after
  for (let limit = FIRST_PAGE_KEYS; ; limit = Math.min(2 * limit, MAX_PAGE_KEYS)) {
    const page = pageOf({ prefix, after: behind }, limit)
    if (page.length === 0) return
    yield* page
    behind = keyOf(page.at(-1) as T)
  }
}
