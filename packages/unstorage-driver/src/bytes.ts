import { types } from 'node:util'
import { FlatlogError } from '@flatlog/core'

/**
 * Copies the bytes of a raw value, or returns undefined if the value is neither bytes nor a view of bytes.
 *
 * It must be a copy, because the caller may reuse its buffer before the bytes are on disk.
 */
export function copyBytes(value: unknown): Uint8Array | undefined {
  // Not `instanceof`: test runners and workers have their own ArrayBuffer class.
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(Buffer.from(new Uint8Array(value)))
  if (!ArrayBuffer.isView(value)) return undefined
  return new Uint8Array(Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)))
}

/** Returns the same bytes as a `Buffer`, the type that unstorage's file drivers return. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Converts a raw value to the text or bytes to store. Only a blob or a stream needs a promise. */
export function rawContent(key: string, value: unknown): string | Uint8Array | Promise<Uint8Array> {
  if (typeof value === 'string') return value
  const bytes = copyBytes(value)
  if (bytes) return bytes
  if (isBlob(value)) return value.arrayBuffer().then((buffer) => new Uint8Array(buffer))
  if (isStream(value)) return collect(key, value)
  throw invalidRawValue(key)
}

function isBlob(value: unknown): value is Blob {
  return typeof (value as Blob | null)?.arrayBuffer === 'function'
}

/** True for a web stream, a Node.js stream, or any other async iterable. */
function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === 'function'
}

async function collect(key: string, stream: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : copyBytes(chunk)
    if (!bytes) throw invalidRawValue(key)
    chunks.push(bytes)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function invalidRawValue(key: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The raw value for key ${JSON.stringify(key)} is neither a string nor bytes (Buffer, typed array, ArrayBuffer, Blob, or ` +
      'a stream of these). Convert it to one of them, or use setItem.',
  )
}
