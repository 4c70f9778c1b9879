import type { BatchOperation, Store } from '@flatlog/core'
import type { GetKeysOptions, StorageMeta, TransactionOptions, WatchCallback } from 'unstorage'
import { asBuffer, rawContent } from './bytes.js'
import { attempt, DRIVER_NAME } from './errors.js'
import type { FlatlogDriverOptions } from './options.js'
import { StoreHandle } from './store-handle.js'
import { Watching } from './watch.js'
import {
  conditionOnReadOnly,
  conditionsOf,
  hasCondition,
  type ItemOptions,
  lifetimeOf,
  noConditionsInBatch,
} from './write-options.js'

type Options = TransactionOptions
type Item = { key: string; value: string; options?: ItemOptions }
type Condition = { ifMatch: string } | { ifNoneMatch: string }
/** The etag that the item has got; undefined if it has expired already, or if no condition was asked for. */
type Written = { etag: string } | undefined

/** Only a write with a condition gives something back. */
export interface ItemWrite<Value> {
  (key: string, value: Value, options: ItemOptions & Condition): Promise<Written>
  (key: string, value: Value, options?: ItemOptions): Promise<void>
}

/**
 * The driver. unstorage calls it; for direct callers it is typed by what it really gives, and the options that
 * unstorage passes along may be left out.
 */
export interface FlatlogDriver {
  name: typeof DRIVER_NAME
  options: FlatlogDriverOptions
  flags: { ttl: true; maxDepth: true; cas: true }
  /** The log behind the driver: for its recovery report, health, compaction. Opens it. */
  getInstance: () => Promise<Store>
  hasItem: (key: string, options?: Options) => Promise<boolean>
  getItem: (key: string, options?: Options) => Promise<string | null>
  getItems: (items: { key: string; options?: Options }[]) => Promise<{ key: string; value: string | null }[]>
  /** What was set as bytes comes as bytes, what was set as a string comes as that string. */
  getItemRaw: (key: string, options?: Options) => Promise<Buffer | string | null>
  /** With a condition that does not hold: `ERR_CAS_MISMATCH`. */
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

/** A driver for unstorage 1 and 2 on one Flatlog file. Nothing is opened, made or locked before its first use. */
export function flatlogDriver(options: FlatlogDriverOptions = {}): FlatlogDriver {
  const handle = new StoreHandle(options)
  const watching = new Watching()
  const ignoresWrites = options.readOnly === true

  /** The one way for an item into the log. */
  async function write(key: string, content: string | Uint8Array, given: ItemOptions | undefined): Promise<Written> {
    const conditions = conditionsOf(key, given)
    const lifetime = lifetimeOf(given)
    const store = await handle.use()
    const wanted = { ...lifetime, ...conditions }
    const written =
      typeof content === 'string' ? store.setText(key, content, wanted) : store.setBytes(key, content, wanted)
    // Asked for at once, since another write may follow before this one is on disk.
    const etag = conditions && store.getMeta(key)?.etag
    await written
    return etag === undefined ? undefined : { etag }
  }

  return {
    name: DRIVER_NAME,
    options,
    flags: { ttl: true, maxDepth: true, cas: true },
    getInstance: () => attempt(() => handle.use()),

    hasItem: (key) => attempt(async () => (await handle.use()).has(key)),

    getItem: (key) => attempt(async () => (await handle.use()).getText(key) ?? null),

    getItems: (items) =>
      attempt(async () => {
        const store = await handle.use()
        return items.map(({ key }) => ({ key, value: store.getText(key) ?? null }))
      }),

    getItemRaw: (key) =>
      attempt(async () => {
        const store = await handle.use()
        if (store.getEncoding(key) !== 'base64') return store.getText(key) ?? null
        const bytes = store.getBytes(key)
        return bytes ? asBuffer(bytes) : null
      }),

    setItem: ((key, value, given) =>
      attempt(async () => {
        if (ignoresWrites) return ignore(key, given)
        return write(key, value, given)
      })) as ItemWrite<string>,

    /** One record: all of them or none. */
    setItems: (items, common) =>
      attempt(async () => {
        for (const { key, options: own } of items) {
          if (hasCondition({ ...common, ...own })) throw noConditionsInBatch(key)
        }
        if (ignoresWrites || items.length === 0) return
        const operations = items.map(
          ({ key, value, options: own }): BatchOperation => ({
            op: 'SET',
            key,
            text: value,
            ...lifetimeOf({ ...common, ...own }),
          }),
        )
        const store = await handle.use()
        await store.batch(operations)
      }),

    setItemRaw: ((key, value, given) =>
      attempt(async () => {
        if (ignoresWrites) return ignore(key, given)
        const content = rawContent(key, value)
        // Not awaited where it is there already, so that writes stay in the order of their calls.
        return write(key, content instanceof Promise ? await content : content, given)
      })) as ItemWrite<unknown>,

    removeItem: (key, given) =>
      attempt(async () => {
        if (ignoresWrites) return ignore(key, given)
        const conditions = conditionsOf(key, given)
        const store = await handle.use()
        await store.delete(key, conditions)
      }),

    getMeta: (key) => attempt(async () => metaOf(await handle.use(), key)),

    getKeys: (base, given) =>
      attempt(async () => {
        const store = await handle.use()
        const prefix = prefixOf(base)
        const keys = [...store.keys(prefix === '' ? {} : { prefix })]
        const maxDepth: unknown = given?.maxDepth
        return typeof maxDepth === 'number' ? keys.filter((key) => depthOf(key) <= maxDepth) : keys
      }),

    /** One record, whatever the number of keys. */
    clear: (base) =>
      attempt(async () => {
        if (ignoresWrites || options.noClear) return
        const prefix = prefixOf(base)
        const store = await handle.use()
        await store.clear(prefix === '' ? {} : { prefix })
      }),

    /** Gives the log back. It can be repeated, and a later use opens the log again. */
    dispose: () =>
      attempt(async () => {
        watching.end()
        await handle.close()
      }),

    watch: (callback) => attempt(async () => watching.add(await handle.use(), callback)),
  }
}

/** What a read-only driver does with a write, as the driver for files: nothing. */
function ignore(key: string, given: ItemOptions | undefined): undefined {
  if (hasCondition(given)) throw conditionOnReadOnly(key)
  return undefined
}

/** `foo`, `foo:` and `/foo/` all mean the keys that begin with `foo:`; nothing means all keys. */
function prefixOf(base: string | undefined): string {
  const normalized = (base ?? '').replace(/[/\\]/g, ':').replace(/:+/g, ':').replace(/^:|:$/g, '')
  return normalized === '' ? '' : `${normalized}:`
}

/** How many levels a key lies below the root of the driver, which is at level 0. */
function depthOf(key: string): number {
  let depth = 0
  for (let at = key.indexOf(':'); at !== -1; at = key.indexOf(':', at + 1)) depth++
  return depth
}

/** What the log knows of an item, in unstorage's words. A missing item has none. */
function metaOf(store: Store, key: string): StorageMeta | null {
  const meta = store.getMeta(key)
  if (meta === undefined) return null
  const { size, etag, mtime, expires } = meta
  return {
    size,
    etag,
    ...(mtime === undefined ? {} : { mtime: new Date(mtime) }),
    // A key that is still there has at least a second, in whole ones, so that none of them reads as "for ever".
    ...(expires === undefined ? {} : { ttl: Math.max(1, Math.ceil((expires - Date.now()) / 1000)) }),
  }
}
