import type { Backend, Health, Stats, Verification } from '../engine/backend.js'
import { followChanges } from '../engine/changes.js'
import { type Conditions, describeValue } from '../engine/conditions.js'
import type { Change, Unsubscribe } from '../engine/events.js'
import type { Operation } from '../format/record.js'
import {
  type Encoding,
  fromBytes,
  fromText,
  fromValue,
  toBytes,
  toText,
  toValue,
  type ValueText,
} from '../format/value.js'
import type { Recovery } from '../log/damage-report.js'
import { closedError, FlatlogError } from '../platform/errors.js'
import { markHandled } from '../platform/promises.js'
import { pagesOf } from '../state/key-order.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import {
  checkBytes,
  checkData,
  checkKey,
  checkOptions,
  checkPrefix,
  checkSteps,
  checkText,
  checkWriteOptions,
  expiryOf,
  type WriteOptions,
} from './arguments.js'
import { batchStep, replaceOperation, textForm } from './operations.js'
import type { BatchOperation, ListOptions, Meta, StoredForm, TextOptions } from './types.js'
import { type UpdateOptions, Updates } from './updates.js'

/** A listing begins with a short page, for callers that want few keys, and continues with longer ones. */
const FIRST_PAGE_KEYS = 128
const MAX_PAGE_KEYS = 2048

/**
 * A store. Reading is synchronous and sees every write of this process at once; writing resolves when the record is as
 * durable as the store's `durability` says. Keys are listed by UTF-16 code unit, as `<` compares strings.
 */
export class Store {
  readonly #backend: Backend
  /** Gives this handle's share of the backend back. */
  readonly #release: () => Promise<void>
  readonly #updates = new Updates(this)
  readonly #subscriptions = new Set<Unsubscribe>()
  #closing: Promise<void> | undefined

  /** Stores are opened by `openStore`. */
  constructor(backend: Backend, release: () => Promise<void>) {
    this.#backend = backend
    this.#release = release
  }

  /** The backend, as long as this handle is open. */
  get #openBackend(): Backend {
    if (this.#closing) throw closedError(this.name)
    return this.#backend
  }

  get name(): string {
    return this.#backend.files.name
  }

