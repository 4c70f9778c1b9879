import type { BatchOperation, Store } from '@flatlog/core'
import type { GetKeysOptions, StorageMeta, TransactionOptions, WatchCallback } from 'unstorage'
import { asBuffer, rawContent } from './bytes.js'
import { DRIVER_NAME, withDriverErrors } from './errors.js'
import type { FlatlogDriverOptions } from './options.js'
import { StoreHandle } from './store-handle.js'
import { Watchers } from './watchers.js'
import {
  conditionInBatch,
  conditionsOf,
  conditionWhenReadOnly,
  hasCondition,
  type ItemOptions,
  ttlOf,
} from './write-options.js'

type Options = TransactionOptions
type Item = { key: string; value: string; options?: ItemOptions }
type Condition = { ifMatch: string } | { ifNoneMatch: string }
/** The item's new etag. Undefined if the item has already expired, or if the write had no condition. */
type Written = { etag: string } | undefined

/** Only a conditional write returns something. */
export interface ItemWrite<Value> {
  (key: string, value: Value, options: ItemOptions & Condition): Promise<Written>
  (key: string, value: Value, options?: ItemOptions): Promise<void>
}

/**
 * The driver as unstorage calls it, with the exact types that it returns.
 *
 * For direct calls, the options that unstorage always passes may be left out.
 */
export interface FlatlogDriver {
  name: typeof DRIVER_NAME
  options: FlatlogDriverOptions
  flags: { ttl: true; maxDepth: true; cas: true }
  /** Opens the log and returns the core's store: for its recovery report, health and compaction. */
  getInstance: () => Promise<Store>
  hasItem: (key: string, options?: Options) => Promise<boolean>
  getItem: (key: string, options?: Options) => Promise<string | null>
  getItems: (items: { key: string; options?: Options }[]) => Promise<{ key: string; value: string | null }[]>
  /** Returns a Buffer for an item set as bytes, and the string for an item set as a string. */
  getItemRaw: (key: string, options?: Options) => Promise<Buffer | string | null>
  /** Rejects with `ERR_CAS_MISMATCH` if a condition does not hold. */
  setItem: ItemWrite<string>
  setItems: (items: Item[], common?: ItemOptions) => Promise<void>
  setItemRaw: ItemWrite<unknown>
  removeItem: (key: string, options?: ItemOptions) => Promise<void>
  getMeta: (key: string, options?: Options) => Promise<StorageMeta | null>
  getKeys: (base?: string, options?: GetKeysOptions) => Promise<string[]>
  clear: (base?: string, options?: Options) => Promise<void>
  dispose: () => Promise<void>
  watch: (callback: WatchCallback) => Promise<() => void>
}

