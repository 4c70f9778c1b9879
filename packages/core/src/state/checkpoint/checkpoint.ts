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
import { isInRange, type KeyRange } from '../../log/checkpoint-reader.js'
import type { OpenFile } from '../../platform/file-system.js'
import { byCodeUnit, countWhile } from '../key-order.js'
import { corrupt, readBytes } from '../read-bytes.js'
import type { OnBadPart, StateValue } from '../types.js'
import type { CachedValues } from './cached-values.js'
import { CheckpointExpiry } from './expiry.js'
import type { KnownPairs } from './known-pairs.js'
import { fingerprint } from './known-pairs.js'
import { layoutOf, Part, Parts, pairsOf } from './parts.js'

const EMPTY = Buffer.alloc(0)

/**
 * The lowest layer: the checkpoint's parts, in key order. In memory is a sparse index, the first key of each part; a
 * lookup reads one part.
 */
export class Checkpoint {
  #expiry: CheckpointExpiry | undefined
  #scratch = EMPTY
  /** Holds what is kept of its parts' lines. */
  readonly slab = new NumberSlab()

  constructor(
    private file: OpenFile | undefined,
    /** The log's name; the file may have been opened under another one. */
    private readonly path: string,
    private readonly parts: Parts,
    private readonly values: CachedValues,
    private readonly onBadPart: OnBadPart,
  ) {}

  /** Found out when it is first asked for: a store that is only opened and read does without. */
  get expiry(): CheckpointExpiry {
    this.#expiry ??= new CheckpointExpiry(this.parts)
    return this.#expiry
  }

  get partCount(): number {
    return this.parts.length
  }

  useFile(file: OpenFile): void {
    this.file = file
  }

  /** Of its parts, with what is in memory. */
  get bytes(): number {
    const { listedBytes } = this.parts
    if (listedBytes !== undefined) return listedBytes
    let bytes = 0
    for (let at = 0; at < this.parts.length; at++) {
      const part = this.parts.summary(at)
      bytes += part instanceof Part && part.state ? bytesOf(part.state) : part.bytes + 1
    }
    return bytes
  }

  /** The next checkpoint, in another file, of which some parts may be the same as here. */
  followedBy(file: OpenFile, parts: readonly Part[]): Checkpoint {
    for (const part of this.parts.made()) part.isGone = true
    for (const part of parts) part.isGone = false
    return new Checkpoint(file, this.path, new Parts(parts), this.values, this.onBadPart)
  }

  /** Another checkpoint has followed: what was kept in memory of parts that it does without is let go, in small steps. */
  release(): Generator<void> {
    return this.values.release()
  }

  get(key: string): StateValue | undefined {
    const cached = this.values.get(key)
    if (cached) return cached
    const at = this.partOf(key)
    const part = this.parts.at(at)
    if (!part) return undefined
    if (part.state) return inState(part.state, key)
    const found = this.#find(at, part, key)
    if (found) this.values.keep(key, part, found, isAscii(part.pairs as KnownPairs))
    return found
  }

  /** The whole line is read where its pairs are not known yet, and where one of them is not what it was. */
  #find(at: number, part: Part, key: string): StateValue | undefined {
    const { pairs } = part
    if (pairs?.areChecked && !part.isDamaged) {
      const keyFingerprint = fingerprint(key)
      let position = pairs.next(keyFingerprint, 0)
      for (; position !== -1; position = pairs.next(keyFingerprint, position + 1)) {
        const pair = this.#fill(part.offset + pairs.startOf(position), pairs.bytesOf(position))
        if (!pair || !pairs.fits(pair, position)) break
        const found = pairs.valueIn(pair, position, key)
        if (found) return found
      }
      if (position === -1) return undefined
    }
    return findInPart(part, this.#read(at), key, this.slab)
  }

