/**
 * JSON as text. Values pass through the log as the text that they came as: `JSON.parse` and `JSON.stringify` would
 * order the key "10" before "9", write numbers in another way and mishandle `__proto__`. So objects are cut into
 * slices of their text.
 */

/** The most that a UTF-16 code unit takes in UTF-8. */
export const CODE_UNIT_BYTES = 3

/** U+2028 and U+2029 are allowed in JSON strings, but end a line for some tools; they are written as escapes. */
const SEPARATORS = /[\u2028\u2029]/
const ALL_SEPARATORS = /[\u2028\u2029]/g

export function escapeSeparators(json: string): string {
  if (!SEPARATORS.test(json)) return json
  return json.replace(ALL_SEPARATORS, (separator) => (separator === '\u2028' ? '\\u2028' : '\\u2029'))
}

/** Printable ASCII without quote and backslash, as in most keys. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A string as files contain it: always written in the same way, so that keys can be compared by their bytes. */
export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeSeparators(JSON.stringify(text))
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The place after the string literal that begins at `start`; -1 if it does not end. */
export function endOfString(json: string, start: number): number {
  for (let from = start + 1; ; ) {
    const end = json.indexOf('"', from)
    if (end === -1) return -1
    let backslashes = 0
    while (json.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end + 1
    from = end + 1
  }
}

/** Decodes a string literal. */
export function unquote(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1)
}

/** The same for a literal without its quotes. Without escapes it is returned as it is. */
export function unescaped(between: string): string {
  return between.includes('\\') ? (JSON.parse(`"${between}"`) as string) : between
}

function skipSpace(json: string, start: number): number {
  let at = start
  for (;;) {
    const code = json.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** The place after the JSON value that begins at `start`. The text must be known to be JSON. */
export function endOfValue(json: string, start: number): number {
  let depth = 0
  let at = start
  for (;;) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at)
        if (at === -1) return json.length
        break
      case 0x7b: // {
      case 0x5b: // [
        depth++
        at++
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        at++
        break
      case 0x2c: // ,
      case 0x3a: // :
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        at++
        continue
      default:
        at = endOfScalar(json, at)
    }
    if (depth <= 0 || at >= json.length) return at
  }
}

/** The place after a number, true, false or null: the next character that cannot be part of one. */
function endOfScalar(json: string, start: number): number {
  let at = start
  while (at < json.length && !',]}: \n\r\t"'.includes(json[at] as string)) at++
  return Math.max(at, start + 1)
}

/**
 * Calls back with each key of a JSON object and the text of its value, in the order of the text; a key that is there
 * twice comes twice. Returns the place after the object. The text must be known to be JSON.
 */
export function sliceObject(
  json: string,
  start: number,
  each: (key: string, text: string, valueStart: number) => void,
): number {
  let at = skipSpace(json, start + 1)
  while (at < json.length && json.charCodeAt(at) !== 0x7d) {
    const keyEnd = endOfString(json, at)
    if (keyEnd === -1) break
    const key = unquote(json.slice(at, keyEnd))
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const valueEnd = endOfValue(json, valueStart)
    each(key, json.slice(valueStart, valueEnd), valueStart)
    at = skipSpace(json, valueEnd)
    if (json.charCodeAt(at) === 0x2c) at = skipSpace(json, at + 1)
  }
  return at + 1
}

const SPACE = /[ \n\r\t]/

/** The same JSON on one line: no white space between tokens, and U+2028 and U+2029 escaped. */
export function oneLine(json: string): string {
  if (!SPACE.test(json)) return escapeSeparators(json)
  let compact = ''
  let copiedTo = 0
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(json, at)
      if (at === -1) break
    } else if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      compact += json.slice(copiedTo, at)
      at = skipSpace(json, at)
      copiedTo = at
    } else {
      at++
    }
  }
  return escapeSeparators(compact + json.slice(copiedTo))
}
