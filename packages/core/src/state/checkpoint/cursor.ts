import { endOfString, unescaped } from '../../format/json-text.js'
import { isAscii, keyCount, keyStart, type PartLayout, parseMeta } from '../../format/part.js'
import { type DatedMeta, metaOf } from '../../format/part-meta.js'
import type { PartValue } from '../../format/record.js'
import { countWhile } from '../key-order.js'
import type { StateValue } from '../types.js'
import { type Checkpoint, toIndexed, valueAt } from './checkpoint.js'
import { type Part, pairsOf } from './parts.js'

/**
 * Walks over the keys of a checkpoint; values are cut out only where they are asked for. A part is not read for its first
 * key, which is known without: whoever goes no further need not be able to read it.
 */
export class CheckpointCursor {
  key: string | undefined
  #part = -1
  #position = 0
  /** Of the present part, once it is read. */
  #block: Block | undefined
  /** Whether any key of the present part expires. */
  #expires = false

  constructor(
    private readonly layer: Checkpoint,
    from: string,
  ) {
    this.seek(from)
  }

  /** To the first key that is not before `from`. */
  seek(from: string): void {
    const at = Math.max(0, this.layer.partOf(from))
    if (at !== this.#part) this.#enter(at)
    const first = this.layer.firstKeyOf(at)
    this.#position = first === undefined || first >= from ? 0 : firstNotBefore(this.#read(), from)
    this.#settle()
  }

  advance(): void {
    this.#position++
    this.#settle()
  }

  value(): StateValue {
    return this.#read().value(this.#position)
  }

  /** When the present key expires. */
  get expires(): number | undefined {
    return this.#expires ? this.#read().expires(this.#position) : undefined
  }

  toEnd(): void {
    this.#enter(this.layer.partCount)
    this.key = undefined
  }

  #enter(at: number): void {
    this.#part = at
    this.#position = 0
    this.#block = undefined
    const part = this.layer.partAt(at)
    this.#expires = part !== undefined && part.minExpires !== null
  }

  #read(): Block {
    const part = this.layer.partAt(this.#part) as Part
    this.#block ??= part.state ? new StateBlock(part.state) : this.#readLine(part)
    return this.#block
  }

  #readLine(part: Part): Block {
    const line = this.layer.lineOf(this.#part)
    const latin = line.toString('latin1')
    return new LineBlock(line, latin, pairsOf(part, latin, this.layer.slab))
  }

  #settle(): void {
    // No part is without keys.
    if (this.#position > 0 && this.#position >= this.#read().count) this.#enter(this.#part + 1)
    this.key = this.#position === 0 ? this.layer.firstKeyOf(this.#part) : this.#read().key(this.#position)
  }
}

/** The keys and values of one part. */
interface Block {
  readonly count: number
  key(position: number): string
  value(position: number): StateValue
  expires(position: number): number | undefined
}

function firstNotBefore(block: Block, key: string): number {
  return countWhile(block.count, (position) => block.key(position) < key)
}

class StateBlock implements Block {
  constructor(private readonly state: readonly PartValue[]) {}

  get count(): number {
    return this.state.length
  }

  key(position: number): string {
    return (this.state[position] as PartValue).key
  }

  value(position: number): StateValue {
    return toIndexed(this.state[position] as PartValue)
  }

  expires(position: number): number | undefined {
    return this.state[position]?.expires
  }
}

class LineBlock implements Block {
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
    // From the bytes, so that whoever keeps the key does not keep the whole part with it.
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
