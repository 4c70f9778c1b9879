import { FlatlogError } from '@flatlog/core'
import type { LoadedEntry, Route } from './copy.js'

interface Raw {
  value?: unknown
  expires?: number | undefined
}

/** What an import needs of a Keyv of either major version. */
export interface AnyKeyv {
  // biome-ignore lint/suspicious/noExplicitAny: Keyv 5 types it so.
  iterator?: ((...args: any[]) => AsyncIterable<any>) | undefined
  getManyRaw(keys: string[]): Promise<readonly unknown[]>
  hasMany(keys: string[]): Promise<readonly boolean[]>
  set(key: string, value: unknown, ttlMs?: number): Promise<boolean>
  /** In Keyv 6 alone: it takes the moment of expiry. */
  setRaw?(key: string, raw: Raw): Promise<boolean>
  on(event: string, listener: (error: unknown) => void): unknown
}

export function isKeyv(either: object): either is AnyKeyv {
  return typeof (either as { getManyRaw?: unknown }).getManyRaw === 'function'
}

/** Entries as the one Keyv reads them and the other writes them: serialization, namespaces and versions may differ. */
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
      let asked: Promise<readonly boolean[]> | undefined
      const present = () => {
        asked ??= to.hasMany(live.map(({ key }) => key))
        return asked
      }
      return live.map(({ key, raw }, position): LoadedEntry => {
        return { isThere: async () => (await present())[position] === true, write: () => write(to, key, raw) }
      })
    },
    nothingLoaded: unreadable,
  }
}

/** Keyv 5 takes a relative time, and 0 for none: without it, its own default would be given. */
function write(to: AnyKeyv, key: string, { value, expires }: Raw): Promise<unknown> {
  const isEver = typeof expires !== 'number'
  if (to.setRaw) return to.setRaw(key, isEver ? { value } : { value, expires })
  return to.set(key, value, isEver ? 0 : Math.max(1, expires - Date.now()))
}

function unreadable(): FlatlogError {
  return new FlatlogError(
    'FLATLOG_MISMATCH',
    'The Keyv that is to be imported lists keys, and finds none of them. What to do: look at its namespace; Keyv 5 ' +
      'lists wrong keys where that contains a colon. The stores themselves can be copied instead of the Keyv.',
  )
}
