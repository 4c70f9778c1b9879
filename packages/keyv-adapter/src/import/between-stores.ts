import { MAX_TIME_MS } from '../expiry.js'
import type { KeyvFlatlog } from '../keyv-flatlog.js'
import { toOperation, write } from '../values.js'
import type { LoadedEntry, Route } from './copy.js'

/** The methods of a Keyv store that an import uses. */
export interface AnyStore {
  // biome-ignore lint/suspicious/noExplicitAny: stores differ in their parameter and item types.
  iterator?: ((...args: any[]) => AsyncIterable<any>) | undefined
  /** Only in KeyvFlatlog, whose iterator is limited to the namespace of the Keyv that uses it. */
  wholeFile?(): AsyncIterable<StoredEntry>
  /** Excludes a Keyv, which has this method. */
  getManyRaw?: never
}

type StoredEntry = readonly [key: string, raw: unknown]

/** Copies the stored keys and texts of all namespaces unchanged. */
export async function betweenStores(from: AnyStore, to: KeyvFlatlog): Promise<Route<StoredEntry>> {
  const log = await to.open()
  return {
    list: () => from.wholeFile?.() ?? (from.iterator as () => AsyncIterable<StoredEntry>).call(from),
    async load(entries) {
      const nowMs = Date.now()
      return entries.flatMap(([key, raw]): LoadedEntry[] => {
        const atMs = expiryInside(raw)
        if (raw === undefined || raw === null || (atMs !== undefined && atMs <= nowMs)) return []
        const operation = toOperation(to.storedKey(key), raw, atMs === undefined ? undefined : { atMs, slackMs: 0 })
        return [{ isInTarget: () => log.has(operation.key), write: () => write(log, operation) }]
      })
    },
  }
}

/**
 * Returns the expiry inside a stored value in Unix ms, or undefined if there is none.
 *
 * If only the application's own serializer can read the value, its expiry stays inside it, where Keyv finds it.
 */
function expiryInside(raw: unknown): number | undefined {
  let wrapper = raw
  if (typeof raw === 'string') {
    try {
      wrapper = JSON.parse(raw)
    } catch {
      return undefined
    }
  }
  const expires = (wrapper as { expires?: unknown } | null | undefined)?.expires
  return typeof expires === 'number' && expires >= 0 && expires <= MAX_TIME_MS ? expires : undefined
}
