import { FlatlogError } from '../platform/errors.js'
import { MAX_RECORD_BYTES } from '../platform/limits.js'
import { CODE_UNIT_BYTES, endOfValue, escapeSeparators, quote } from './json-text.js'

/** How to read a value that is stored as a JSON string but is not one. */
export type Encoding = 'text' | 'base64'

/** A value as lines contain it: the text of a JSON value, and its encoding. */
export interface ValueText {
  readonly text: string
  readonly encoding?: Encoding | undefined
}

/**
 * Why a value cannot be stored, and where inside it. The path is built on the way out, so that good values pay
 * nothing.
 */
interface Fault {
  reason: string
  path: (string | number)[]
}

/** Below this depth ancestors are remembered, so a circle is found in its second round. */
const CIRCLE_CHECK_DEPTH = 100

/** What one walk over a value remembers. */
interface Walk {
  /** Only those below CIRCLE_CHECK_DEPTH, which few values reach. */
  ancestors: Set<object> | undefined
  /** Characters of all strings so far: a lower bound for the length of the text, known before the text is made. */
  characters: number
}

class TooLong extends Error {}

function count(walk: Walk, text: string): void {
  walk.characters += text.length
  if (walk.characters > MAX_RECORD_BYTES) throw new TooLong()
}

function faultOf(value: unknown, depth: number, walk: Walk): Fault | undefined {
  switch (typeof value) {
    case 'string':
      count(walk, value)
      return undefined
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { reason: `${value} has no JSON form`, path: [] }
    case 'object':
      return value === null ? undefined : faultOfObject(value, depth, walk)
    case 'undefined':
      return { reason: 'undefined has no JSON form', path: [] }
    default:
      return { reason: `a ${typeof value} has no JSON form`, path: [] }
  }
}

function faultOfObject(value: object, depth: number, walk: Walk): Fault | undefined {
  if (depth < CIRCLE_CHECK_DEPTH) return faultInside(value, depth, walk)
  walk.ancestors ??= new Set()
  if (walk.ancestors.has(value)) return { reason: 'it contains itself', path: [] }
  walk.ancestors.add(value)
  const fault = faultInside(value, depth, walk)
  walk.ancestors.delete(value)
  return fault
}

function faultInside(value: object, depth: number, walk: Walk): Fault | undefined {
  const isArray = Array.isArray(value)
  if (!isArray && Object.getPrototypeOf(value) !== Object.prototype) {
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    if (tag !== 'Object') return { reason: `JSON does not preserve values of type ${tag}`, path: [] }
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return { reason: 'it has a toJSON method, so JSON would store something else', path: [] }
  }
  if (isArray) {
    for (let index = 0; index < value.length; index++) {
      const fault = faultOf(value[index], depth + 1, walk)
      if (fault) return { reason: fault.reason, path: [index, ...fault.path] }
    }
    return undefined
  }
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key]
    // JSON.stringify leaves an undefined property out.
    if (child === undefined) continue
    count(walk, key)
    const fault = faultOf(child, depth + 1, walk)
    if (fault) return { reason: fault.reason, path: [key, ...fault.path] }
  }
  return undefined
}

function spellPath(path: (string | number)[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `[${JSON.stringify(step)}]`)).join('')
}

