import { endOfString, endOfValue, unquote } from './json-text.js'
import { type DatedMeta, metaOf, NO_META, type PartMeta } from './part-meta.js'
import type { SpelledPair } from './record.js'

/**
 * Where the keys of a part are in its line, so that one value can be cut out without decoding the others. All places
 * are byte offsets: the line is read as Latin-1, in which each character is a byte and JSON's punctuation is itself.
 *
 * A layout is kept for every part that was ever read, so it is only a range of numbers in an array that several
 * layouts share: whether the line is ASCII, the number of keys, start and end of `meta`, the place of each key's
 * opening quote, and the end of the state.
 */
export interface PartLayout {
  readonly numbers: Uint16Array | Uint32Array
  readonly from: number
}

const HEAD = 4
const ASCII = 1

const TIMESTAMP = '{"timestamp":"'
const BEGINNING = /^\{"timestamp":"[^"]*","seq":\d+,"op":"CHECKPOINT","part":true/
const META_FIELD = ',"meta":'
const STATE_FIELD = ',"state":{'
const NOT_ASCII = /[\x80-\xff]/

/** Finds the places of the keys in a part's line. Undefined if it is not a part. `slab` provides the array; without it the layout gets one of its own. */
export function layOutPart(line: string, slab?: NumberSlab): PartLayout | undefined {
  const beginning = BEGINNING.exec(line)
  if (!beginning) return undefined
  let at = beginning[0].length
  let [metaStart, metaEnd] = [at, at]
  if (line.startsWith(META_FIELD, at)) {
    metaStart = at + META_FIELD.length
    metaEnd = endOfValue(line, metaStart)
    at = metaEnd
  }
  if (!line.startsWith(STATE_FIELD, at)) return undefined
  at += STATE_FIELD.length
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

/** True if the whole line is ASCII. */
export function isAscii({ numbers, from }: PartLayout): boolean {
  return ((numbers[from] as number) & ASCII) !== 0
}

/** How many numbers the layout has. */
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

/** Where the key at `position` begins, at its opening quote. */
export function keyStart({ numbers, from }: PartLayout, position: number): number {
  return numbers[from + HEAD + position] as number
}

/** Where the value of the key at `position` ends: at the comma, or at the closing brace of the state. */
export function valueEnd(layout: PartLayout, position: number): number {
  const next = keyStart(layout, position + 1)
  return position + 1 === keyCount(layout) ? next : next - 1
}

/** The position of the key whose opening quote is at `place`; -1 if there is none. */
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

/** The `meta` of a part, with the part's timestamp if it has `ages`. */
export function parseMeta(line: Buffer, layout: PartLayout): DatedMeta {
  const [start, end] = [metaStart(layout), metaEnd(layout)]
  if (end - start <= 2) return NO_META
  const meta = JSON.parse(line.toString('utf8', start, end)) as PartMeta
  if (!meta.ages) return { ...meta, timestampMs: 0 }
  const timestamp = line.toString('latin1', TIMESTAMP.length, line.indexOf('"', TIMESTAMP.length))
  return { ...meta, timestampMs: Date.parse(timestamp) }
}

/**
 * Cuts a part into its pairs without decoding their values. `latin` is the line as Latin-1; if it is ASCII the pairs
 * are slices of it, so a pair that is kept keeps the whole line in memory.
 */
export function cutPart(line: Buffer, latin: string, layout: PartLayout, meta: DatedMeta): SpelledPair[] {
  const isAsciiLine = isAscii(layout)
  const count = keyCount(layout)
  const cut = (start: number, end: number) =>
    isAsciiLine ? latin.slice(start, end) : line.toString('utf8', start, end)
  const pairs: SpelledPair[] = []
  for (let position = 0; position < count; position++) {
    const start = keyStart(layout, position)
    const end = valueEnd(layout, position)
    const key = unquote(cut(start, endOfString(latin, start)))
    const { expires, encoding, time } = meta === NO_META ? NO_KEY_META : metaOf(meta, key, position)
    pairs.push({ key, spelled: cut(start, end), bytes: end - start, encoding, expires, time })
  }
  return pairs
}

const NO_KEY_META = { expires: undefined, encoding: undefined, time: undefined }

/** A range of an array that several owners share. */
export interface NumberRange {
  readonly numbers: Uint16Array
  readonly from: number
}

const CHUNK_NUMBERS = 8 * 1024

/**
 * Hands out ranges of shared arrays (slab allocation: Bonwick, "The Slab Allocator", 1994), since an array of its own
 * costs 200 bytes beside its numbers. Ranges are not returned: an array is freed with the last of its ranges, and so
 * arrays are small.
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
