import { checksumValue } from '../record/checksum.js'
import { endOfString, quote, unquote } from '../record/json-text.js'
import { type PartLayout, valueEnd } from '../record/part-layout.js'
import { NO_META, type PartMeta } from '../record/part-meta.js'
import { fingerprint, fingerprintOf } from './fingerprint.js'
import type { IndexedValue } from './key-index.js'
import { MetaColumns } from './meta-columns.js'

/**
 * What is remembered of each pair of a part whose line was read and found whole: a fingerprint of the key, and a
 * checksum of the pair's bytes. So a later lookup reads the bytes of its one pair and has them checked as strictly as
 * the whole line was, for a fiftieth of the bytes. 6 bytes a key beside its place.
 */
export class PartPairs {
  /** Of each pair in turn: its place; then the fingerprints; then the lower and the upper halves of the checksums. */
  readonly #columns: Uint16Array | Uint32Array
  readonly #count: number
  readonly #meta: MetaColumns | undefined
  readonly layout: PartLayout

  private constructor(line: Buffer, latin: string, before: PartLayout, meta: MetaColumns | undefined) {
    const places = before.keys.length
    const count = places - 1
    const length = places + 3 * count
    const columns = before.keys instanceof Uint16Array ? new Uint16Array(length) : new Uint32Array(length)
    columns.set(before.keys)
    // In one array together: many small ones would take more for themselves than for what is in them.
    this.layout = { ...before, keys: columns.subarray(0, places) }
    for (let position = 0; position < count; position++) {
      const start = columns[position] as number
      const crc = checksumValue(line.subarray(start, valueEnd(before, position)))
      columns[places + position] = fingerprintAt(line, latin, start, before.isAscii) & 0xffff
      columns[places + count + position] = crc & 0xffff
      columns[places + 2 * count + position] = crc >>> 16
    }
    this.#columns = columns
    this.#count = count
    this.#meta = meta
  }

  /** `line`: whole. Undefined where what the part says of its keys is nothing that this version writes. */
  static of(line: Buffer, latin: string, layout: PartLayout, meta: PartMeta): PartPairs | undefined {
    if (meta === NO_META) return new PartPairs(line, latin, layout, undefined)
    const columns = MetaColumns.of(meta, layout.timestampMs, keysOf(line, latin, layout))
    return columns && new PartPairs(line, latin, layout, columns)
  }

  /** The next pair from `position` on that may be the key's; -1 where there is none. */
  next(keyFingerprint: number, position: number): number {
    const columns = this.#columns
    const wanted = keyFingerprint & 0xffff
    const end = 2 * this.#count + 1
    for (let at = this.#count + 1 + position; at < end; at++) {
      if (columns[at] === wanted) return at - this.#count - 1
    }
    return -1
  }

  startOf(position: number): number {
    return this.#columns[position] as number
  }

  bytesOf(position: number): number {
    return valueEnd(this.layout, position) - (this.#columns[position] as number)
  }

  /** Whether these are the bytes of the pair that stood there when the line was whole. */
  fits(pair: Buffer, position: number): boolean {
    const at = 2 * this.#count + 1 + position
    const [low, high] = [this.#columns[at] as number, this.#columns[at + this.#count] as number]
    return checksumValue(pair) === high * 0x10000 + low
  }

  /** What the pair, which fits, says of the key; undefined where it is another key's. */
  valueIn(pair: Buffer, position: number, key: string): IndexedValue | undefined {
    const from = behindKey(pair, key)
    if (from === -1) return undefined
    const text = pair.toString(this.layout.isAscii ? 'latin1' : 'utf8', from)
    if (this.#meta) return { text, ...this.#meta.at(position) }
    return { text, encoding: undefined, expires: undefined, time: undefined }
  }
}

function fingerprintAt(line: Buffer, latin: string, start: number, isAscii: boolean): number {
  const end = endOfString(latin, start)
  // Looked for in the literal alone: a search that goes on behind it would come to the end of the line for every key.
  if (isAscii && !latin.slice(start, end).includes('\\')) return fingerprintOf(latin, start + 1, end - 1)
  return fingerprint(unquote(line.toString('utf8', start, end)))
}

function keysOf(line: Buffer, latin: string, { keys }: PartLayout): string[] {
  return Array.from(keys.subarray(0, -1), (start) => unquote(line.toString('utf8', start, endOfString(latin, start))))
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
