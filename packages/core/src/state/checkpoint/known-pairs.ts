import { checksumValue } from '../../format/checksum.js'
import { endOfString, quote, unquote } from '../../format/json-text.js'
import {
  isAscii,
  keyCount,
  keyStart,
  layoutLength,
  type NumberSlab,
  type PartLayout,
  parseMeta,
  valueEnd,
} from '../../format/part.js'
import { type DatedMeta, type KeyMeta, metaOf, NO_META } from '../../format/part-meta.js'
import type { Encoding } from '../../format/value.js'
import type { StateValue } from '../types.js'

/**
 * What is remembered of a part whose line was read and found whole: where its pairs stand, and, once it was read a second
 * time, of each of them a fingerprint of the key and a checksum of the bytes. From then on a lookup reads the bytes of
 * its one pair and has them checked as strictly as the whole line was, for a fiftieth of the bytes. 8 bytes a key.
 */
export class KnownPairs implements PartLayout {
  /** Behind the layout, for each pair: the fingerprints; then the lower, then the upper halves of the checksums. */
  numbers: Uint16Array | Uint32Array
  from: number
  /** True once there are fingerprints and checksums. */
  areChecked = false
  #meta: MetaColumns | undefined

  constructor({ numbers, from }: PartLayout) {
    this.numbers = numbers
    this.from = from
  }

  /** `line`: whole. Leaves it where what the part says of its keys is nothing that this version writes. */
  check(line: Buffer, slab: NumberSlab): void {
    const latin = line.toString('latin1')
    const meta = parseMeta(line, this)
    if (meta !== NO_META) {
      this.#meta = MetaColumns.of(meta, keysOf(line, latin, this))
      if (!this.#meta) return
    }
    const [count, length] = [keyCount(this), layoutLength(this)]
    const total = length + 3 * count
    const { numbers, from } =
      this.numbers instanceof Uint16Array ? slab.take(total) : { numbers: new Uint32Array(total), from: 0 }
    numbers.set(this.numbers.subarray(this.from, this.from + length), from)
    const isPlain = isAscii(this)
    for (let position = 0; position < count; position++) {
      const start = keyStart(this, position)
      const crc = checksumValue(line.subarray(start, valueEnd(this, position)))
      const at = from + length + position
      numbers[at] = fingerprintAt(line, latin, start, isPlain) & 0xffff
      numbers[at + count] = crc & 0xffff
      numbers[at + 2 * count] = crc >>> 16
    }
    this.numbers = numbers
    this.from = from
    this.areChecked = true
  }

  /** The next pair from `position` on that may be the key's; -1 where there is none. */
  next(keyFingerprint: number, position: number): number {
    const { numbers } = this
    const wanted = keyFingerprint & 0xffff
    const first = this.from + layoutLength(this)
    const end = first + keyCount(this)
    for (let at = first + position; at < end; at++) {
      if (numbers[at] === wanted) return at - first
    }
    return -1
  }

  startOf(position: number): number {
    return keyStart(this, position)
  }

  bytesOf(position: number): number {
    return valueEnd(this, position) - keyStart(this, position)
  }

  /** Whether these are the bytes of the pair that stood there when the line was whole. */
  fits(pair: Buffer, position: number): boolean {
    const count = keyCount(this)
    const at = this.from + layoutLength(this) + count + position
    const [low, high] = [this.numbers[at] as number, this.numbers[at + count] as number]
    return checksumValue(pair) === high * 0x10000 + low
  }

  /** What the pair, which fits, says of the key; undefined where it is another key's. */
  valueIn(pair: Buffer, position: number, key: string): StateValue | undefined {
    const from = behindKey(pair, key)
    if (from === -1) return undefined
    const text = pair.toString(isAscii(this) ? 'latin1' : 'utf8', from)
    if (this.#meta) return { text, ...this.#meta.at(position) }
    return { text, encoding: undefined, expires: undefined, time: undefined }
  }
}

function fingerprintAt(line: Buffer, latin: string, start: number, isPlain: boolean): number {
  const end = endOfString(latin, start)
  // Looked for in the literal alone: a search that goes on behind it would come to the end of the line for every key.
  if (isPlain && !latin.slice(start, end).includes('\\')) return fingerprintOf(latin, start + 1, end - 1)
  return fingerprint(unquote(line.toString('utf8', start, end)))
}

function keysOf(line: Buffer, latin: string, layout: PartLayout): string[] {
  return Array.from({ length: keyCount(layout) }, (_, position) => {
    const start = keyStart(layout, position)
    return unquote(line.toString('utf8', start, endOfString(latin, start)))
  })
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** The place behind the key's literal and its colon, with which the bytes must begin; -1 where it is another key. */
function behindKey(pair: Buffer, key: string): number {
  const end = key.length + 1
  for (let at = 1; at < end; at++) {
    const code = key.charCodeAt(at - 1)
    // What is not spelled by its one byte.
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return behindLiteral(pair, `${quote(key)}:`)
    if (pair[at] !== code) return -1
  }
  return pair[end] === QUOTE && pair[end + 1] === COLON ? end + 2 : -1
}

function behindLiteral(pair: Buffer, literal: string): number {
  const bytes = Buffer.from(literal)
  return bytes.length <= pair.length && pair.compare(bytes, 0, bytes.length, 0, bytes.length) === 0 ? bytes.length : -1
}

const ENCODINGS: readonly (Encoding | undefined)[] = [undefined, 'text', 'base64']

/**
 * What a part says of its keys beside their values, by their position: as numbers in columns, for it is kept for as many
 * keys as were asked for. To parse it for a single key takes longer than all else that is to be done for one.
 */
class MetaColumns {
  private constructor(
    /** NaN for a key that has none. */
    private readonly expires: Float64Array | undefined,
    private readonly times: Float64Array | undefined,
    private readonly encodings: Uint8Array | undefined,
  ) {}

  /** Undefined where it is not of the kind that this version writes. */
  static of(meta: DatedMeta, keys: readonly string[]): MetaColumns | undefined {
    const expires = meta.expires && new Float64Array(keys.length).fill(Number.NaN)
    const times = meta.ages && new Float64Array(keys.length).fill(Number.NaN)
    const encodings = meta.encoding && new Uint8Array(keys.length)
    for (const [position, key] of keys.entries()) {
      const said = metaOf(meta, key, position)
      const encoding = ENCODINGS.indexOf(said.encoding)
      if (encoding === -1 || !isTime(said.expires) || !isTime(said.time)) return undefined
      if (expires && said.expires !== undefined) expires[position] = said.expires
      if (times && said.time !== undefined) times[position] = said.time
      if (encodings) encodings[position] = encoding
    }
    return new MetaColumns(expires, times, encodings)
  }

  at(position: number): KeyMeta {
    return {
      expires: numberAt(this.expires, position),
      encoding: this.encodings && ENCODINGS[this.encodings[position] as number],
      time: numberAt(this.times, position),
    }
  }
}

function numberAt(column: Float64Array | undefined, position: number): number | undefined {
  const number = column?.[position]
  return number === undefined || Number.isNaN(number) ? undefined : number
}

function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && !Number.isNaN(value))
}

/** 32 bits that two keys seldom have in common (FNV-1a over UTF-16 code units, mixed once more). */
export function fingerprint(text: string): number {
  return fingerprintOf(text, 0, text.length)
}

/** The same of a stretch of a longer text. */
export function fingerprintOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  // The last characters, in which neighbours differ, must reach all of the bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
