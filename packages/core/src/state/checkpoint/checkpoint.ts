import { validChecksum } from '../../format/checksum.js'
import { spellPair } from '../../format/encode.js'
import { quote } from '../../format/json-text.js'
import {
  cutPart,
  isAscii,
  keyStart,
  NumberSlab,
  type PartLayout,
  parseMeta,
  positionAt,
  valueEnd,
} from '../../format/part.js'
import { bytesInPart, type DatedMeta, metaOf, NO_META } from '../../format/part-meta.js'
import type { PartValue, SpelledPair } from '../../format/record.js'
import { isOneValue, noValue } from '../../format/value.js'
import { describeRange, isInRange, type KeyRange } from '../../log/checkpoint-reader.js'
import type { OpenFile } from '../../platform/file-system.js'
import { readFully } from '../../platform/whole-file.js'
import { corrupt } from '../corrupt.js'
import { byCodeUnit, countWhile } from '../key-order.js'
import type { OnBadPart, StateValue } from '../types.js'
import type { CachedValues } from './cached-values.js'
import { CheckpointExpiry } from './expiry.js'
import { fingerprint, type KnownPairs } from './known-pairs.js'
import { Part, Parts } from './parts.js'

const EMPTY = Buffer.alloc(0)

/**
 * The lowest layer: the parts of the checkpoint in the log, in key order. In memory is the first key of each part. The
 * first two lookups in a part read its whole line; later ones read only the bytes of their pair.
 */
export class Checkpoint {
  #expiry: CheckpointExpiry | undefined
  #scratch = EMPTY
  /** Holds the numbers of `KnownPairs`. */
  readonly slab = new NumberSlab()

  constructor(
    private file: OpenFile | undefined,
    /** The log's name; the file may have been opened under another one. */
    private readonly path: string,
    private readonly parts: Parts,
    private readonly values: CachedValues,
    private readonly onBadPart: OnBadPart,
  ) {}

  /** Made on demand: a store that is only opened and read does not need it. */
  get expiry(): CheckpointExpiry {
    this.#expiry ??= new CheckpointExpiry(this.parts)
    return this.#expiry
  }

  useFile(file: OpenFile): void {
    this.file = file
  }

  /** The length of its lines, in bytes. That of healed parts is estimated. */
  get bytes(): number {
    const { tableBytes } = this.parts
    if (tableBytes !== undefined) return tableBytes
    let bytes = 0
    for (let at = 0; at < this.parts.length; at++) {
      const part = this.parts.summary(at)
      bytes += part instanceof Part && part.state ? bytesOf(part.state) : part.bytes + 1
    }
    return bytes
  }

  get(key: string): StateValue | undefined {
    const cached = this.values.get(key)
    if (cached) return cached
    const at = this.partOf(key)
    const part = this.parts.at(at)
    if (!part) return undefined
    if (part.state) return findInState(part.state, key)
    const found = this.#findInFile(at, part, key)
    if (found) this.values.keep(key, part, found, isAscii(part.pairs as KnownPairs))
    return found
  }

  /**
   * Reads one pair, or nothing if no pair has the key's fingerprint. If the pairs are not known yet, or one is not what it
   * was, reads the whole line, which reports damage.
   */
  #findInFile(at: number, part: Part, key: string): StateValue | undefined {
    const { pairs } = part
    if (pairs?.hasChecksums && !part.isDamaged) {
      const keyFingerprint = fingerprint(key)
      let position = pairs.next(keyFingerprint, 0)
      for (; position !== -1; position = pairs.next(keyFingerprint, position + 1)) {
        const pair = this.#readBytes(part.offset + pairs.startOf(position), pairs.bytesOf(position))
        if (!pair || !pairs.fits(pair, position)) break
        const found = pairs.valueIn(pair, position, key)
        if (found) return found
      }
      if (position === -1) return undefined
    }
    return findInLine(part, this.#readLine(at), key, this.slab)
  }

