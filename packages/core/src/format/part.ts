import { endOfString, endOfValue, unquote } from './json-text.js'
import { type DatedMeta, metaOf, NO_META, type PartMeta } from './part-meta.js'
import type { SpelledPair } from './record.js'

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

const TIMESTAMP = '{"timestamp":"'
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

export function parseMeta(line: Buffer, layout: PartLayout): DatedMeta {
  const [start, end] = [metaStart(layout), metaEnd(layout)]
  if (end - start <= 2) return NO_META
  const meta = JSON.parse(line.toString('utf8', start, end)) as PartMeta
  if (!meta.ages) return { ...meta, timestampMs: 0 }
  const timestamp = line.toString('latin1', TIMESTAMP.length, line.indexOf('"', TIMESTAMP.length))
  return { ...meta, timestampMs: Date.parse(timestamp) }
}

/**
 * Cuts a part into its pairs without decoding them. `latin`: the line, a character a byte. Where it is ASCII the pairs
 * are slices of that, so whoever keeps one of them keeps all of the line.
 */
export function cutPart(line: Buffer, latin: string, layout: PartLayout, meta: DatedMeta): SpelledPair[] {
  const isPlain = isAscii(layout)
  const count = keyCount(layout)
  const cut = (start: number, end: number) => (isPlain ? latin.slice(start, end) : line.toString('utf8', start, end))
  const pairs: SpelledPair[] = []
  for (let position = 0; position < count; position++) {
    const start = keyStart(layout, position)
    const end = valueEnd(layout, position)
    const key = unquote(cut(start, endOfString(latin, start)))
    const { expires, encoding, time } = meta === NO_META ? NOTHING : metaOf(meta, key, position)
    pairs.push({ key, spelled: cut(start, end), bytes: end - start, encoding, expires, time })
  }
  return pairs
}

const NOTHING = { expires: undefined, encoding: undefined, time: undefined }

/** A stretch of an array that is shared with others. */
export interface NumberRange {
  readonly numbers: Uint16Array
  readonly from: number
}

/** An array of its own takes 200 bytes beside what is in it: too much for some dozen small numbers. */
const CHUNK_NUMBERS = 8 * 1024

/**
 * Gives out stretches of arrays for small numbers (slab allocation: Bonwick, "The Slab Allocator", 1994). A stretch is
 * never given back; a chunk goes with the last that is kept of it, so chunks are small.
 */
export class NumberSlab {
  #chunk = new Uint16Array(0)
  #used = 0

  take(count: number): NumberRange {
    if (count > CHUNK_NUMBERS / 4) return { numbers: new Uint16Array(count), from: 0 }
    if (this.#used + count > this.#chunk.length) {
      this.#chunk = new Uint16Array(CHUNK_NUMBERS)
      this.#used = 0
    }
    const from = this.#used
    this.#used += count
    return { numbers: this.#chunk, from }
  }
}