  /** What opening found. */
  get recovery(): Recovery {
    return structuredClone(this.#openBackend.recovery)
  }

  // Reading

  /** Returns a new copy of the value at every call; undefined if the key is missing or expired. Bytes are a Uint8Array. */
  get<T = unknown>(key: string): T | undefined {
    const value = this.#lookUp(key)
    return value && (toValue(value, key) as T)
  }

  getMany<T = unknown>(keys: readonly string[]): (T | undefined)[] {
    return keys.map((key) => this.get<T>(key))
  }

  /** The text that was passed to `setText`; of another value its JSON, of bytes their text in UTF-8. */
  getText(key: string): string | undefined {
    const value = this.#lookUp(key)
    return value && toText(value, key)
  }

  /** The bytes that were passed to `setBytes`; of another value the UTF-8 bytes of its text. */
  getBytes(key: string): Uint8Array | undefined {
    const value = this.#lookUp(key)
    return value && toBytes(value, key)
  }

  /** How the value is stored in the log. */
  getEncoding(key: string): 'json' | Encoding | undefined {
    const value = this.#lookUp(key)
    return value && (value.encoding ?? 'json')
  }

  /** The value as it is stored, in one lookup. From it, an adapter can return what it was given. */
  getStored(key: string): StoredForm | undefined {
    const value = this.#lookUp(key)
    if (!value) return undefined
    const { encoding = 'json', expires } = value
    return encoding === 'base64'
      ? { encoding, expires, bytes: toBytes(value, key) }
      : { encoding, expires, text: toText(value, key) }
  }

  has(key: string): boolean {
    checkKey(key)
    return this.#openBackend.has(key)
  }

  getMeta(key: string): Meta | undefined {
    const value = this.#lookUp(key)
    if (!value) return undefined
    const { expires, time } = value
    const { size, etag } = describeValue(value, key)
    return { size, etag, ...(expires !== undefined && { expires }), ...(time !== undefined && { mtime: time }) }
  }

  /** The number of keys. Each call walks over all of them. */
  get size(): number {
    let count = 0
    for (const _ of this.keys()) count++
    return count
  }

  /** Lists keys in order. Keys may be written meanwhile: one that exists throughout is listed exactly once. */
  *keys(options: ListOptions = {}): IterableIterator<string> {
    yield* walk(options, (query, limit) => this.#openBackend.pageOfKeys(query, limit))
  }

  /** Lists keys with their values, as `keys` does. */
  *entries<T = unknown>(options: ListOptions = {}): IterableIterator<[string, T]> {
    const pairs = walk(options, (query, limit) => this.#openBackend.page(query, limit))
    for (const [key, value] of pairs) yield [key, toValue(value, key) as T]
  }

  #lookUp(key: string): StateValue | undefined {
    checkKey(key)
    return this.#openBackend.get(key)
  }

  // Writing

  set(key: string, value: unknown, options?: WriteOptions): Promise<void> {
    return this.#set('set', key, options, fromValue, value)
  }

  setText(key: string, text: string, options?: TextOptions): Promise<void> {
    const encode = options?.asText || options?.otherwise !== undefined ? textForm : fromCheckedText
    return this.#set('setText', key, options, encode, text)
  }

  setBytes(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#set('setBytes', key, options, fromCheckedBytes, bytes)
  }

  /** True if the key was there; a key that is not there costs no record. */
  delete(key: string, options?: Conditions): Promise<boolean> {
    return this.#try(() => {
      const backend = this.#openBackend
      checkKey(key)
      if (options !== undefined) checkOptions('delete', options, ['ifMatch', 'ifNoneMatch'])
      const proposal = backend.propose({ kind: 'delete', key }, options)
      return proposal.done.then(() => proposal.wasThere)
    })
  }

