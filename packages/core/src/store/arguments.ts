import type { Conditions } from '../engine/conditions.js'
import { FlatlogError } from '../platform/errors.js'

/** Checks of what callers hand over, beside the values themselves. */

export interface WriteOptions extends Conditions {
  /** Unix time in ms at which the key is gone. */
  expires?: number
  /** The same as milliseconds from now. */
  ttlMs?: number
}

export function checkKey(key: unknown): asserts key is string {
  if (typeof key === 'string') return
  throw new FlatlogError(
    'FLATLOG_INVALID_KEY',
    `A key is a string; this one is ${key === null ? 'null' : `a ${typeof key}`}. What to do: convert it, for instance with String(key).`,
  )
}

export function checkPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix === 'string') return
  throw new FlatlogError('FLATLOG_INVALID_KEY', `A prefix is a string; this one is a ${typeof prefix}.`)
}

export function checkText(text: unknown): asserts text is string {
  if (typeof text === 'string') return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `A text is a string; this one is a ${typeof text}. What to do: use set.`,
  )
}

export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  if (bytes instanceof Uint8Array) return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `Bytes are a Uint8Array or Buffer; these are a ${typeof bytes}. What to do: use new Uint8Array(arrayBuffer), or set.`,
  )
}

const WRITE_OPTIONS = ['expires', 'ttlMs', 'ifMatch', 'ifNoneMatch', 'asText', 'otherwise']

export function checkWriteOptions(call: string, options: unknown): void {
  if (options !== undefined) checkOptions(call, options, WRITE_OPTIONS)
}

/** A misspelt option would silently be its default: a key that never expires, or a clear of everything. */
export function checkOptions(call: string, options: unknown, known: readonly string[]): void {
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options)
  const unknown = isObject ? unknownOf(options, known) : undefined
  if (isObject && unknown === undefined) return
  throw new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `${call} was given ${isObject ? `the option ${unknown}` : `${JSON.stringify(options) ?? String(options)} for its options`}; ` +
      `what it knows is an object with ${known.join(', ')}. Nothing was done. What to do: correct it or leave it out.`,
  )
}

function unknownOf(options: object, known: readonly string[]): string | undefined {
  for (const name of Object.keys(options)) if (!known.includes(name)) return name
  return undefined
}

export function checkSteps(steps: unknown): asserts steps is readonly unknown[] {
  if (Array.isArray(steps)) return
  throw new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    'What batch takes is a list of steps. What to do: pass [{ op: "SET", key, value }, { op: "DELETE", key }].',
  )
}

/** A state is given as a plain object or a Map; anything else would replace everything by next to nothing. */
export function checkData(data: unknown): void {
  if (data instanceof Map) return
  const prototype = typeof data === 'object' && data !== null ? Object.getPrototypeOf(data) : undefined
  if (prototype === Object.prototype || prototype === null) return
  throw new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    'What replace takes is a plain object or a Map with the whole new state. What to do: pass one; to remove all keys ' +
      'there is clear.',
  )
}

/** The furthest time that a Date can be. */
const MAX_TIME_MS = 8.64e15

export function expiryOf(
  options: { expires?: number; ttlMs?: number } | undefined,
  clock: { now(): number },
): number | undefined {
  if (options === undefined) return undefined
  const { expires, ttlMs } = options
  if (expires !== undefined && ttlMs !== undefined) {
    throw invalid('expires and ttlMs', `${expires} and ${ttlMs}`, 'one of the two')
  }
  if (ttlMs !== undefined) {
    if (typeof ttlMs !== 'number' || !(ttlMs > 0 && ttlMs <= MAX_TIME_MS))
      throw invalid('ttlMs', ttlMs, 'milliseconds above 0')
    return Math.ceil(clock.now() + ttlMs)
  }
  if (expires === undefined) return undefined
  if (typeof expires !== 'number' || !(expires >= 0 && expires <= MAX_TIME_MS)) {
    throw invalid('expires', expires, 'a time in Unix milliseconds')
  }
  return Math.ceil(expires)
}

function invalid(option: string, given: unknown, wanted: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The option ${option} is ${String(given)}; what is expected is ${wanted}.`,
  )
}
