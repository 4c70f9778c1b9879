import { types } from 'node:util'
import { FlatlogError, type Store } from '@flatlog/core'
import { type Expiry, sameMoment } from './expiry.js'
import { OBJECT_HEAD, OBJECT_KEY, unwrap, wrap } from './wrapper.js'

/**
 * How a value from Keyv stands in the log:
 *
 * - a wrapper text, as the JSON value inside it;
 * - any other text, as a string with `encoding: "text"`, also where it happens to be JSON;
 * - bytes, as base64;
 * - an object (Keyv without serialization), as JSON under a key that says so, since the same JSON without it is read
 *   back as text.
 *
 * So the form alone tells what to give back, also to a process that never wrote.
 */
export type SetOperation = { readonly op: 'SET'; readonly key: string; readonly expires?: number } & (
  | { readonly text: string; readonly asText: true }
  | { readonly text: string; readonly otherwise: string }
  | { readonly bytes: Uint8Array }
  | { readonly value: unknown }
)

/** Takes all it needs from the value at once: the caller may change it before it is written. */
export function toOperation(key: string, value: unknown, expiry: Expiry | undefined): SetOperation {
  if (typeof value === 'string') {
    const inner = unwrap(value, expiry)
    // What cannot stand as JSON must not stand as a string of text: on reading, that is a whole wrapper.
    if (inner) return { op: 'SET', key, text: inner.value, otherwise: value, ...expires(inner.expiresMs) }
    return { op: 'SET', key, text: value, asText: true, ...expires(expiry?.atMs) }
  }
  if (types.isUint8Array(value)) return { op: 'SET', key, bytes: Buffer.from(value), ...expires(expiry?.atMs) }
  const inside = (value as { expires?: unknown } | null | undefined)?.expires
  const expiresMs = typeof inside === 'number' && sameMoment(inside, expiry) ? inside : expiry?.atMs
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

/** What Keyv gets for a key; undefined where there is nothing, or nothing any more. */
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

/** A copy that keeps what JSON cannot hold, so that the log can refuse it by name instead of changing it. */
function copy(key: string, value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch (cause) {
    throw new FlatlogError(
      'FLATLOG_INVALID_VALUE',
      `The value for key ${JSON.stringify(key)} cannot be stored: ${(cause as Error).message} What to do: turn it ` +
        'into plain data first, or let Keyv serialize it.',
      { cause },
    )
  }
}
