import { endOfString, endOfValue } from './json-text.js'
import type { NumberSlab } from './number-slab.js'

/**
 * Where the keys of a part stand in its line, so that one value can be cut out of it without decoding the others. All
 * places are bytes: the line is looked at as Latin-1, in which a character is a byte and JSON's own signs are what they are.
 *
 * It is kept for each part that was ever read, so it is little more than a stretch of numbers in an array that it shares
 * with others: flags, how many keys there are, where `meta` begins and ends, the place of each key's opening quote, and the
 * state's end.
 */
export interface PartLayout {
  readonly numbers: Uint16Array | Uint32Array
  readonly from: number
}

const HEAD = 4
const ASCII = 1
/** For those who keep more behind the layout. */
export const MORE_FLAG = 2

const BEGINNING = /^\{"timestamp":"[^"]*","seq":\d+,"op":"CHECKPOINT","part":true/
const META = ',"meta":'
const STATE = ',"state":{'
const NOT_ASCII = /[\x80-\xff]/

/** Undefined where the line is none of a part. `slab`: where the numbers are kept; without it they are in an own array. */
export function layOutPart(line: string, slab?: NumberSlab): PartLayout | undefined {
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
  const numbers = [NOT_ASCII.test(line) ? 0 : ASCII, 0, metaStart, metaEnd]
  while (line[at] === '"') {
    numbers.push(at)
    const keyEnd = endOfString(line, at)
    at = endOfValue(line, keyEnd + 1)
    if (line[at] !== ',') break
    at++
  }
  if (line[at] !== '}') return undefined
  numbers[1] = numbers.length - HEAD
  numbers.push(at)
  if (line.length >= 0x10000) return { numbers: Uint32Array.from(numbers), from: 0 }
  if (!slab) return { numbers: Uint16Array.from(numbers), from: 0 }
  const range = slab.take(numbers.length)
  range.numbers.set(numbers, range.from)
  return range
}

/** Of the whole line. */
export function isAscii({ numbers, from }: PartLayout): boolean {
  return ((numbers[from] as number) & ASCII) !== 0
}

/** How many numbers it is. */
export function layoutLength(layout: PartLayout): number {
  return HEAD + keyCount(layout) + 1
}

export function keyCount({ numbers, from }: PartLayout): number {
  return numbers[from + 1] as number
}

export function metaStart({ numbers, from }: PartLayout): number {
  return numbers[from + 2] as number
}

export function metaEnd({ numbers, from }: PartLayout): number {
  return numbers[from + 3] as number
}

/** Where the key at `position` begins, with its quote. */
export function keyStart({ numbers, from }: PartLayout, position: number): number {
  return numbers[from + HEAD + position] as number
}

/** Where the value of the key at `position` ends: ahead of the comma, or of the state's closing brace. */
export function valueEnd(layout: PartLayout, position: number): number {
  const next = keyStart(layout, position + 1)
  return position + 1 === keyCount(layout) ? next : next - 1
}

/** The position of a key by the place of its quote; -1 where none begins there. */
export function positionAt(layout: PartLayout, place: number): number {
  let low = 0
  let high = keyCount(layout) - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = keyStart(layout, middle)
    if (found === place) return middle
    if (found < place) low = middle + 1
    else high = middle - 1
  }
  return -1
}
