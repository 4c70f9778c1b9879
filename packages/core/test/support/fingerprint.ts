import { createHash } from 'node:crypto'

/** A few characters that stand for a whole state, so that a process can say what it has found. */
export function fingerprint(entries: Iterable<readonly [string, unknown]>): string {
  const hash = createHash('sha1')
  for (const entry of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${JSON.stringify(entry)}\n`)
  return hash.digest('hex')
}
