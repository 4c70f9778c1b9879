import { type Expiry, isSameTime } from './expiry.js'

/**
 * The parts of a Keyv wrapper: `{"value":X}` or `{"value":X,"expires":N}`, the same in both major versions.
 *
 * The log stores X as the value and N as the expiry of the record, which is easier to read. X is cut out of the text
 * and never parsed and serialized again, so its exact text is kept.
 */
export interface Unwrapped {
  readonly value: string
  readonly expiresMs?: number
}

const HEAD = '{"value":'
const EXPIRES_TAIL = /,"expires":(\d{1,16})\}$/
/** Longer than any match of EXPIRES_TAIL, so that a long text is searched only near its end. */
const TAIL_LENGTH = 32

/** The key under which the log stores a value that Keyv passed as an object instead of as text. */
export const OBJECT_KEY = '@flatlog/keyv'
export const OBJECT_HEAD = `{${JSON.stringify(OBJECT_KEY)}:`

export function wrap(value: string, expiresMs: number | undefined): string {
  return expiresMs === undefined ? `${HEAD}${value}}` : `${HEAD}${value},"expires":${expiresMs}}`
}

/**
 * Splits a wrapper into its parts. Returns undefined if `wrap` would not restore exactly this text.
 *
 * That is so for other fields, another order, white space, or a time other than the record's. Whether the value is
 * valid JSON is not checked here: the log parses it anyway.
 */
export function unwrap(text: string, expiry: Expiry | undefined): Unwrapped | undefined {
  if (!text.startsWith(HEAD)) return undefined
  const tail = EXPIRES_TAIL.exec(text.slice(-TAIL_LENGTH))
  const expiresMs = tail ? Number(tail[1]) : undefined
  if (!isSameTime(expiresMs, expiry)) return undefined
  const value = text.slice(HEAD.length, text.length - (tail ? tail[0].length : 1))
  if (wrap(value, expiresMs) !== text) return undefined
  // It would be read back as a value that Keyv passed as an object.
  if (value.startsWith(OBJECT_HEAD)) return undefined
  return expiresMs === undefined ? { value } : { value, expiresMs }
}
