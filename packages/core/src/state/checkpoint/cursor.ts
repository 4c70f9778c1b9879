import { endOfString, unescaped } from '../../format/json-text.js'
import { isAscii, keyCount, keyStart, type PartLayout, parseMeta } from '../../format/part.js'
import { type DatedMeta, metaOf } from '../../format/part-meta.js'
import type { PartValue } from '../../format/record.js'
import { countWhile } from '../key-order.js'
import type { StateValue } from '../types.js'
import { type Checkpoint, toStateValue, valueAt } from './checkpoint.js'
import type { Part } from './parts.js'

/**
 * Visits the keys of a checkpoint in order, and decodes only the values that are asked for. The first key of a part is
 * known without reading the part, so a listing that ends there does not read it: it may be damaged.
 */
export class CheckpointCursor {
  /** Undefined at the end. */
  key: string | undefined
  #part = -1
  #position = 0
  /** The keys of the current part, once it is read. */
  #keys: PartKeys | undefined
  /** True if any key of the current part expires. */
  #hasExpiry = false

  constructor(
    private readonly checkpoint: Checkpoint,
    from: string,
  ) {
    this.seek(from)
  }

  /** Moves to the first key that is not before `from`. */
  seek(from: string): void {
    const at = Math.max(0, this.checkpoint.partOf(from))
    if (at !== this.#part) this.#enter(at)
    const first = this.checkpoint.firstKeyOf(at)
    this.#position = first === undefined || first >= from ? 0 : this.#firstNotBefore(from)
    this.#settle()
  }

  #firstNotBefore(key: string): number {
    const keys = this.#read()
    return countWhile(keys.count, (position) => keys.key(position) < key)
  }

  advance(): void {
    this.#position++
    this.#settle()
  }

  toEnd(): void {
    this.#enter(this.checkpoint.partCount)
    this.key = undefined
  }

  value(): StateValue {
    return this.#read().value(this.#position)
  }

  get expires(): number | undefined {
    return this.#hasExpiry ? this.#read().expires(this.#position) : undefined
  }

  #enter(at: number): void {
    this.#part = at
    this.#position = 0
    this.#keys = undefined
    const part = this.checkpoint.partAt(at)
    this.#hasExpiry = part !== undefined && part.minExpires !== null
  }

  #settle(): void {
    // Every part has a key.
    if (this.#position > 0 && this.#position >= this.#read().count) this.#enter(this.#part + 1)
    this.key = this.#position === 0 ? this.checkpoint.firstKeyOf(this.#part) : this.#read().key(this.#position)
  }

  #read(): PartKeys {
    const part = this.checkpoint.partAt(this.#part) as Part
    this.#keys ??= part.state ? new KeysInMemory(part.state) : this.#readLine(part)
    return this.#keys
  }

  #readLine(part: Part): PartKeys {
    const line = this.checkpoint.lineOf(this.#part)
    const latin = line.toString('latin1')
    return new KeysInLine(line, latin, part.findPairs(latin, this.checkpoint.slab))
  }
}

/** The keys of one part by their positions. */
interface PartKeys {
  readonly count: number
  key(position: number): string
  value(position: number): StateValue
  expires(position: number): number | undefined
}

class KeysInMemory implements PartKeys {
  constructor(private readonly state: readonly PartValue[]) {}

  get count(): number {
    return this.state.length
  }

  key(position: number): string {
    return (this.state[position] as PartValue).key
  }

  value(position: number): StateValue {
    return toStateValue(this.state[position] as PartValue)
  }

  expires(position: number): number | undefined {
    return this.state[position]?.expires
  }
}

class KeysInLine implements PartKeys {
  #meta: DatedMeta | undefined

  constructor(
    private readonly line: Buffer,
    private readonly latin: string,
    private readonly layout: PartLayout,
  ) {}

  get count(): number {
    return keyCount(this.layout)
  }

  key(position: number): string {
    const start = keyStart(this.layout, position) + 1
    const end = endOfString(this.latin, start - 1) - 1
    // From the bytes: a slice of the decoded line would keep the whole line in memory.
    return unescaped(this.line.toString(isAscii(this.layout) ? 'latin1' : 'utf8', start, end))
  }

  expires(position: number): number | undefined {
    this.#meta ??= parseMeta(this.line, this.layout)
    return metaOf(this.#meta, this.key(position), position).expires
  }

  value(position: number): StateValue {
    this.#meta ??= parseMeta(this.line, this.layout)
    const from = endOfString(this.latin, keyStart(this.layout, position)) + 1
    return valueAt(this.line, this.layout, this.#meta, this.key(position), position, from)
  }
}
