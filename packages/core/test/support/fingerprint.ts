import { createHash } from 'node:crypto'

/** A hash of a whole state, so that a process can report the state that it found. */
export function fingerprint(entries: Iterable<readonly [string, unknown]>): string {
  const lines = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map((entry) => JSON.stringify(entry))
  return createHash('sha1').update(lines.join('\n')).digest('hex')
}
