import { type Expiry, sameMoment } from './expiry.js'

/**
 * Keyv hands over `{"value":X}` or `{"value":X,"expires":N}`; both majors spell it so. The log reads better with X
 * alone and N as the expiry of the record. X is cut out of the text, never parsed and spelled anew.
 */
export interface Unwrapped {
  readonly value: string
  readonly expiresMs?: number
}

const HEAD = '{"value":'
const EXPIRES_TAIL = /,"expires":(\d{1,16})\}$/
/** Longer than any tail that the pattern can match, so that a long text is not searched from its start. */
const TAIL_LENGTH = 32

/** What a value starts with that Keyv handed over as an object and not as text. */
export const OBJECT_KEY = '@flatlog/keyv'
export const OBJECT_HEAD = `{${JSON.stringify(OBJECT_KEY)}:`

export function wrap(value: string, expiresMs: number | undefined): string {
  return expiresMs === undefined ? `${HEAD}${value}}` : `${HEAD}${value},"expires":${expiresMs}}`
}

/**
 * The parts of a wrapper, or undefined where putting them together again would not give back this very text: other
 * fields, another order, white space, a time other than the one the record will have. Whether the value can stand as
 * JSON is for the log to find out, which parses it anyway.
 */
export function unwrap(text: string, expiry: Expiry | undefined): Unwrapped | undefined {
  if (!text.startsWith(HEAD)) return undefined
  const tail = EXPIRES_TAIL.exec(text.slice(-TAIL_LENGTH))
  const expiresMs = tail ? Number(tail[1]) : undefined
  if (!sameMoment(expiresMs, expiry)) return undefined
  const value = text.slice(HEAD.length, text.length - (tail ? tail[0].length : 1))
  if (wrap(value, expiresMs) !== text) return undefined
  // A value that begins like a marked object would be taken for one when it is read.
  if (value.startsWith(OBJECT_HEAD)) return undefined
  return expiresMs === undefined ? { value } : { value, expiresMs }
}
