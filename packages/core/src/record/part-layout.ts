import { endOfString, endOfValue } from './json-text.js'

/**
 * Where the keys of a part stand in its line, so that one value can be cut out of it without decoding the others. All
 * places are bytes: the line is looked at as Latin-1, in which a character is a byte and JSON's own signs are what they are.
 */
export interface PartLayout {
  /** Of each key's opening quote in turn, and behind the last value the end of the state. */
  readonly keys: Uint16Array | Uint32Array
  readonly metaStart: number
  readonly metaEnd: number
  readonly timestampMs: number
  readonly isAscii: boolean
}

const BEGINNING = /^\{"timestamp":"([^"]*)","seq":\d+,"op":"CHECKPOINT","part":true/
const META = ',"meta":'
const STATE = ',"state":{'
const NOT_ASCII = /[\x80-\xff]/

/** Undefined where the line is none of a part. */
export function layOutPart(line: string): PartLayout | undefined {
  const beginning = BEGINNING.exec(line)
  if (!beginning) return undefined
  let at = beginning[0].length
  let [metaStart, metaEnd] = [at, at]
  if (line.startsWith(META, at)) {
    metaStart = at + META.length
    metaEnd = endOfValue(line, metaStart)
    at = metaEnd
  }
  if (!line.startsWith(STATE, at)) return undefined
  at += STATE.length
  const keys: number[] = []
  while (line[at] === '"') {
    keys.push(at)
    const keyEnd = endOfString(line, at)
    at = endOfValue(line, keyEnd + 1)
    if (line[at] !== ',') break
    at++
  }
  if (line[at] !== '}') return undefined
  keys.push(at)
  return {
    keys: line.length < 0x10000 ? Uint16Array.from(keys) : Uint32Array.from(keys),
    metaStart,
    metaEnd,
    timestampMs: Date.parse(beginning[1] as string),
    isAscii: !NOT_ASCII.test(line),
  }
}

/** Where the value of the key at `position` ends: ahead of the comma, or of the state's closing brace. */
export function valueEnd(layout: PartLayout, position: number): number {
  const next = layout.keys[position + 1] as number
  return position + 2 === layout.keys.length ? next : next - 1
}

/** The position of a key by the place of its quote; -1 where none begins there. */
export function positionAt(layout: PartLayout, place: number): number {
  const { keys } = layout
  let low = 0
  let high = keys.length - 2
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = keys[middle] as number
    if (found === place) return middle
    if (found < place) low = middle + 1
    else high = middle - 1
  }
  return -1
}
