import { FlatlogError } from '../base/errors.js'
import type { IndexedValue } from '../index/key-index.js'
import type { Operation } from '../record/record.js'
import {
  type Encoding,
  fromBytes,
  fromText,
  fromValue,
  toBytes,
  toText,
  toValue,
  type ValueText,
} from '../record/value.js'
import {
  checkBytes,
  checkData,
  checkKey,
  checkPrefix,
  checkSteps,
  checkText,
  expiryOf,
  type WriteOptions,
} from './arguments.js'
import type { StoreBackend } from './backend.js'
import type { Change, Unsubscribe } from './events.js'
import { batchStep, checkMatch, describeValue, replaceOperation } from './operations.js'
import type { Recovery } from './recovery.js'
import type { BatchOperation, Health, ListOptions, Meta, Stats, TextOptions, Verification } from './types.js'
import { type UpdateOptions, Updates } from './updates.js'

const PAGE_KEYS = 256

/**
 * A store. Reading is synchronous and sees every write of this process at once; writing resolves when the record is as
 * durable as the store's `durability` says. Keys are listed by UTF-16 code unit, as `<` compares strings.
 */
export class Store {
  readonly #backend: StoreBackend
  readonly #updates: Updates
  readonly #subscriptions = new Set<Unsubscribe>()
  #closed: Promise<void> | undefined

  /** Stores are opened by `openStore`. */
  constructor(backend: StoreBackend) {
    this.#backend = backend
    this.#updates = new Updates(this)
  }

  get name(): string {
    return this.#backend.name
  }

  /** What opening found. */
  get recovery(): Recovery {
    return structuredClone(this.#open.recovery)
  }

  get #open(): StoreBackend {
    if (this.#closed) throw closedError(this.#backend.name)
    return this.#backend
  }

  // Reading

  /** A fresh value at every call; undefined where the key is missing or expired. Bytes come as a Uint8Array. */
  get<T = unknown>(key: string): T | undefined {
    const value = this.#lookUp(key)
    return value && (toValue(value) as T)
  }

  getMany<T = unknown>(keys: readonly string[]): (T | undefined)[] {
    return keys.map((key) => this.get<T>(key))
  }

  /** The very text that `setText` was given; for another value its JSON, for bytes what they say in UTF-8. */
  getText(key: string): string | undefined {
    const value = this.#lookUp(key)
    return value && toText(value)
  }

  /** The bytes that `setBytes` was given; for another value the UTF-8 bytes of its text. */
  getBytes(key: string): Uint8Array | undefined {
    const value = this.#lookUp(key)
    return value && toBytes(value)
  }

  /** How the value stands in the log. */
  getEncoding(key: string): 'json' | Encoding | undefined {
    const value = this.#lookUp(key)
    return value && (value.encoding ?? 'json')
  }

  has(key: string): boolean {
    return this.#lookUp(key) !== undefined
  }

  getMeta(key: string): Meta | undefined {
    const value = this.#lookUp(key)
    if (!value) return undefined
    const { expires, time } = value
    const { size, etag } = describeValue(value)
    return { size, etag, ...(expires !== undefined && { expires }), ...(time !== undefined && { mtime: time }) }
  }

  /** How many keys there are. Counted when asked: costs a walk over all of them. */
  get size(): number {
    let count = 0
    for (const _ of this.#walk({})) count++
    return count
  }

  /** Keys in order. A cursor: keys may be written meanwhile, and one that is there throughout comes exactly once. */
  *keys(options: ListOptions = {}): IterableIterator<string> {
    for (const [key] of this.#walk(options)) yield key
  }

  /** As `keys`, with values. */
  *entries<T = unknown>(options: ListOptions = {}): IterableIterator<[string, T]> {
    for (const [key, value] of this.#walk(options)) yield [key, toValue(value) as T]
  }

  #lookUp(key: string): IndexedValue | undefined {
    checkKey(key)
    return this.#open.lookUp(key)
  }

  *#walk({ prefix = '', after }: ListOptions): Generator<[string, IndexedValue]> {
    checkPrefix(prefix)
    if (after !== undefined) checkKey(after)
    let behind = after
    for (;;) {
      const page = this.#open.page({ prefix, after: behind }, PAGE_KEYS)
      yield* page
      if (page.length < PAGE_KEYS) return
      behind = page.at(-1)?.[0]
    }
  }

  // Writing

  set(key: string, value: unknown, options?: WriteOptions): Promise<void> {
    return this.#set(key, options, () => fromValue(key, value))
  }

  setText(key: string, text: string, options?: TextOptions): Promise<void> {
    return this.#set(key, options, () => {
      checkText(text)
      return fromText(key, text, options?.asText)
    })
  }

