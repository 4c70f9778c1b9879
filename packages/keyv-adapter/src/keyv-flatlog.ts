import type { Store } from '@flatlog/core'
import { StoreEmitter } from './emitter.js'
import { toExpiry } from './expiry.js'
import { Namespaces } from './namespaces.js'
import { type KeyvFlatlogOptions, parseOptions } from './options.js'
import { type Capabilities, type Protocol, ProtocolDetector } from './protocol.js'
import { StoreHandle } from './store-handle.js'
import { read, type SetOperation, toOperation, write } from './values.js'

/**
 * What Keyv reads back, with the type that both major versions expect. Unless Keyv is configured without
 * serialization, it is actually text.
 */
export interface StoredValue<Value> {
  value?: Value
  expires?: number | undefined
}

/** One item of `setMany`: `ttl` in ms from Keyv 5, `expires` in Unix ms from Keyv 6. */
export interface SetManyItem {
  key: string
  value: unknown
  ttl?: number | undefined
  expires?: number | undefined
}

/** One answer for all keys in Keyv 5, one per key in Keyv 6. The type satisfies both. */
export type DeletedMany = boolean & boolean[]

/** One answer per item. Keyv 5 types it as void, although it returns what the store returns. */
// biome-ignore lint/suspicious/noConfusingVoidType: it has to be assignable to Keyv 5's void.
export type SetMany = boolean[] & void

/** A Keyv store on a Flatlog log, for Keyv 5 and Keyv 6. The log is opened at the first use. */
export class KeyvFlatlog extends StoreEmitter {
  readonly #protocol: ProtocolDetector
  readonly #namespaces: Namespaces
  readonly #handle: StoreHandle

  constructor(options?: KeyvFlatlogOptions | string) {
    super()
    const { store, namespaces, protocol } = parseOptions(options)
    this.#protocol = new ProtocolDetector(protocol, { ...store })
    this.#namespaces = new Namespaces(namespaces)
    this.#handle = new StoreHandle(store, namespaces.bareNamespace, (error) => this.report(error))
  }

  /** Read by Keyv 5. */
  get opts(): Record<string, unknown> {
    return this.#protocol.optsForKeyv5()
  }

  /** Read by Keyv 6. */
  get capabilities(): Capabilities {
    return this.#protocol.capabilitiesForKeyv6()
  }

  get namespace(): string | undefined {
    return this.#namespaces.current
  }

  set namespace(namespace: string | undefined) {
    this.#namespaces.current = namespace
  }

  /** Opens the log and returns the core's store: for its recovery report, health and compaction. Keyv does not need it. */
  async open(): Promise<Store> {
    return await this.#handle.use()
  }

  /** Returns the key in the log for a key that another store has as `namespace:key`, as Keyv 5 passes it. */
  storedKey(key: string): string {
    return this.#namespaces.fromPrefixed(key)
  }

  /** Iterates over all namespaces of the log, with keys as `namespace:key`. `importKeyv` uses it. */
  async *wholeFile(): AsyncGenerator<[string, unknown], void> {
    const store = await this.#handle.use()
    for (const key of store.keys()) {
      const value = read(store, key)
      if (value !== undefined) yield [this.#namespaces.toPrefixed(key), value]
    }
  }

  async get<Value>(key: string): Promise<StoredValue<Value> | undefined> {
    const protocol = this.#protocol.current
    try {
      const storedKey = this.#namespaces.toStored(key, protocol)
      const store = await this.#handle.use()
      return read(store, storedKey) as StoredValue<Value> | undefined
    } catch (error) {
      // Keyv 5 silently treats a failed get as a missing value. A damaged file must not look empty, so emit an error.
      if (protocol === 5) this.report(error)
      throw error
    }
  }

  async getMany<Value>(keys: string[]): Promise<(StoredValue<Value> | undefined)[]> {
    const storedKeys = this.#toStored(keys)
    const store = await this.#handle.use()
    return storedKeys.map((key) => read(store, key) as StoredValue<Value> | undefined)
  }

  async has(key: string): Promise<boolean> {
    const storedKey = this.#namespaces.toStored(key, this.#protocol.current)
    const store = await this.#handle.use()
    return store.has(storedKey)
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    const storedKeys = this.#toStored(keys)
    const store = await this.#handle.use()
    return storedKeys.map((key) => store.has(key))
  }

  /** The third argument is `ttl` in ms for Keyv 5 and `expires` in Unix ms for Keyv 6. */
  async set(key: string, value: unknown, time?: number): Promise<boolean> {
    const operation = this.#toOperation(key, value, time, this.#protocol.current)
    const store = await this.#handle.use()
    await write(store, operation)
    return true
  }

  /** Sets all items or none, in one record. */
  async setMany(items: SetManyItem[]): Promise<SetMany> {
    const protocol = this.#protocol.current
    const operations = items.map(({ key, value, ttl, expires }) =>
      this.#toOperation(key, value, protocol === 5 ? ttl : expires, protocol),
    )
    const store = await this.#handle.use()
    if (operations.length > 0) await store.batch(operations)
    return items.map(() => true) as SetMany
  }

  /** Returns true if the key existed. */
  async delete(key: string): Promise<boolean> {
    const storedKey = this.#namespaces.toStored(key, this.#protocol.current)
    const store = await this.#handle.use()
    return await store.delete(storedKey)
  }

  /** Deletes all keys in one record. Keyv 5 gets true if every key existed, Keyv 6 one answer per key. */
  async deleteMany(keys: string[]): Promise<DeletedMany> {
    const protocol = this.#protocol.current
    const storedKeys = this.#toStored(keys)
    const store = await this.#handle.use()
    const present = new Set(storedKeys.filter((key) => store.has(key)))
    // Also if it is empty: a key may be absent because of a write that is still pending, and the batch waits for it.
    const written = store.batch([...present].map((key) => ({ op: 'DELETE', key })))
    // If a key is named twice, only the first one counts as existing.
    const deleted = storedKeys.map((key) => present.delete(key))
    await written
    return (protocol === 5 ? deleted.every(Boolean) : deleted) as DeletedMany
  }

  /** Clears the namespace in one record. Without a namespace it clears the whole log. */
  async clear(): Promise<void> {
    const prefix = this.#namespaces.prefix()
    const store = await this.#handle.use()
    await store.clear(prefix === '' ? {} : { prefix })
  }

  /** Iterates over the keys and values of the namespace in key order. Writing during the iteration is allowed. */
  async *iterator<Value>(namespace?: string): AsyncGenerator<(string | Awaited<Value> | undefined)[], void> {
    const protocol = this.#protocol.current
    const own = namespace ?? this.#namespaces.current
    const prefix = this.#namespaces.prefix(own)
    const store = await this.#handle.use()
    for (const key of store.keys(prefix === '' ? {} : { prefix })) {
      const value = read(store, key)
      if (value === undefined) continue
      yield [this.#namespaces.toCaller(key, protocol, own), value as Awaited<Value>]
    }
  }

  /** Makes all writes durable and releases the log. It may be called again; all other calls then reject. */
  async disconnect(): Promise<void> {
    await this.#handle.close()
  }

  #toStored(keys: string[]): string[] {
    const protocol = this.#protocol.current
    return keys.map((key) => this.#namespaces.toStored(key, protocol))
  }

  #toOperation(key: string, value: unknown, time: number | undefined, protocol: Protocol): SetOperation {
    return toOperation(this.#namespaces.toStored(key, protocol), value, toExpiry(protocol, time, Date.now()))
  }
}
