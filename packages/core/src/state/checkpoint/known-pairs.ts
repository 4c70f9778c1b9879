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
 * Where the pairs of a part are in its line, once that was read and found whole. `addChecksums` also remembers, for each
 * pair, a fingerprint of the key and a checksum of its bytes: then a lookup can read one pair instead of the line, with
 * the same check, for a fiftieth of the bytes. It takes 8 bytes a key.
 */
export class KnownPairs implements PartLayout {
  /** The layout; then for each pair the fingerprints, then the lower and then the upper halves of the checksums. */
  numbers: Uint16Array | Uint32Array
  from: number
  hasChecksums = false
  #meta: MetaColumns | undefined

  constructor({ numbers, from }: PartLayout) {
    this.numbers = numbers
    this.from = from
  }

  /** `line`: as it was written. Does nothing if the part has a meta that this version does not write. */
  addChecksums(line: Buffer, slab: NumberSlab): void {
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
    this.hasChecksums = true
  }

  /** The first pair from `position` on that may have the key; -1 if there is none. */
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

  /** True if these are the bytes that the pair had in the whole line. */
  fits(pair: Buffer, position: number): boolean {
    const count = keyCount(this)
    const at = this.from + layoutLength(this) + count + position
    const [low, high] = [this.numbers[at] as number, this.numbers[at + count] as number]
    return checksumValue(pair) === high * 0x10000 + low
  }

  /** The value in the bytes of a pair that fits; undefined if the pair has another key. */
  valueIn(pair: Buffer, position: number, key: string): StateValue | undefined {
    const from = afterKey(pair, key)
    if (from === -1) return undefined
    const text = pair.toString(isAscii(this) ? 'latin1' : 'utf8', from)
    if (this.#meta) return { text, ...this.#meta.at(position) }
    return { text, encoding: undefined, expires: undefined, time: undefined }
  }
}

function fingerprintAt(line: Buffer, latin: string, start: number, isPlain: boolean): number {
  const end = endOfString(latin, start)
  // Only in the literal: in a line without escapes, a search would go on to the end of the line for every key.
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

/** Where the value begins, after the key and a colon; -1 if the pair has another key. */
function afterKey(pair: Buffer, key: string): number {
  const end = key.length + 1
  for (let at = 1; at < end; at++) {
    const code = key.charCodeAt(at - 1)
    // Not spelled as this one byte.
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return afterLiteral(pair, `${quote(key)}:`)
    if (pair[at] !== code) return -1
  }
  return pair[end] === QUOTE && pair[end + 1] === COLON ? end + 2 : -1
}

function afterLiteral(pair: Buffer, literal: string): number {
  const bytes = Buffer.from(literal)
  return bytes.length <= pair.length && pair.compare(bytes, 0, bytes.length, 0, bytes.length) === 0 ? bytes.length : -1
}

const ENCODINGS: readonly (Encoding | undefined)[] = [undefined, 'text', 'base64']

/**
 * The meta of a part, by the positions of its keys: in columns of numbers, which take little memory. Parsing the meta for
 * one lookup would take longer than everything else.
 */
class MetaColumns {
  private constructor(
    /** NaN for a key without one. */
    private readonly expires: Float64Array | undefined,
    private readonly times: Float64Array | undefined,
    private readonly encodings: Uint8Array | undefined,
  ) {}

  /** Undefined if this version does not write such a meta. */
  static of(meta: DatedMeta, keys: readonly string[]): MetaColumns | undefined {
    const expires = meta.expires && new Float64Array(keys.length).fill(Number.NaN)
    const times = meta.ages && new Float64Array(keys.length).fill(Number.NaN)
    const encodings = meta.encoding && new Uint8Array(keys.length)
    for (const [position, key] of keys.entries()) {
      const own = metaOf(meta, key, position)
      const encoding = ENCODINGS.indexOf(own.encoding)
      if (encoding === -1 || !isTime(own.expires) || !isTime(own.time)) return undefined
      if (expires && own.expires !== undefined) expires[position] = own.expires
      if (times && own.time !== undefined) times[position] = own.time
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

/** 32 bits that few keys have in common: FNV-1a of the UTF-16 code units, mixed once more. */
export function fingerprint(text: string): number {
  return fingerprintOf(text, 0, text.length)
}

/** The same for a part of a text. */
function fingerprintOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  // The last characters, in which similar keys differ, must reach all bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
