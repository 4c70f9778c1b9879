import { type BatchOperation, FlatlogError, type Store } from '@flatlog/core'
import type { GetKeysOptions, StorageMeta, TransactionOptions, WatchCallback } from 'unstorage'
import { asBuffer, copyBytes } from './bytes.js'
import { attempt, DRIVER_NAME } from './errors.js'
import { StoreHandle } from './handle.js'
import { depthOf, prefixOf } from './keys.js'
import { type FlatlogDriverOptions, storeOptions } from './options.js'
import { Watching } from './watch.js'

type Options = TransactionOptions
type Item = { key: string; value: string; options?: Options }

/**
 * The driver. unstorage calls it; for direct callers it is typed by what it really gives, and the options that
 * unstorage passes along may be left out.
 */
export interface FlatlogDriver {
  name: typeof DRIVER_NAME
  options: FlatlogDriverOptions
  flags: { ttl: true; maxDepth: true }
  /** The log behind the driver: for its recovery report, health, compaction. Opens it. */
  getInstance: () => Promise<Store>
  hasItem: (key: string, options?: Options) => Promise<boolean>
  getItem: (key: string, options?: Options) => Promise<string | null>
  getItems: (items: { key: string; options?: Options }[]) => Promise<{ key: string; value: string | null }[]>
  /** What was set as bytes comes as bytes, what was set as a string comes as that string. */
  getItemRaw: (key: string, options?: Options) => Promise<Buffer | string | null>
  setItem: (key: string, value: string, options?: Options) => Promise<void>
  setItems: (items: Item[], common?: Options) => Promise<void>
  setItemRaw: (key: string, value: unknown, options?: Options) => Promise<void>
  removeItem: (key: string, options?: Options) => Promise<void>
  getMeta: (key: string, options?: Options) => Promise<StorageMeta | null>
  getKeys: (base?: string, options?: GetKeysOptions) => Promise<string[]>
  clear: (base?: string, options?: Options) => Promise<void>
  dispose: () => Promise<void>
  watch: (callback: WatchCallback) => Promise<() => void>
}

/** A driver for unstorage 1 and 2 on one Flatlog file. Nothing is opened, made or locked before its first use. */
export function flatlogDriver(options: FlatlogDriverOptions = {}): FlatlogDriver {
  const handle = new StoreHandle(storeOptions(options))
  const watching = new Watching()
  const ignoresWrites = options.readOnly === true

  return {
    name: DRIVER_NAME,
    options,
    flags: { ttl: true, maxDepth: true },
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

    setItem: (key, value, given) =>
      attempt(async () => {
        if (ignoresWrites) return
        const lifetime = lifetimeOf(given)
        const store = await handle.use()
        await store.setText(key, value, lifetime)
      }),

    /** One record: all of them or none. */
    setItems: (items, common) =>
      attempt(async () => {
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

    setItemRaw: (key, value, given) =>
      attempt(async () => {
        if (ignoresWrites) return
        const lifetime = lifetimeOf(given)
        const content = typeof value === 'string' ? value : rawBytes(key, value)
        const store = await handle.use()
        if (typeof content === 'string') await store.setText(key, content, lifetime)
        else await store.setBytes(key, content, lifetime)
      }),

    removeItem: (key) =>
      attempt(async () => {
        if (ignoresWrites) return
        const store = await handle.use()
        await store.delete(key)
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

/** Past what a clock reaches. */
const MAX_TTL_SECONDS = 8e12

/** unstorage counts in seconds. Zero, a negative number and what no clock reaches mean that there is no end. */
function lifetimeOf(given: TransactionOptions | undefined): { ttlMs?: number } {
  const ttlSeconds: unknown = given?.ttl
  if (typeof ttlSeconds !== 'number' || !(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) return {}
  return { ttlMs: Math.ceil(ttlSeconds * 1000) }
}

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

function rawBytes(key: string, value: unknown): Uint8Array {
  const bytes = copyBytes(value)
  if (bytes) return bytes
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The raw value for key ${JSON.stringify(key)} is neither bytes (Buffer, Uint8Array, ArrayBuffer) nor a string. ` +
      'What to do: turn it into one of them, or use setItem.',
  )
}
