import type { Store } from '@flatlog/core'
import { StoreEmitter } from './emitter.js'
import { givenExpiry } from './expiry.js'
import { Namespaces } from './namespaces.js'
import { type KeyvFlatlogOptions, readOptions } from './options.js'
import { CAPABILITIES, type Capabilities, type Protocol, ProtocolLatch } from './protocol.js'
import { StoreHandle } from './store-handle.js'
import { read, type SetOperation, toOperation, write } from './values.js'

/** What Keyv reads back. Text in truth, unless Keyv is set up without serialization; typed as both majors type it. */
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

/** One answer for all keys in Keyv 5, one for each in Keyv 6: the type that both majors' types accept. */
export type DeletedMany = boolean & boolean[]

/** Keyv 5's types promise nothing here, though it passes on what the store returns; Keyv 6's promise the list. */
// biome-ignore lint/suspicious/noConfusingVoidType: it has to be assignable to Keyv 5's void.
export type SetMany = boolean[] & void

/** A Keyv store on a Flatlog file, for Keyv 5 and Keyv 6. Nothing is opened before its first use. */
export class KeyvFlatlog extends StoreEmitter {
  readonly #protocol: ProtocolLatch
  readonly #namespaces: Namespaces
  readonly #handle: StoreHandle

  constructor(options?: KeyvFlatlogOptions | string) {
    super()
    const { store, namespaces, protocol } = readOptions(options)
    this.#protocol = new ProtocolLatch(protocol, { ...store })
    this.#namespaces = new Namespaces(namespaces)
    this.#handle = new StoreHandle(store, namespaces.bareNamespace, (error) => this.report(error))
  }

  /** Read by Keyv 5. */
  get opts(): Record<string, unknown> {
    return this.#protocol.readByKeyv5()
  }

  /** Read by Keyv 6, which uses a store that takes absolute expiry directly. */
  get capabilities(): Capabilities {
    this.#protocol.readByKeyv6()
    return { ...CAPABILITIES, expires: this.#protocol.current === 6 }
  }

  get namespace(): string | undefined {
    return this.#namespaces.current
  }

  set namespace(namespace: string | undefined) {
    this.#namespaces.current = namespace
  }

  /** Opens the log now, and gives it out: for its recovery report, health, compaction. Keyv needs no such call. */
  async open(): Promise<Store> {
    return await this.#handle.use()
  }

  /** Where a key stands in the log that another store spells `namespace:key`, as Keyv 5 hands it over. */
  storedKey(key: string): string {
    return this.#namespaces.imported(key)
  }

  /** All of the file, of every namespace, keys spelled `namespace:key`: for importing it into another store. */
  async *wholeFile(): AsyncGenerator<[string, unknown], void> {
    const store = await this.#handle.use()
    for (const key of store.keys()) {
      const value = read(store, key)
      if (value !== undefined) yield [this.#namespaces.exported(key), value]
    }
  }

  async get<Value>(key: string): Promise<StoredValue<Value> | undefined> {
    const protocol = this.#protocol.current
    try {
      const storedKey = this.#namespaces.toStored(key, protocol)
      const store = await this.#handle.use()
      return read(store, storedKey) as StoredValue<Value> | undefined
    } catch (error) {
      // Keyv 5 takes a failing get for a missing value and tells nobody; a damaged file must not look empty.
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

  /** All of them or none: one record. */
  async setMany(items: SetManyItem[]): Promise<SetMany> {
    const protocol = this.#protocol.current
    const operations = items.map(({ key, value, ttl, expires }) =>
      this.#toOperation(key, value, protocol === 5 ? ttl : expires, protocol),
    )
    const store = await this.#handle.use()
    if (operations.length > 0) await store.batch(operations)
    return items.map(() => true) as SetMany
  }

  /** True if there was something to delete. */
  async delete(key: string): Promise<boolean> {
    const storedKey = this.#namespaces.toStored(key, this.#protocol.current)
    const store = await this.#handle.use()
    return await store.delete(storedKey)
  }

  /** One record for all. Keyv 5 gets one answer: whether every key was there; Keyv 6 one for each key. */
  async deleteMany(keys: string[]): Promise<DeletedMany> {
    const protocol = this.#protocol.current
    const storedKeys = this.#toStored(keys)
    const store = await this.#handle.use()
    const present = new Set(storedKeys.filter((key) => store.has(key)))
    const written = present.size > 0 ? store.batch([...present].map((key) => ({ op: 'DELETE', key }))) : undefined
    // A key that is named twice is there only the first time.
    const deleted = storedKeys.map((key) => present.delete(key))
    await written
    return (protocol === 5 ? deleted.every(Boolean) : deleted) as DeletedMany
  }

  /** Clears the namespace, in one record; without a namespace the whole file. */
  async clear(): Promise<void> {
    const prefix = this.#namespaces.prefix()
    const store = await this.#handle.use()
    await store.clear(prefix === '' ? {} : { prefix })
  }

  /** The live keys of the namespace with their values, in key order. Writing meanwhile is fine. */
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

  /** Waits for the disk and gives the log back. A second call is harmless; other calls then fail. */
  async disconnect(): Promise<void> {
    await this.#handle.close()
  }

  #toStored(keys: string[]): string[] {
    const protocol = this.#protocol.current
    return keys.map((key) => this.#namespaces.toStored(key, protocol))
  }

  #toOperation(key: string, value: unknown, time: number | undefined, protocol: Protocol): SetOperation {
    return toOperation(this.#namespaces.toStored(key, protocol), value, givenExpiry(protocol, time, Date.now()))
  }
}
