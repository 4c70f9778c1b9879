import { types } from 'node:util'
import { FlatlogError, type Store } from '@flatlog/core'
import { type Expiry, isSameTime } from './expiry.js'
import { OBJECT_HEAD, OBJECT_KEY, unwrap, wrap } from './wrapper.js'

/**
 * How a value from Keyv is stored:
 *
 * - a wrapper: the JSON value inside it;
 * - any other text: a string with `encoding: "text"`, even if the text is JSON;
 * - bytes: base64;
 * - an object (Keyv without serialization): JSON under a special key, because plain JSON is read back as text.
 *
 * The stored form alone determines what to return, so another process can read it.
 */
export type SetOperation = { readonly op: 'SET'; readonly key: string; readonly expires?: number } & (
  | { readonly text: string; readonly asText: true }
  | { readonly text: string; readonly otherwise: string }
  | { readonly bytes: Uint8Array }
  | { readonly value: unknown }
)

/** Converts a value and copies what is mutable: the caller may change it before it is written. */
export function toOperation(key: string, value: unknown, expiry: Expiry | undefined): SetOperation {
  if (typeof value === 'string') {
    const inner = unwrap(value, expiry)
    // If the inner text is not valid JSON, the whole wrapper is stored as a string instead.
    if (inner) return { op: 'SET', key, text: inner.value, otherwise: value, ...expires(inner.expiresMs) }
    return { op: 'SET', key, text: value, asText: true, ...expires(expiry?.atMs) }
  }
  if (types.isUint8Array(value)) return { op: 'SET', key, bytes: Buffer.from(value), ...expires(expiry?.atMs) }
  const insideMs = (value as { expires?: unknown } | null | undefined)?.expires
  const expiresMs = typeof insideMs === 'number' && isSameTime(insideMs, expiry) ? insideMs : expiry?.atMs
  return { op: 'SET', key, value: { [OBJECT_KEY]: copy(key, value) }, ...expires(expiresMs) }
}

export function write(store: Store, operation: SetOperation): Promise<void> {
  const { key } = operation
  const options = expires(operation.expires)
  if ('otherwise' in operation)
    return store.setText(key, operation.text, { ...options, otherwise: operation.otherwise })
  if ('text' in operation) return store.setText(key, operation.text, { ...options, asText: true })
  if ('bytes' in operation) return store.setBytes(key, operation.bytes, options)
  return store.set(key, operation.value, options)
}

/** Returns what Keyv gets for a key, or undefined if the key is missing or has expired. */
export function read(store: Store, key: string): unknown {
  const stored = store.getStored(key)
  if (stored === undefined) return undefined
  if (stored.encoding === 'base64') {
    const { bytes } = stored
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const { text } = stored
  if (stored.encoding === 'text') return text
  if (text.startsWith(OBJECT_HEAD)) return (JSON.parse(text) as Record<string, unknown>)[OBJECT_KEY]
  return wrap(text, stored.expires)
}

function expires(ms: number | undefined): { expires?: number } {
  return ms === undefined ? {} : { expires: ms }
}

/** Copies an object with everything in it that JSON cannot hold, so that the log refuses it instead of changing it. */
function copy(key: string, value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch (cause) {
    throw new FlatlogError(
      'FLATLOG_INVALID_VALUE',
      `The value for key ${JSON.stringify(key)} cannot be stored: ${(cause as Error).message} Convert it to plain JSON ` +
        'data, or let Keyv serialize it.',
      { cause },
    )
  }
}
