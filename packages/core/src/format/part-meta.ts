import type { IndexRow, PartValue } from './record.js'
import type { Encoding } from './value.js'

/** The `meta` of a part: expiry, encoding and age of its keys. */
export interface PartMeta {
  readonly expires?: Readonly<Record<string, number>>
  readonly encoding?: Readonly<Record<string, Encoding>>
  /** In key order: how long before the part's timestamp each value was written, in ms; null if that is unknown. */
  readonly ages?: readonly (number | null)[]
}

/** With the time from which `ages` count back. */
export interface DatedMeta extends PartMeta {
  readonly timestampMs: number
}

export interface KeyMeta {
  readonly expires: number | undefined
  readonly encoding: Encoding | undefined
  readonly time: number | undefined
}

/** Undefined if there is nothing to keep: so it is for most keys, and many are kept. */
export function toKeyMeta(
  encoding: Encoding | undefined,
  expires: number | undefined,
  time: number | undefined,
): KeyMeta | undefined {
  const hasNoMeta = encoding === undefined && expires === undefined && time === undefined
  return hasNoMeta ? undefined : { expires, encoding, time }
}

export const NO_META: DatedMeta = { timestampMs: 0 }

export function metaOf(meta: DatedMeta, key: string, position: number): KeyMeta {
  const { expires, encoding, ages, timestampMs } = meta
  const age = ages?.[position]
  return {
    expires: expires && Object.hasOwn(expires, key) ? expires[key] : undefined,
    encoding: encoding && Object.hasOwn(encoding, key) ? encoding[key] : undefined,
    time: age === undefined || age === null ? undefined : timestampMs - age,
  }
}

/** When the first and when all keys of a part expire, as the index contains it. */
export function expiryRange(state: readonly Pick<PartValue, 'expires'>[]): Pick<IndexRow, 'minExpires' | 'maxExpires'> {
  let minExpires: number | null = null
  let maxExpires: number | null = state.length ? 0 : null
  for (const { expires } of state) {
    if (expires === undefined) maxExpires = null
    else {
      minExpires = Math.min(minExpires ?? expires, expires)
      if (maxExpires !== null) maxExpires = Math.max(maxExpires, expires)
    }
  }
  return { minExpires, maxExpires }
}

/** What a pair takes beside key and value: quotes, colon, comma. */
const PAIR_BYTES = 8
/** What `meta` takes for a key beside its name. */
export const META_BYTES = 48

/** About how many bytes a pair takes in a part. It rarely takes more: only escapes of the key are not counted. */
export function bytesInPart(
  key: string,
  valueBytes: number,
  encoding: Encoding | undefined,
  expires: number | undefined,
  time: number | undefined,
  keyBytes = Buffer.byteLength(key),
): number {
  let bytes = keyBytes + valueBytes + PAIR_BYTES
  if (expires !== undefined || time !== undefined || encoding !== undefined) bytes += META_BYTES
  // `meta` repeats the key for each of these.
  if (expires !== undefined) bytes += keyBytes
  if (encoding !== undefined) bytes += keyBytes
  return bytes
}
