import type { Parts } from './parts.js'

/** Lengths are put together by how many bits they have: there may be tens of thousands of parts, and nobody waits for exactness. */
const CLASSES = 33

/**
 * How many bytes of a checkpoint count still, and no fewer, where so many of its keys do not, and nothing says which: the
 * longest may be gone. What a part's longest pair takes is known of those that were written since the store was opened; in
 * another any key may be the one that takes all of it. What `meta` says of keys counts as if it stayed.
 */
export function leastBytes(parts: Parts, keys: number, nowMs: number): number {
  let bytes = 0
  const longest = new Float64Array(CLASSES)
  const most = new Float64Array(CLASSES)
  for (let at = 0; at < parts.length; at++) {
    const part = parts.summary(at)
    // Some of its keys have expired, and they may be nearly all of it.
    if (part.minExpires !== null && part.minExpires <= nowMs) continue
    bytes += part.bytes
    const pair = Math.max(1, part.longestPair ?? part.bytes)
    const of = CLASSES - 1 - Math.clz32(pair)
    longest[of] = Math.max(longest[of] as number, pair)
    // So many of them would be the whole part.
    most[of] = (most[of] as number) + Math.min(part.keys, Math.ceil(part.bytes / pair))
  }
  let left = keys
  for (let of = CLASSES - 1; of >= 0 && left > 0; of--) {
    const gone = Math.min(left, most[of] as number)
    bytes -= gone * (longest[of] as number)
    left -= gone
  }
  return Math.max(0, bytes)
}
