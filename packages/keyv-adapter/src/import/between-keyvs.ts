import { FlatlogError } from '@flatlog/core'
import type { LoadedEntry, Route } from './copy.js'

interface Raw {
  value?: unknown
  expires?: number | undefined
}

/** The methods of a Keyv, of either major version, that an import uses. */
export interface AnyKeyv {
  // biome-ignore lint/suspicious/noExplicitAny: Keyv 5 types it so.
  iterator?: ((...args: any[]) => AsyncIterable<any>) | undefined
  getManyRaw(keys: string[]): Promise<readonly unknown[]>
  hasMany(keys: string[]): Promise<readonly boolean[]>
  set(key: string, value: unknown, ttlMs?: number): Promise<boolean>
  /** Only in Keyv 6. Accepts an absolute expiry time. */
  setRaw?(key: string, raw: Raw): Promise<boolean>
  on(event: string, listener: (error: unknown) => void): unknown
}

export function isKeyv(either: object): either is AnyKeyv {
  return typeof (either as { getManyRaw?: unknown }).getManyRaw === 'function'
}

/** Copies entries as one Keyv reads them and the other writes them. Versions, namespaces and serializers may differ. */
export function betweenKeyvs(from: AnyKeyv, to: AnyKeyv): Route<string> {
  return {
    async *list() {
      for await (const [key] of (from.iterator as () => AsyncIterable<[string, unknown]>).call(from)) yield key
    },
    async load(keys) {
      const raws = (await from.getManyRaw([...keys])) as readonly (Raw | undefined)[]
      const nowMs = Date.now()
      const live = keys.flatMap((key, position) => {
        const raw = raws[position]
        return raw && !(typeof raw.expires === 'number' && raw.expires <= nowMs) ? [{ key, raw }] : []
      })
      let lookup: Promise<readonly boolean[]> | undefined
      const lookUp = () => {
        lookup ??= to.hasMany(live.map(({ key }) => key))
        return lookup
      }
      return live.map(({ key, raw }, position): LoadedEntry => {
        return { isInTarget: async () => (await lookUp())[position] === true, write: () => write(to, key, raw) }
      })
    },
    nothingLoaded: unreadable,
  }
}

/** Writes an entry. Keyv 5 takes a relative time, and 0 for none: without it, Keyv would use its default ttl. */
function write(to: AnyKeyv, key: string, { value, expires }: Raw): Promise<unknown> {
  const neverExpires = typeof expires !== 'number'
  if (to.setRaw) return to.setRaw(key, neverExpires ? { value } : { value, expires })
  return to.set(key, value, neverExpires ? 0 : Math.max(1, expires - Date.now()))
}

function unreadable(): FlatlogError {
  return new FlatlogError(
    'FLATLOG_MISMATCH',
    'The Keyv to import from lists keys but finds no value for any of them. Check its namespace: if it contains a ' +
      'colon, Keyv 5 lists wrong keys. Import from the store instead of the Keyv.',
  )
}
