import type { IndexRow, PartValue } from './record.js'
import type { Encoding } from './value.js'

/** What a part says of its keys beside their values. */
export interface PartMeta {
  readonly expires?: Readonly<Record<string, number>>
  readonly encoding?: Readonly<Record<string, Encoding>>
  /** In key order; null where it is not known when the key was written. */
  readonly ages?: readonly (number | null)[]
}

/** With the time from which `ages` are counted back. */
export interface DatedMeta extends PartMeta {
  readonly timestampMs: number
}

export interface KeyMeta {
  readonly expires: number | undefined
  readonly encoding: Encoding | undefined
  readonly time: number | undefined
}

/** For what is kept for many keys: of most there is nothing to say, and then it is undefined. */
export function toKeyMeta(
  encoding: Encoding | undefined,
  expires: number | undefined,
  time: number | undefined,
): KeyMeta | undefined {
  const isPlain = encoding === undefined && expires === undefined && time === undefined
  return isPlain ? undefined : { expires, encoding, time }
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

/** When the keys of a part expire, as its row in the index says it. */
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

/** What a key takes in a part beside its name and its value: quotes, colon, comma, and what `meta` says of it. */
const PAIR_BYTES = 8
const META_BYTES = 48

/** About how many bytes a key has in a part, and seldom fewer: only its escapes are not counted. */
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
  // That it expires and how it is encoded is said under its name again.
  if (expires !== undefined) bytes += keyBytes
  if (encoding !== undefined) bytes += keyBytes
  return bytes
}
