import type { Store } from '@flatlog/core'
import type { StorageMeta } from 'unstorage'

/** What the log knows of an item, in unstorage's words. A missing item has none. */
export function metaOf(store: Store, key: string): StorageMeta | null {
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