/** Creates a driver for unstorage 1 and 2 on a Flatlog log. The log is created, opened and locked at the first use. */
export function flatlogDriver(options: FlatlogDriverOptions = {}): FlatlogDriver {
  const handle = new StoreHandle(options)
  const watchers = new Watchers()
  const isReadOnly = options.readOnly === true

  async function write(key: string, content: string | Uint8Array, given: ItemOptions | undefined): Promise<Written> {
    const conditions = conditionsOf(key, given)
    const ttl = ttlOf(given)
    const store = await handle.use()
    const writeOptions = { ...ttl, ...conditions }
    const written =
      typeof content === 'string'
        ? store.setText(key, content, writeOptions)
        : store.setBytes(key, content, writeOptions)
    // Get the etag before awaiting: another write may follow before this one is on disk.
    const etag = conditions && store.getMeta(key)?.etag
    await written
    return etag === undefined ? undefined : { etag }
  }

  return {
    name: DRIVER_NAME,
    options,
    flags: { ttl: true, maxDepth: true, cas: true },
    getInstance: () => withDriverErrors(() => handle.use()),

    hasItem: (key) => withDriverErrors(async () => (await handle.use()).has(key)),

    getItem: (key) => withDriverErrors(async () => (await handle.use()).getText(key) ?? null),

    getItems: (items) =>
      withDriverErrors(async () => {
        const store = await handle.use()
        return items.map(({ key }) => ({ key, value: store.getText(key) ?? null }))
      }),

    getItemRaw: (key) =>
      withDriverErrors(async () => {
        const store = await handle.use()
        const stored = store.getStored(key)
        if (stored === undefined) return null
        return stored.encoding === 'base64' ? asBuffer(stored.bytes) : stored.text
      }),

    setItem: ((key, value, given) =>
      withDriverErrors(async () => {
        if (isReadOnly) return ignoreWrite(key, given)
        return write(key, value, given)
      })) as ItemWrite<string>,

    /** Sets all items or none, in one record. */
    setItems: (items, common) =>
      withDriverErrors(async () => {
        for (const { key, options: own } of items) {
          if (hasCondition({ ...common, ...own })) throw conditionInBatch(key)
        }
        if (isReadOnly || items.length === 0) return
        const operations = items.map(
          ({ key, value, options: own }): BatchOperation => ({
            op: 'SET',
            key,
            text: value,
            ...ttlOf({ ...common, ...own }),
          }),
        )
        const store = await handle.use()
        await store.batch(operations)
      }),

    setItemRaw: ((key, value, given) =>
      withDriverErrors(async () => {
        if (isReadOnly) return ignoreWrite(key, given)
        const content = rawContent(key, value)
        // Await only what is a promise, so that all other writes take effect in the order of their calls.
        return write(key, content instanceof Promise ? await content : content, given)
      })) as ItemWrite<unknown>,

    removeItem: (key, given) =>
      withDriverErrors(async () => {
        if (isReadOnly) return ignoreWrite(key, given)
        const conditions = conditionsOf(key, given)
        const store = await handle.use()
        await store.delete(key, conditions)
      }),

    getMeta: (key) => withDriverErrors(async () => metaOf(await handle.use(), key)),

    getKeys: (base, given) =>
      withDriverErrors(async () => {
        const store = await handle.use()
        const prefix = prefixOf(base)
        const keys = [...store.keys(prefix === '' ? {} : { prefix })]
        const maxDepth: unknown = given?.maxDepth
        return typeof maxDepth === 'number' ? keys.filter((key) => depthOf(key) <= maxDepth) : keys
      }),

    /** Removes any number of keys in one record. */
    clear: (base) =>
      withDriverErrors(async () => {
        if (isReadOnly || options.noClear) return
        const prefix = prefixOf(base)
        const store = await handle.use()
        await store.clear(prefix === '' ? {} : { prefix })
      }),

    /** Releases the log. It may be called again, and a later use opens the log again. */
    dispose: () =>
      withDriverErrors(async () => {
        // Closing first completes all earlier calls. One of them may add a watcher.
        await handle.close().finally(() => watchers.removeAll())
      }),

    watch: (callback) => withDriverErrors(async () => watchers.add(await handle.use(), callback)),
  }
}

/** Ignores a write, as unstorage's read-only file drivers do. A condition is an error. */
function ignoreWrite(key: string, given: ItemOptions | undefined): undefined {
  if (hasCondition(given)) throw conditionWhenReadOnly(key)
  return undefined
}

/** Returns the key prefix for a base: `foo:` for `foo`, `foo:` and `/foo/`, and the empty prefix for no base. */
function prefixOf(base: string | undefined): string {
  const normalized = (base ?? '').replace(/[/\\]/g, ':').replace(/:+/g, ':').replace(/^:|:$/g, '')
  return normalized === '' ? '' : `${normalized}:`
}

/** Counts the levels of a key below the root of the driver. A key without a colon is at level 0. */
function depthOf(key: string): number {
  let depth = 0
  for (let at = key.indexOf(':'); at !== -1; at = key.indexOf(':', at + 1)) depth++
  return depth
}

/** Returns an item's metadata in the form of unstorage, or null if the item does not exist. */
function metaOf(store: Store, key: string): StorageMeta | null {
  const meta = store.getMeta(key)
  if (meta === undefined) return null
  const { size, etag, mtime, expires } = meta
  return {
    size,
    etag,
    ...(mtime === undefined ? {} : { mtime: new Date(mtime) }),
    // Whole seconds, and at least one: a ttl of 0 would mean that the item never expires.
    ...(expires === undefined ? {} : { ttl: Math.max(1, Math.ceil((expires - Date.now()) / 1000)) }),
  }
}