  /** So many bytes from there; valid until the next read. Undefined where the file ends before. */
  #fill(offset: number, length: number): Buffer | undefined {
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length)
    return readBytes(this.file as OpenFile, this.path, offset, this.#scratch.subarray(0, length))
  }

  /** The part that the key would stand in; -1 where it would stand ahead of all. */
  partOf(key: string): number {
    const { parts } = this
    return countWhile(parts.length, (at) => parts.firstKey(at) <= key) - 1
  }

  /** The first part that begins with the key, or behind it. */
  partFrom(key: string): number {
    const at = this.partOf(key)
    return at !== -1 && this.parts.firstKey(at) === key ? at : at + 1
  }

  partAt(at: number): Part | undefined {
    return this.parts.at(at)
  }

  firstKeyOf(at: number): string | undefined {
    return at < this.parts.length ? this.parts.firstKey(at) : undefined
  }

  /** Where the next part begins: all keys of this one come before. */
  endOf(at: number): string | undefined {
    return this.firstKeyOf(at + 1)
  }

  /** A part's keys and values, as they are spelled in it. */
  spelledOf(at: number): readonly SpelledPair[] {
    const part = this.parts.at(at) as Part
    if (part.state) return part.state.map(spellChecked)
    const line = this.#read(at)
    const latin = line.toString('latin1')
    const layout = layoutOf(part, latin)
    return cutPart(line, latin, layout, parseMeta(line, layout))
  }

  /** The part's line in bytes of its own. */
  lineOf(at: number): Buffer {
    return Buffer.from(this.#read(at))
  }

  /** The part's line; valid until the next read. */
  #read(at: number): Buffer {
    const part = this.parts.at(at) as Part
    const line = part.isDamaged ? undefined : this.#fill(part.offset, part.bytes)
    if (line && validChecksum(line) === part.crc) return line
    const range = { from: part.firstKey, to: this.endOf(at) }
    if (!part.isDamaged) {
      part.isDamaged = true
      this.onBadPart(part, range, part.line)
    }
    throw corrupt(this.path, part.offset, `keys from ${spell(range.from)} to before ${spell(range.to)}`)
  }

  /** Looks at the part that stands there, as any reading of it does. */
  check(offset: number): void {
    for (let at = 0; at < this.parts.length; at++) {
      if (this.parts.summary(at).offset === offset) this.#read(at)
    }
  }

  /** Puts a state in the place of parts that cannot be read. Keys outside of the range are left alone. */
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

  /** About how many keys start with the prefix: those of the parts at the edges are counted as if all of them did. */
  countFrom(prefix: string): number {
    let count = 0
    for (let at = Math.max(0, this.partOf(prefix)); at < this.parts.length; at++) {
      const { firstKey, keys } = this.parts.summary(at)
      if (firstKey > prefix && !firstKey.startsWith(prefix)) break
      count += keys
    }
    return count
  }
}

/** A state in memory comes from another file: whether a text in it is one value has not been seen yet. */
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

function inState(state: readonly PartValue[], key: string): StateValue | undefined {
  const pair = state[countWhile(state.length, (at) => (state[at] as PartValue).key < key)]
  return pair?.key === key ? toIndexed(pair) : undefined
}

export function toIndexed({ value, expires, time }: PartValue): StateValue {
  return { text: value.text, encoding: value.encoding, expires, time }
}

/** The key's literal may stand inside another key's value too: only where a key begins does it count. */
function findInPart(part: Part, line: Buffer, key: string, slab: NumberSlab): StateValue | undefined {
  // To know its pairs by themselves costs as much as some lookups in the line: it is done at the second one.
  if (part.pairs && !part.pairs.areChecked) part.pairs.check(line, slab)
  const layout = part.pairs ?? pairsOf(part, line.toString('latin1'), slab)
  const literal = `${quote(key)}:`
  for (let place = line.indexOf(literal, keyStart(layout, 0)); place !== -1; place = line.indexOf(literal, place + 1)) {
    const position = positionAt(layout, place)
    if (position === -1) continue
    const from = place + (isAscii(layout) ? literal.length : Buffer.byteLength(literal))
    return valueAt(line, layout, parseMeta(line, layout), key, position, from)
  }
  return undefined
}

/** The value at `from` of the key at that position. */
export function valueAt(
  line: Buffer,
  layout: PartLayout,
  meta: DatedMeta,
  key: string,
  position: number,
  from: number,
): StateValue {
  // A flat copy: a slice of a decoded part would keep all of it.
  const text = line.toString(isAscii(layout) ? 'latin1' : 'utf8', from, valueEnd(layout, position))
  if (meta === NO_META) return { text, encoding: undefined, expires: undefined, time: undefined }
  const { expires, encoding, time } = metaOf(meta, key, position)
  return { text, encoding, expires, time }
}

function spell(key: string | undefined): string {
  return key === undefined ? 'the end' : JSON.stringify(key.slice(0, 100))
}
