import { endOfString, unquote } from '../record/json-text.js'
import type { PartLayout } from '../record/part-layout.js'
import { metaOf, type PartMeta } from '../record/part-meta.js'
import type { PartValue } from '../record/record.js'
import { type CheckpointLayer, parseMeta, toIndexed, valueAt } from './checkpoint-layer.js'
import type { IndexedValue } from './key-index.js'
import { layoutOf } from './part.js'

/** Walks over the keys of a checkpoint; values are cut out only where they are asked for. */
export class CheckpointCursor {
  key: string | undefined
  #part = -1
  #position = 0
  #block: Block | undefined
  /** Whether any key of the present part expires. */
  #expires = false

  constructor(
    private readonly layer: CheckpointLayer,
    from: string,
  ) {
    this.seek(from)
  }

  /** To the first key that is not before `from`. */
  seek(from: string): void {
    const at = Math.max(0, this.layer.partOf(from))
    if (at !== this.#part) this.#enter(at)
    this.#position = this.#block?.firstNotBefore(from) ?? 0
    this.#settle()
  }

  advance(): void {
    this.#position++
    this.#settle()
  }

  value(): IndexedValue {
    return (this.#block as Block).value(this.#position)
  }

  /** When the present key expires. */
  get expires(): number | undefined {
    return this.#expires ? this.#block?.expires(this.#position) : undefined
  }

  toEnd(): void {
    this.#enter(this.layer.partCount)
    this.key = undefined
  }

  #enter(at: number): void {
    this.#part = at
    this.#position = 0
    const part = this.layer.partAt(at)
    this.#expires = part !== undefined && part.minExpires !== null
    if (!part) this.#block = undefined
    else if (part.state) this.#block = new StateBlock(part.state)
    else {
      const line = this.layer.lineOf(at)
      const latin = line.toString('latin1')
      this.#block = new LineBlock(line, latin, layoutOf(part, latin))
    }
  }

  #settle(): void {
    while (this.#block && this.#position >= this.#block.count) this.#enter(this.#part + 1)
    this.key = this.#block?.key(this.#position)
  }
}

/** The keys and values of one part. */
interface Block {
  readonly count: number
  key(position: number): string
  value(position: number): IndexedValue
  expires(position: number): number | undefined
  firstNotBefore(key: string): number
}

function firstNotBefore(block: Block, key: string): number {
  let low = 0
  let high = block.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block.key(middle) < key) low = middle + 1
    else high = middle
  }
  return low
}

class StateBlock implements Block {
  constructor(private readonly state: readonly PartValue[]) {}

  get count(): number {
    return this.state.length
  }

  key(position: number): string {
    return (this.state[position] as PartValue).key
  }

  value(position: number): IndexedValue {
    return toIndexed(this.state[position] as PartValue)
  }

  expires(position: number): number | undefined {
    return this.state[position]?.expires
  }

  firstNotBefore(key: string): number {
    return firstNotBefore(this, key)
  }
}

class LineBlock implements Block {
  #meta: PartMeta | undefined

  constructor(
    private readonly line: Buffer,
    private readonly latin: string,
    private readonly layout: PartLayout,
  ) {}

  get count(): number {
    return this.layout.keys.length - 1
  }

  key(position: number): string {
    const start = this.layout.keys[position] as number
    const end = endOfString(this.latin, start)
    // From the bytes, so that whoever keeps the key does not keep the whole part with it.
    const literal = this.line.toString(this.layout.isAscii ? 'latin1' : 'utf8', start, end)
    return unquote(literal)
  }

  expires(position: number): number | undefined {
    this.#meta ??= parseMeta(this.line, this.layout)
    return metaOf(this.#meta, this.key(position), position, this.layout.timestampMs).expires
  }

  value(position: number): IndexedValue {
    this.#meta ??= parseMeta(this.line, this.layout)
    const from = endOfString(this.latin, this.layout.keys[position] as number) + 1
    return valueAt(this.line, this.layout, this.#meta, this.key(position), position, from)
  }

  firstNotBefore(key: string): number {
    return firstNotBefore(this, key)
  }
}
