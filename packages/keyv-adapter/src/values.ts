import { types } from 'node:util'
import { FlatlogError, type Store } from '@flatlog/core'
import type { Expiry } from './protocol.js'
import { OBJECT_HEAD, OBJECT_KEY, sameMoment, unwrap, wrap } from './wrapper.js'

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
  | { readonly text: string; readonly asText: boolean }
  | { readonly bytes: Uint8Array }
  | { readonly value: unknown }
)

/** Takes all it needs from the value at once: the caller may change it before it is written. */
export function toOperation(key: string, value: unknown, expiry: Expiry | undefined): SetOperation {
  if (typeof value === 'string') {
    const inner = unwrap(value, expiry)
    if (inner) return { op: 'SET', key, text: inner.value, asText: false, ...expires(inner.expiresMs) }
    return { op: 'SET', key, text: value, asText: true, ...expires(expiry?.atMs) }
  }
  if (types.isUint8Array(value)) return { op: 'SET', key, bytes: Buffer.from(value), ...expires(expiry?.atMs) }
  const inside = (value as { expires?: unknown } | null | undefined)?.expires
  const expiresMs = typeof inside === 'number' && sameMoment(inside, expiry) ? inside : expiry?.atMs
  return { op: 'SET', key, value: { [OBJECT_KEY]: copy(key, value) }, ...expires(expiresMs) }
}

export function write(store: Store, operation: SetOperation): Promise<void> {
  const options = expires(operation.expires)
  if ('text' in operation) {
    return store.setText(operation.key, operation.text, { ...options, asText: operation.asText })
  }
  if ('bytes' in operation) return store.setBytes(operation.key, operation.bytes, options)
  return store.set(operation.key, operation.value, options)
}

/** What Keyv gets for a key; undefined where there is nothing, or nothing any more. */
export function read(store: Store, key: string): unknown {
  // The expiry first: if the key expires between these calls, the text is missing and not without its expiry.
  const meta = store.getMeta(key)
  if (meta === undefined) return undefined
  const encoding = store.getEncoding(key)
  if (encoding === 'base64') {
    const bytes = store.getBytes(key)
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const text = store.getText(key)
  if (text === undefined || encoding === 'text') return text
  if (text.startsWith(OBJECT_HEAD)) return (JSON.parse(text) as Record<string, unknown>)[OBJECT_KEY]
  return wrap(text, meta.expires)
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