  setBytes(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#set(key, options, () => {
      checkBytes(bytes)
      return fromBytes(key, bytes)
    })
  }

  /** True if the key was there; a key that is not there costs no record. */
  delete(key: string, options?: { ifMatch?: string }): Promise<boolean> {
    let wasThere = false
    const done = this.#write(() => {
      const value = this.#lookUp(key)
      if (options) checkMatch(key, () => value, options)
      wasThere = value !== undefined
      return wasThere ? { kind: 'delete', key } : undefined
    })
    return quiet(done.then(() => wasThere))
  }

  /**
   * Atomic read-modify-write: writes what `change` makes of the present value, and keeps the key's expiry unless told
   * otherwise. Updates of one key run one after the other. An asynchronous `change` is called again if the key was
   * written by other means meanwhile. If it throws, nothing is written.
   */
  update<T = unknown>(
    key: string,
    change: (old: T | undefined) => T | Promise<T>,
    options?: UpdateOptions,
  ): Promise<T> {
    return quiet(this.#updates.run(key, change, options))
  }

  /** All or nothing, as one record. */
  batch(operations: readonly BatchOperation[]): Promise<void> {
    return this.#write(() => {
      checkSteps(operations)
      const steps = operations.map((each) => batchStep(each, this.#open.now()))
      return steps.length ? { kind: 'batch', operations: steps } : undefined
    })
  }

  /** Removes all keys, or those that start with `prefix`, as one record. */
  clear(options: { prefix?: string } = {}): Promise<void> {
    return this.#write(() => {
      const { prefix = '' } = options
      checkPrefix(prefix)
      return this.#open.page({ prefix, after: undefined }, 1).length ? { kind: 'clear', prefix } : undefined
    })
  }

  /** Puts this state in the place of the whole present one, as one record. */
  replace(data: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>): Promise<void> {
    return this.#write(() => {
      checkData(data)
      return replaceOperation(data instanceof Map ? data : Object.entries(data))
    })
  }

  #set(key: string, options: WriteOptions | undefined, value: () => ValueText): Promise<void> {
    return this.#write(() => {
      checkKey(key)
      if (options) checkMatch(key, () => this.#lookUp(key), options)
      return { kind: 'set', key, value: value(), expires: expiryOf(options, this.#open.now()) }
    })
  }

  /** Whatever is wrong with the arguments rejects, as what goes wrong later does: there is one place to catch it. */
  #write(operation: () => Operation | undefined): Promise<void> {
    try {
      const backend = this.#open
      backend.checkWritable()
      const made = operation()
      // What is found missing may be so by a record that is still under way: then this is no more certain than that.
      return made ? backend.write(made, 'key' in made ? made.key : '') : quiet(backend.settled())
    } catch (error) {
      return quiet(Promise.reject(error))
    }
  }

  // Following

  /** Calls back for each acknowledged change, in the order of the log. */
  watch(listener: (change: Change) => void): Unsubscribe {
    return this.#subscribe(this.#open.watch(listener))
  }

  /** Acknowledged changes behind `since` (a change's `position`; default: from now on), until `signal` or `close`. */
  changes(options: { since?: string; signal?: AbortSignal } = {}): AsyncGenerator<Change, void, undefined> {
    return this.#open.changes(options.since, options.signal, () => this.#closed !== undefined)
  }

  /** Background failures, each once. Returns a function that ends the subscription. */
  on(event: 'problem', listener: (error: FlatlogError) => void): Unsubscribe {
    if (event !== 'problem') throw new FlatlogError('FLATLOG_INVALID_OPTION', `There is no event ${String(event)}.`)
    return this.#subscribe(this.#open.onProblem(listener))
  }

  /** What this handle listens to ends with it, also where others go on with the same store. */
  #subscribe(unsubscribe: Unsubscribe): Unsubscribe {
    this.#subscriptions.add(unsubscribe)
    return () => {
      this.#subscriptions.delete(unsubscribe)
      unsubscribe()
    }
  }

  // Keeping

  /** Resolves when everything written so far is on disk, whatever the durability. */
  flush(): Promise<void> {
    return this.#do((backend) => backend.flush())
  }

  /** Rewrites the log as a checkpoint of the present state. The former log stays as a backup. */
  compact(): Promise<void> {
    return this.#do((backend) => backend.compact())
  }

  /** Reads the log and its backups whole and says whether every byte is what was written. */
  verify(): Promise<Verification> {
    return this.#do((backend) => backend.verify())
  }

  stats(): Stats {
    return this.#open.stats()
  }

  health(): Health {
    return this.#open.health()
  }

  /** After FLATLOG_FAILED: reads the log again, copies what is whole to a new file and goes on. */
  reopen(): Promise<void> {
    return this.#do((backend) => backend.reopen())
  }

  /** Makes everything durable and lets go of the store. Idempotent. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = quiet(this.#backend.release())
      // Records that are acknowledged while closing are still heard of.
      const end = () => {
        for (const unsubscribe of this.#subscriptions) unsubscribe()
      }
      this.#closed.then(end, end)
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #do<T>(action: (backend: StoreBackend) => Promise<T>): Promise<T> {
    try {
      return quiet(action(this.#open))
    } catch (error) {
      return quiet(Promise.reject(error))
    }
  }
}

/** A promise that may be left alone: whoever does wait hears of its rejection all the same. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function closedError(name: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CLOSED',
    `The store ${JSON.stringify(name)} is closed here. What to do: open it again with openStore.`,
  )
}
