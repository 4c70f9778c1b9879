import type { Conditions } from '../engine/conditions.js'
import { describe, FlatlogError, invalidOption, unknownOption } from '../platform/errors.js'

/** Checks the arguments of a store's calls, except the values. */

export interface WriteOptions extends Conditions {
  /** Unix time in ms at which the key expires. */
  expires?: number
  /** Time until the key expires, in ms from now. */
  ttlMs?: number
}

export function checkKey(key: unknown): asserts key is string {
  if (typeof key === 'string') return
  throw new FlatlogError(
    'FLATLOG_INVALID_KEY',
    `The key must be a string, got ${describe(key)}. What to do: convert it, for instance with String(key).`,
  )
}

export function checkPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix === 'string') return
  throw new FlatlogError(
    'FLATLOG_INVALID_KEY',
    `The prefix must be a string, got ${describe(prefix)}. What to do: pass a string, or leave it out.`,
  )
}

export function checkText(text: unknown): asserts text is string {
  if (typeof text === 'string') return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The text must be a string, got ${describe(text)}. What to do: pass a string, or use set for other values.`,
  )
}

export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  if (bytes instanceof Uint8Array) return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `Bytes must be a Uint8Array or a Buffer, got ${describe(bytes)}. What to do: wrap an ArrayBuffer in a Uint8Array, ` +
      'or use set for other values.',
  )
}

const WRITE_OPTIONS = ['expires', 'ttlMs', 'ifMatch', 'ifNoneMatch']
const TEXT_OPTIONS = [...WRITE_OPTIONS, 'asText', 'otherwise']

export function checkWriteOptions(call: 'set' | 'setText' | 'setBytes', options: unknown): void {
  checkOptions(call, options, call === 'setText' ? TEXT_OPTIONS : WRITE_OPTIONS)
}

/** A misspelled option would silently have its default: the key never expires, or `clear` removes everything. */
export function checkOptions(call: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The options of ${call} must be an object, got ${describe(options)}. What to do: pass an object or leave it out. ` +
        `Known options: ${known.join(', ')}.`,
    )
  }
  for (const name of Object.keys(options)) if (!known.includes(name)) throw unknownOption(name, known)
}

export function checkSteps(steps: unknown): asserts steps is readonly unknown[] {
  if (Array.isArray(steps)) return
  throw new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The steps of batch must be an array, got ${describe(steps)}. What to do: pass one, for instance ` +
      '[{ op: "SET", key, value }, { op: "DELETE", key }].',
  )
}

/** Refuses an array or a class instance: its few own properties would replace the whole state. */
export function checkData(data: unknown): void {
  if (data instanceof Map) return
  const prototype = typeof data === 'object' && data !== null ? Object.getPrototypeOf(data) : undefined
  if (prototype === Object.prototype || prototype === null) return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The new state must be a plain object or a Map, got ${describe(data)}. What to do: pass the whole state as one of ` +
      'them. To remove all keys, use clear.',
  )
}

/** The latest time that a Date can represent. */
const MAX_TIME_MS = 8.64e15

export function expiryOf(
  options: { expires?: number; ttlMs?: number } | undefined,
  clock: { now(): number },
): number | undefined {
  if (options === undefined) return undefined
  const { expires, ttlMs } = options
  if (expires !== undefined && ttlMs !== undefined) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      'The options "expires" and "ttlMs" were both given. What to do: leave one of them out.',
    )
  }
  if (ttlMs !== undefined) {
    if (typeof ttlMs !== 'number' || !(ttlMs > 0 && ttlMs <= MAX_TIME_MS)) {
      throw invalidOption('ttlMs', ttlMs, 'a number of milliseconds above 0')
    }
    return Math.ceil(clock.now() + ttlMs)
  }
  if (expires === undefined) return undefined
  if (typeof expires !== 'number' || !(expires >= 0 && expires <= MAX_TIME_MS)) {
    throw invalidOption('expires', expires, 'a time in Unix milliseconds')
  }
  return Math.ceil(expires)
}