function invalid(key: string, reason: string, cause?: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The value for key ${JSON.stringify(key)} cannot be stored: ${reason}. What to do: convert it to plain JSON data ` +
      'first; for bytes use setBytes, for text setText.',
    { cause },
  )
}

function tooLarge(key: string, bytes: number | undefined): FlatlogError {
  const size = bytes === undefined ? `more than ${MAX_RECORD_BYTES}` : `about ${bytes}`
  return new FlatlogError(
    'FLATLOG_TOO_LARGE',
    `The record for key ${JSON.stringify(key.slice(0, 100))} would have ${size} bytes; the limit is ${MAX_RECORD_BYTES}. ` +
      'What to do: split the value over several keys, or keep it in a file of its own.',
  )
}

/** The most that a line contains beside its operation. */
const LINE_OVERHEAD_BYTES = 128

/** The error for an operation whose line would be too long; undefined if it fits. */
export function tooLong(encoded: string, key: string): FlatlogError | undefined {
  if (encoded.length * CODE_UNIT_BYTES + LINE_OVERHEAD_BYTES <= MAX_RECORD_BYTES) return undefined
  const bytes = Buffer.byteLength(encoded) + LINE_OVERHEAD_BYTES
  return bytes > MAX_RECORD_BYTES ? tooLarge(key, bytes) : undefined
}

/** Encodes a JavaScript value. Throws FLATLOG_INVALID_VALUE for anything that JSON would change silently. */
export function fromValue(key: string, value: unknown): ValueText {
  if (typeof value === 'string') {
    if (value.length > MAX_RECORD_BYTES) throw tooLarge(key, value.length)
    return { text: quote(value) }
  }
  try {
    const fault = faultOf(value, 0, { ancestors: undefined, characters: 0 })
    if (fault) throw invalid(key, fault.path.length ? `at ${spellPath(fault.path)}: ${fault.reason}` : fault.reason)
    return { text: escapeSeparators(JSON.stringify(value)) }
  } catch (error) {
    if (error instanceof FlatlogError) throw error
    if (error instanceof TooLong) throw tooLarge(key, undefined)
    // The text would be longer than a string can be.
    if (error instanceof RangeError && /string length/i.test(error.message)) throw tooLarge(key, undefined)
    if (error instanceof RangeError) throw invalid(key, 'it is nested too deeply', error)
    throw invalid(key, `reading it failed (${(error as Error)?.message ?? String(error)})`, error)
  }
}

/** JSON that would not survive on one line of UTF-8, or that some tools would cut into several lines. */
const NOT_VERBATIM = /^[ \t]|[ \t]$|[\n\r\u2028\u2029\ufeff]/

function isVerbatimJson(text: string): boolean {
  if (NOT_VERBATIM.test(text) || !isWellFormed(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/**
 * Encodes a text so that exactly this text comes back. A text that is JSON is stored as that JSON value, so that the
 * log reads as data; any other text, or every text with `asText`, as a string with the encoding `text`.
 */
export function fromText(key: string, text: string, asText = false): ValueText {
  if (text.length > MAX_RECORD_BYTES) throw tooLarge(key, text.length)
  return !asText && isVerbatimJson(text) ? { text } : { text: quote(text), encoding: 'text' }
}

/** Encodes bytes as base64. */
export function fromBytes(key: string, bytes: Uint8Array): ValueText {
  const base64Length = Math.ceil(bytes.length / 3) * 4
  if (base64Length > MAX_RECORD_BYTES) throw tooLarge(key, base64Length)
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return { text: `"${base64}"`, encoding: 'base64' }
}

/** Decodes a value. Each call makes a new one, so that changing it does not change the store. */
export function toValue(value: ValueText, key: string): unknown {
  return value.encoding === 'base64' ? toBytes(value, key) : parse(value.text, key)
}

/** The text that was stored with `fromText`; of another value its JSON text; of bytes their text in UTF-8. */
export function toText(value: ValueText, key: string): string {
  if (value.encoding === 'text') return textOf(value.text, key)
  return value.encoding === 'base64' ? Buffer.from(toBytes(value, key)).toString('utf8') : value.text
}

/** The bytes that were stored with `fromBytes`; of anything else the UTF-8 bytes of its text. */
export function toBytes(value: ValueText, key: string): Uint8Array {
  if (value.encoding !== 'base64') return new Uint8Array(Buffer.from(toText(value, key), 'utf8'))
  // A copy: small buffers share an allocation, which the caller must not reach through `buffer`.
  return new Uint8Array(Buffer.from(textOf(value.text, key), 'base64'))
}

function textOf(literal: string, key: string): string {
  // Such a string need not be parsed.
  const hasNoEscapes = literal.length > 1 && literal.indexOf('"', 1) === literal.length - 1 && !literal.includes('\\')
  const text = hasNoEscapes && literal[0] === '"' ? literal.slice(1, -1) : parse(literal, key)
  if (typeof text !== 'string') throw noValue(key)
  return text
}

function parse(text: string, key: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw noValue(key, cause)
  }
}

/** The error for a stored text that is not JSON. */
export function noValue(key: string, cause?: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `The text that the log has for key ${JSON.stringify(key)} is not JSON. Its checksum is valid, so it was written like ` +
      'this. Other keys are not affected. What to do: set the key again, or delete it.',
    { cause },
  )
}

/** True if a text reads as exactly one value between others. Whether it is valid JSON shows when it is parsed. */
export function isOneValue(text: string): boolean {
  return !NO_START.test(text) && endOfValue(`${text},`, 0) === text.length
}

const NO_START = /^[,:\]}\s]/
