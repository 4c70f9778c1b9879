import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import type { FileRange } from './json-members.js'
import { OneLine } from './one-line.js'

/** A value that is too long to be held and stands in a file: its text as `oneLine` would have it, in pieces. */
export function* readLongValue(file: OpenFile, { start, end }: FileRange): Generator<Buffer> {
  // As Buffer.toString: what is no UTF-8 becomes U+FFFD, and a byte order mark inside a text is a character of it.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const text = new OneLine()
  const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, end - start))
  for (let at = start; at < end; ) {
    const filled = file.read(chunk.subarray(0, Math.min(chunk.length, end - at)), at)
    if (filled === 0) throw Object.assign(new Error(`${file.path} ends early`), { code: 'EIO' })
    at += filled
    yield Buffer.from(text.add(decoder.decode(chunk.subarray(0, filled), { stream: at < end })))
  }
}