  /** Valid until the next read. Undefined if the file ends before. */
  #readBytes(offset: number, length: number): Buffer | undefined {
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length)
    return readFully(this.file as OpenFile, this.#scratch.subarray(0, length), offset, this.path)
  }

  /** The line of a part in the file, checked. Valid until the next read. */
  #readLine(at: number): Buffer {
    const part = this.parts.at(at) as Part
    const line = part.isDamaged ? undefined : this.#readBytes(part.offset, part.bytes)
    if (line && validChecksum(line) === part.crc) return line
    const range = { from: part.firstKey, to: this.endOf(at) }
    if (!part.isDamaged) {
      part.isDamaged = true
      this.onBadPart(part, range, part.line)
    }
    throw corrupt(this.path, part.offset, describeRange(range))
  }

  // Its parts

  get partCount(): number {
    return this.parts.length
  }

  partAt(at: number): Part | undefined {
    return this.parts.at(at)
  }

  /** The part that would have the key; -1 if the key comes before all parts. */
  partOf(key: string): number {
    const { parts } = this
    return countWhile(parts.length, (at) => parts.firstKey(at) <= key) - 1
  }

  /** The first part whose first key is not before this key. */
  partFrom(key: string): number {
    const at = this.partOf(key)
    return at !== -1 && this.parts.firstKey(at) === key ? at : at + 1
  }

  firstKeyOf(at: number): string | undefined {
    return at < this.parts.length ? this.parts.firstKey(at) : undefined
  }

  /** Where the next part begins: all keys of this one come before. */
  endOf(at: number): string | undefined {
    return this.firstKeyOf(at + 1)
  }

  /** A copy of the line of a part in the file. */
  lineOf(at: number): Buffer {
    return Buffer.from(this.#readLine(at))
  }

  /** A part's pairs as they are spelled in its line. */
  pairsOf(at: number): readonly SpelledPair[] {
    const part = this.parts.at(at) as Part
    if (part.state) return part.state.map(spellChecked)
    const line = this.#readLine(at)
    const latin = line.toString('latin1')
    const layout = part.layOut(latin)
    return cutPart(line, latin, layout, parseMeta(line, layout))
  }

  /** About how many keys start with the prefix: the parts at both ends are counted whole. */
  countFrom(prefix: string): number {
    let count = 0
    for (let at = Math.max(0, this.partOf(prefix)); at < this.parts.length; at++) {
      const { firstKey, keys } = this.parts.summary(at)
      if (firstKey > prefix && !firstKey.startsWith(prefix)) break
      count += keys
    }
    return count
  }

  /** Reads the part that begins at this byte of the file, and throws if it is damaged. */
  check(offset: number): void {
    for (let at = 0; at < this.parts.length; at++) {
      if (this.parts.summary(at).offset === offset) this.#readLine(at)
    }
  }

  /** Replaces the parts of a range, which are damaged, by this state. */
  heal(range: KeyRange, state: readonly PartValue[]): void {
    const kept: Part[] = []
    for (let at = 0; at < this.parts.length; at++) {
      const part = this.parts.at(at) as Part
      if (isInRange(part.firstKey, range)) part.isGone = true
      else kept.push(part)
    }
    const inOrder = [...state].sort((a, b) => byCodeUnit(a.key, b.key))
    if (inOrder.length) kept.push(Part.inMemory(inOrder))
    kept.sort((a, b) => byCodeUnit(a.firstKey, b.firstKey))
    this.parts.replace(kept)
    this.#expiry = undefined
  }

  /** The next checkpoint, in another file. Some of its parts may be copies of parts of this one. */
  followedBy(file: OpenFile, parts: readonly Part[]): Checkpoint {
    for (const part of this.parts.made()) part.isGone = true
    for (const part of parts) part.isGone = false
    return new Checkpoint(file, this.path, Parts.of(parts), this.values, this.onBadPart)
  }

  /** After `followedBy`: removes the values of parts that are gone from the cache, in small steps. */
  release(): Generator<void> {
    return this.values.release()
  }
}

/** A state in memory comes from another file, and its texts were not checked when they were read. */
function spellChecked(pair: PartValue): SpelledPair {
  if (!isOneValue(pair.value.text)) throw noValue(pair.key)
  return spellPair(pair)
}

function bytesOf(state: readonly PartValue[]): number {
  return state.reduce(
    (sum, { key, value: { text, encoding }, expires, time }) =>
      sum + bytesInPart(key, Buffer.byteLength(text), encoding, expires, time),
    0,
  )
}

function findInState(state: readonly PartValue[], key: string): StateValue | undefined {
  const pair = state[countWhile(state.length, (at) => (state[at] as PartValue).key < key)]
  return pair?.key === key ? toStateValue(pair) : undefined
}

export function toStateValue({ value, expires, time }: PartValue): StateValue {
  return { text: value.text, encoding: value.encoding, expires, time }
}

/** Another key's value may contain the literal of the key: it counts only where a key begins. */
function findInLine(part: Part, line: Buffer, key: string, slab: NumberSlab): StateValue | undefined {
  // Checksums of all pairs take as long as some lookups in the line, so they are made at the second one.
  if (part.pairs && !part.pairs.hasChecksums) part.pairs.addChecksums(line, slab)
  const layout = part.pairs ?? part.findPairs(line.toString('latin1'), slab)
  const literal = `${quote(key)}:`
  for (let place = line.indexOf(literal, keyStart(layout, 0)); place !== -1; place = line.indexOf(literal, place + 1)) {
    const position = positionAt(layout, place)
    if (position === -1) continue
    const from = place + (isAscii(layout) ? literal.length : Buffer.byteLength(literal))
    return valueAt(line, layout, parseMeta(line, layout), key, position, from)
  }
  return undefined
}

/** The value of the key at a position, which begins at `from`. */
export function valueAt(
  line: Buffer,
  layout: PartLayout,
  meta: DatedMeta,
  key: string,
  position: number,
  from: number,
): StateValue {
  // From the bytes: a slice of a decoded line would keep the whole line in memory.
  const text = line.toString(isAscii(layout) ? 'latin1' : 'utf8', from, valueEnd(layout, position))
  if (meta === NO_META) return { text, encoding: undefined, expires: undefined, time: undefined }
  const { expires, encoding, time } = metaOf(meta, key, position)
  return { text, encoding, expires, time }
}
