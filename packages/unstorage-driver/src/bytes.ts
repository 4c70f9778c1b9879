import { types } from 'node:util'
import { FlatlogError } from '@flatlog/core'

/**
 * The bytes of what a caller hands over as raw, in memory of their own: the caller may write into its buffer again
 * before they are on disk. Undefined for what is neither bytes nor a view of bytes.
 */
export function copyBytes(value: unknown): Uint8Array | undefined {
  // Asked by kind and not by class, since test runners and workers have classes of their own.
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(Buffer.from(new Uint8Array(value)))
  if (!ArrayBuffer.isView(value)) return undefined
  return new Uint8Array(Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)))
}

/** The same bytes as a `Buffer`, as the drivers for files hand them out. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What a raw value is in the log: text as it is, or bytes. Only a blob and a stream have to be waited for. */
export function rawContent(key: string, value: unknown): string | Uint8Array | Promise<Uint8Array> {
  if (typeof value === 'string') return value
  const bytes = copyBytes(value)
  if (bytes) return bytes
  if (isBlob(value)) return value.arrayBuffer().then((buffer) => new Uint8Array(buffer))
  if (isStream(value)) return collect(key, value)
  throw neither(key)
}

function isBlob(value: unknown): value is Blob {
  return typeof (value as Blob | null)?.arrayBuffer === 'function'
}

/** A web stream, a stream of Node.js, or anything else that gives out pieces. */
function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === 'function'
}

async function collect(key: string, stream: AsyncIterable<unknown>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : copyBytes(piece)
    if (!bytes) throw neither(key)
    pieces.push(bytes)
  }
  return new Uint8Array(Buffer.concat(pieces))
}

function neither(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The raw value for key ${JSON.stringify(key)} is neither bytes (Buffer, typed array, ArrayBuffer, Blob or a stream of ` +
      'them) nor a string. What to do: turn it into one of them, or use setItem.',
  )
}
