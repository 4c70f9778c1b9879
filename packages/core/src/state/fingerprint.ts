/** 32 bits that two keys seldom have in common (FNV-1a over UTF-16 code units, mixed once more). */
export function fingerprint(text: string): number {
  return fingerprintOf(text, 0, text.length)
}

/** The same of a stretch of a longer text. */
export function fingerprintOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  // The last characters, in which neighbours differ, must reach all of the bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