  /**
   * Atomic read-modify-write: writes the value that `change` returns for the present one, and keeps the key's expiry
   * unless `options` sets another. Updates of one key run one after the other. An asynchronous `change` is called again
   * if the key was written by other means meanwhile. If it throws, nothing is written.
   */
  update<T = unknown>(
    key: string,
    change: (old: T | undefined) => T | Promise<T>,
    options?: UpdateOptions,
  ): Promise<T> {
    return markHandled(this.#updates.run(key, change, options))
  }

  /** Writes all steps or none, as one record. */
  batch(operations: readonly BatchOperation[]): Promise<void> {
    return this.#write((nowMs) => {
      checkSteps(operations)
      return { kind: 'batch', operations: operations.map((each) => batchStep(each, nowMs)) }
    })
  }

  /** Removes all keys, or those that start with `prefix`, as one record. */
  clear(options: { prefix?: string } = {}): Promise<void> {
    return this.#write(() => {
      checkOptions('clear', options, ['prefix'])
      const { prefix = '' } = options
      checkPrefix(prefix)
      return { kind: 'clear', prefix }
    })
  }

  /** Replaces the whole state by this one, as one record. */
  replace(data: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>): Promise<void> {
    return this.#write(() => {
      checkData(data)
      return replaceOperation(data instanceof Map ? data : Object.entries(data))
    })
  }

  /** Writes one key. Most writes come here, so it allocates nothing that is not kept. */
  #set(
    call: 'set' | 'setText' | 'setBytes',
    key: string,
    options: WriteOptions | undefined,
    encode: (key: string, value: unknown, options?: TextOptions) => ValueText,
    value: unknown,
  ): Promise<void> {
    try {
      const backend = this.#openBackend
      checkKey(key)
      if (options !== undefined) checkWriteOptions(call, options)
      const text = encode(key, value, options)
      const expires = expiryOf(options, backend.files.clock)
      return backend.propose({ kind: 'set', key, value: text, expires }, options).done
    } catch (error) {
      return markHandled(Promise.reject(error))
    }
  }

  #write(operation: (clock: { now(): number }) => Operation): Promise<void> {
    return this.#try(() => {
      const backend = this.#openBackend
      return backend.propose(operation(backend.files.clock)).done
    })
  }

  /** Bad arguments reject, as later failures do, so that callers catch both in one place. */
  #try<T>(action: () => Promise<T>): Promise<T> {
    try {
      return markHandled(action())
    } catch (error) {
      return markHandled(Promise.reject(error))
    }
  }

  // Following

  /** Calls back for each acknowledged change, in the order of the log. */
  watch(listener: (change: Change) => void): Unsubscribe {
    return this.#subscribe(this.#openBackend.events.watch(listener))
  }

  /** Acknowledged changes after `since` (a change's `position`; default: from now on), until `signal` or `close`. */
  changes(options: { since?: string; signal?: AbortSignal } = {}): AsyncGenerator<Change, void, undefined> {
    checkOptions('changes', options, ['since', 'signal'])
    const { since, signal } = options
    return followChanges(this.#openBackend, since, { signal, isClosed: () => this.#closing !== undefined })
  }

  /** Background failures, each once. Returns a function that ends the subscription. */
  on(event: 'problem', listener: (error: FlatlogError) => void): Unsubscribe {
    if (event !== 'problem') {
      throw new FlatlogError(
        'FLATLOG_INVALID_OPTION',
        `Unknown event ${JSON.stringify(event) ?? String(event)}. Known events: "problem".`,
      )
    }
    return this.#subscribe(this.#openBackend.events.onProblem(listener))
  }

  /** The subscriptions of this handle end with it, even if other handles of the store stay open. */
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
    return this.#try(() => this.#openBackend.flush())
  }

  /** Rewrites the log as a checkpoint of the present state. The former log stays as a backup. */
  compact(): Promise<void> {
    return this.#try(() => this.#openBackend.compact())
  }

  /** Reads every byte of the log and its backups, and reports whether it is what was written. */
  verify(): Promise<Verification> {
    return this.#try(() => this.#openBackend.verify())
  }

  stats(): Stats {
    return this.#openBackend.stats()
  }

  health(): Health {
    return this.#openBackend.health()
  }

  /** After FLATLOG_FAILED: reads the log again, copies what is whole to a new file and continues there. */
  reopen(): Promise<void> {
    return this.#try(() => this.#openBackend.reopen())
  }

  /** Makes everything durable and closes this handle. Idempotent. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = markHandled(this.#release())
      this.#backend.events.wakeWaiting()
      // Watchers are still notified of records that are acknowledged while closing.
      const end = () => {
        for (const unsubscribe of this.#subscriptions) unsubscribe()
      }
      this.#closing.then(end, end)
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function fromCheckedText(key: string, text: unknown): ValueText {
  checkText(text)
  return fromText(key, text)
}

function fromCheckedBytes(key: string, bytes: unknown): ValueText {
  checkBytes(bytes)
  return fromBytes(key, bytes)
}

/** The first page is short, for a caller that stops early; later pages grow. */
function* walk<T extends string | readonly [key: string, value: unknown]>(
  options: ListOptions,
  pageOf: (query: KeyRangeQuery, limit: number) => readonly T[],
): Generator<T> {
  checkOptions('listing', options, ['prefix', 'after'])
  const { prefix = '', after } = options
  checkPrefix(prefix)
  if (after !== undefined) checkKey(after)
  let limit = FIRST_PAGE_KEYS
  for (const page of pagesOf((last) => pageOf({ prefix, after: last }, limit), after)) {
    yield* page
    limit = Math.min(2 * limit, MAX_PAGE_KEYS)
  }
}
