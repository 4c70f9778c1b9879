import { MAX_TIME_MS } from '../expiry.js'
import type { KeyvFlatlog } from '../keyv-flatlog.js'
import { toOperation, write } from '../values.js'
import type { LoadedEntry, Route } from './copy.js'

/** What an import needs of a Keyv store. */
export interface AnyStore {
  // biome-ignore lint/suspicious/noExplicitAny: stores differ in what they take and say of it.
  iterator?: ((...args: any[]) => AsyncIterable<any>) | undefined
  /** What this package's own store lists: its iterator gives one namespace, if it belongs to a Keyv that has one. */
  wholeFile?(): AsyncIterable<Stored>
  /** A Keyv has it, a store has not. */
  getManyRaw?: never
}

type Stored = readonly [key: string, raw: unknown]

/** Keys and texts as they stand in the one store and are to stand in the other, of all namespaces. */
export async function betweenStores(from: AnyStore, to: KeyvFlatlog): Promise<Route<Stored>> {
  const log = await to.open()
  return {
    list: () => from.wholeFile?.() ?? (from.iterator as () => AsyncIterable<Stored>).call(from),
    async load(entries) {
      const nowMs = Date.now()
      return entries.flatMap(([key, raw]): LoadedEntry[] => {
        const atMs = expiresIn(raw)
        if (raw === undefined || raw === null || (atMs !== undefined && atMs <= nowMs)) return []
        const operation = toOperation(to.storedKey(key), raw, atMs === undefined ? undefined : { atMs, slackMs: 0 })
        return [{ isThere: () => log.has(operation.key), write: () => write(log, operation) }]
      })
    },
  }
}

/** Unix ms. Where it stands in a form that only the application can read, Keyv finds it there as before. */
function expiresIn(raw: unknown): number | undefined {
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
