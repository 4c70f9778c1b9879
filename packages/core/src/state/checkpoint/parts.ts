import { formatChecksum } from '../../format/checksum.js'
import type { PartExpiry, PartTable } from '../../format/index-line.js'
import { layOutPart, type NumberSlab, type PartLayout } from '../../format/part.js'
import { expiryRange } from '../../format/part-meta.js'
import { lineOfPart, type PartSummary, type PartValue } from '../../format/record.js'
import { KnownPairs } from './known-pairs.js'

/** A run of keys of the checkpoint: a line of the log, or a state in memory if that line was lost and healed. */
export class Part implements PartSummary {
  readonly firstKey: string
  offset: number
  /** Its line number in the file, which does not change when other parts are healed. */
  line = 0
  readonly bytes: number
  readonly keys: number
  /** Signed: V8 stores a number up to 2^32 as an object of its own, as it does a string. */
  readonly #crc: number
  /** Undefined if nothing in it expires, as in most parts. */
  readonly #expiry: Pick<PartSummary, 'minExpires' | 'maxExpires'> | undefined
  /** Undefined for a line of the log. */
  readonly state: readonly PartValue[] | undefined
  /** Where its pairs are. Undefined until its line is read. */
  pairs: KnownPairs | undefined
  /** It is not in the checkpoint any more, so what was read of it may not count any more. */
  isGone = false
  /** Its bytes are not those that were written. */
  isDamaged = false

  constructor(summary: PartSummary, state?: readonly PartValue[]) {
    this.firstKey = summary.firstKey
    this.offset = summary.offset
    this.bytes = summary.bytes
    this.keys = summary.keys
    const { minExpires, maxExpires } = summary
    if (minExpires !== null || maxExpires !== null) this.#expiry = { minExpires, maxExpires }
    this.#crc = Number.parseInt(summary.crc, 16) | 0
    this.state = state
  }

  /** `state`: in key order, not empty. */
  static inMemory(state: readonly PartValue[]): Part {
    const { minExpires, maxExpires } = expiryRange(state)
    const firstKey = (state[0] as PartValue).key
    return new Part({ firstKey, offset: -1, bytes: 0, keys: state.length, minExpires, maxExpires, crc: '' }, state)
  }

  get minExpires(): number | null {
    return this.#expiry?.minExpires ?? null
  }

  get maxExpires(): number | null {
    return this.#expiry?.maxExpires ?? null
  }

  get crc(): string {
    return formatChecksum(this.#crc)
  }

  /** Where its pairs are in its line. `latin`: the line as Latin-1, with one character for each byte. */
  findPairs(latin: string, slab: NumberSlab): KnownPairs {
    this.pairs ??= new KnownPairs(layOut(latin, slab))
    return this.pairs
  }

  /** The same, but not remembered: for a part that is not read again. */
  layOut(latin: string): PartLayout {
    return this.pairs ?? layOut(latin)
  }
}

function layOut(latin: string, slab?: NumberSlab): PartLayout {
  const layout = layOutPart(latin, slab)
  if (!layout) throw new Error('a line with a right checksum is not a part')
  return layout
}

/** The parts of a checkpoint in key order. The object of a part is made when it is first used. */
export class Parts {
  #parts: (Part | undefined)[]
  /** Where parts come from that are not made yet. Undefined if all are. */
  #table: PartTable | undefined

  private constructor(parts: (Part | undefined)[], table: PartTable | undefined) {
    this.#parts = parts
    this.#table = table
  }

  static of(parts: readonly Part[]): Parts {
    for (const [at, part] of parts.entries()) part.line = lineOfPart(at)
    return new Parts([...parts], undefined)
  }

  static from(table: PartTable): Parts {
    return new Parts(new Array<Part | undefined>(table.length), table)
  }

  get length(): number {
    return this.#parts.length
  }

  firstKey(at: number): string {
    return this.#parts[at]?.firstKey ?? (this.#table as PartTable).firstKey(at)
  }

  at(at: number): Part | undefined {
    if (at < 0 || at >= this.#parts.length) return undefined
    const made = this.#parts[at]
    if (made) return made
    const part = new Part((this.#table as PartTable).summary(at))
    part.line = lineOfPart(at)
    this.#parts[at] = part
    return part
  }

  /** As `at`, without making a part. */
  summary(at: number): PartSummary {
    return this.#parts[at] ?? (this.#table as PartTable).summary(at)
  }

  expiry(at: number): PartExpiry {
    return this.#parts[at] ?? (this.#table as PartTable).expiry(at)
  }

  /** The length of all lines with their newlines, if the index line contains it: adding them up takes longer. */
  get tableBytes(): number | undefined {
    return this.#table?.bytes
  }

  /** Visits the parts that were made: only these can have been read. */
  *made(): Generator<Part> {
    for (const part of this.#parts) if (part) yield part
  }

  replace(parts: readonly Part[]): void {
    this.#parts = [...parts]
    this.#table = undefined
  }
}
