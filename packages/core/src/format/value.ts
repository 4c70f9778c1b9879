import { FlatlogError } from '../platform/errors.js'
import { MAX_RECORD_BYTES } from '../platform/limits.js'
import { endOfValue, escapeSeparators, quote } from './json-text.js'

/** How a value stands in the log when it is not simply JSON. */
export type Encoding = 'text' | 'base64'

/** A value as its line holds it: the text of a JSON value, and what that stands for. */
export interface ValueText {
  readonly text: string
  readonly encoding?: Encoding | undefined
}

/** What is wrong with a value, and where inside it. The path is built on the way back out, so it costs nothing. */
interface Fault {
  reason: string
  path: (string | number)[]
}

/** Deeper than this, the ancestors are kept and a circle is found at its second round. */
const CIRCLE_CHECK_DEPTH = 100

/** What the walk over a value keeps in mind. */
interface Walk {
  /** Only those below `CIRCLE_CHECK_DEPTH`, where few values go. */
  ancestors: Set<object> | undefined
  /** Characters of the strings so far: a lower bound for the length of the text, known before it is made. */
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
    if (tag !== 'Object') return { reason: `a ${tag} would come back as something else`, path: [] }
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return { reason: 'it has a toJSON method and would come back as something else', path: [] }
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
    // An undefined property is left out, as JSON.stringify does.
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

function invalid(key: string, what: string, cause?: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_VALUE',
    `The value for key ${JSON.stringify(key)} cannot be stored: ${what}. What to do: turn it into plain JSON data ` +
      'first; for bytes there is setBytes, for text setText.',
    { cause },
  )
}

export function tooLarge(key: string, bytes: number | undefined): FlatlogError {
  const size = bytes === undefined ? 'more bytes than that' : `about ${bytes} bytes`
  return new FlatlogError(
    'FLATLOG_TOO_LARGE',
    `A record has at most ${MAX_RECORD_BYTES} bytes; that for key ${JSON.stringify(key.slice(0, 100))} would have ` +
      `${size}. What to do: split the value over several keys, or keep it in a file of its own.`,
  )
}

/** What stands in a line beside the operation, at most. */
const LINE_OVERHEAD_BYTES = 128
/** What a character may take at most in UTF-8. */
const CHARACTER_BYTES = 3

/** The refusal of an operation whose line would be too long. */
export function tooLong(encoded: string, key: string): FlatlogError | undefined {
  if (encoded.length * CHARACTER_BYTES + LINE_OVERHEAD_BYTES <= MAX_RECORD_BYTES) return undefined
  const bytes = Buffer.byteLength(encoded) + LINE_OVERHEAD_BYTES
  return bytes > MAX_RECORD_BYTES ? tooLarge(key, bytes) : undefined
}

/** The text of a value that a caller gave as a JavaScript value; what JSON would change in silence is refused. */
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
    // The longest string that there can be is shorter than what this value would need.
    if (error instanceof RangeError && /string length/i.test(error.message)) throw tooLarge(key, undefined)
    if (error instanceof RangeError) throw invalid(key, 'it is nested too deeply', error)
    throw invalid(key, `reading it failed (${(error as Error)?.message ?? String(error)})`, error)
  }
}

/** What would not survive as a JSON value on one line of UTF-8, or would end the line for some tools. */
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
 * The form in which a text is stored so that the very same text comes back: as a JSON value where it is one, so that
 * the log reads as data; as a string that says so elsewhere, or wherever the caller asks for that.
 */
export function fromText(key: string, text: string, asText = false): ValueText {
  if (text.length > MAX_RECORD_BYTES) throw tooLarge(key, text.length)
  return !asText && isVerbatimJson(text) ? { text } : { text: quote(text), encoding: 'text' }
}

export function fromBytes(key: string, bytes: Uint8Array): ValueText {
  const base64Length = Math.ceil(bytes.length / 3) * 4
  if (base64Length > MAX_RECORD_BYTES) throw tooLarge(key, base64Length)
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return { text: `"${base64}"`, encoding: 'base64' }
}

/** A fresh value at every call: nothing that a caller does to it reaches the store. */
export function toValue(value: ValueText, key: string): unknown {
  return value.encoding === 'base64' ? toBytes(value, key) : parse(value.text, key)
}

/** The text as it was given; for a value its JSON text, for bytes what they say in UTF-8, as a file would. */
export function toText(value: ValueText, key: string): string {
  if (value.encoding === 'text') return textOf(value.text, key)
  return value.encoding === 'base64' ? Buffer.from(toBytes(value, key)).toString('utf8') : value.text
}

/** The bytes as they were given; for anything else the UTF-8 bytes of its text. */
export function toBytes(value: ValueText, key: string): Uint8Array {
  if (value.encoding !== 'base64') return new Uint8Array(Buffer.from(toText(value, key), 'utf8'))
  // A copy of its own: small buffers share one allocation, which a caller must not be able to reach through this one.
  return new Uint8Array(Buffer.from(textOf(value.text, key), 'base64'))
}

function textOf(literal: string, key: string): string {
  // Without a backslash a string is what stands between its quotes, and need not be parsed.
  const isPlain = literal.length > 1 && literal.indexOf('"', 1) === literal.length - 1 && !literal.includes('\\')
  const text = isPlain && literal[0] === '"' ? literal.slice(1, -1) : parse(literal, key)
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

/** A checksum says that the bytes are those that were written, and not that a value was written. */
export function noValue(key: string, cause?: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `What the log holds as the value of key ${JSON.stringify(key)} is no value, though its checksum fits: whoever wrote it wrote ` +
      'it so. All other keys are as they should be. What to do: set the key anew, or delete it.',
    { cause },
  )
}

/** Whether a text between others is taken for one value, no more and no less. Whether it is one shows when it is parsed. */
export function isOneValue(text: string): boolean {
  return !NO_START.test(text) && endOfValue(`${text},`, 0) === text.length
}

const NO_START = /^[,:\]}\s]/
