import { formatChecksum } from '../../format/checksum.js'
import type { PartExpiry, PartTable } from '../../format/index-line.js'
import { layOutPart, type NumberSlab, type PartLayout } from '../../format/part.js'
import { expiryRange } from '../../format/part-meta.js'
import type { PartSummary, PartValue } from '../../format/record.js'
import { KnownPairs } from './known-pairs.js'

/** A run of keys of the checkpoint: a line of the file, or, where that was lost and healed, a state in memory. */
export class Part implements PartSummary {
  readonly firstKey: string
  offset: number
  /** Its number in the file, which stays when others are healed. */
  line = 0
  readonly bytes: number
  readonly keys: number
  /** Signed: as a number up to 2^32 it would be an object of its own, as a string too. */
  readonly #crc: number
  /** Undefined where nothing in it expires, as in most. */
  readonly #expiry: Pick<PartSummary, 'minExpires' | 'maxExpires'> | undefined
  readonly state: readonly PartValue[] | undefined
  /** What is known of its line, once that was read. */
  pairs: KnownPairs | undefined
  /** It is in no checkpoint any more, so what was read of it may have been written over. */
  isGone = false
  /** Its bytes were found not to be what was written. */
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

  get minExpires(): number | null {
    return this.#expiry?.minExpires ?? null
  }

  get maxExpires(): number | null {
    return this.#expiry?.maxExpires ?? null
  }

  get crc(): string {
    return formatChecksum(this.#crc)
  }

  /** `state`: in key order, not empty. */
  static inMemory(state: readonly PartValue[]): Part {
    const { minExpires, maxExpires } = expiryRange(state)
    const firstKey = (state[0] as PartValue).key
    return new Part({ firstKey, offset: -1, bytes: 0, keys: state.length, minExpires, maxExpires, crc: '' }, state)
  }
}

/** The parts of a checkpoint in key order, each made when it is first looked at. */
export class Parts {
  #parts: (Part | undefined)[]
  #list: PartTable | undefined

  constructor(parts: PartTable | readonly Part[]) {
    if (Array.isArray(parts)) {
      this.#parts = [...(parts as readonly Part[])]
      for (const [at, part] of this.#parts.entries()) (part as Part).line = lineAt(at)
    } else {
      this.#list = parts as PartTable
      this.#parts = new Array<Part | undefined>(this.#list.length)
    }
  }

  get length(): number {
    return this.#parts.length
  }

  firstKey(at: number): string {
    return this.#parts[at]?.firstKey ?? (this.#list as PartTable).firstKey(at)
  }

  at(at: number): Part | undefined {
    if (at < 0 || at >= this.#parts.length) return undefined
    const made = this.#parts[at]
    if (made) return made
    const part = new Part((this.#list as PartTable).summary(at))
    part.line = lineAt(at)
    this.#parts[at] = part
    return part
  }

  /** What is known of a part, without making one of it. */
  summary(at: number): PartSummary {
    return this.#parts[at] ?? (this.#list as PartTable).summary(at)
  }

  expiry(at: number): PartExpiry {
    return this.#parts[at] ?? (this.#list as PartTable).expiry(at)
  }

  /** Of the lines of all parts, with their newlines; undefined where that is not known without walking over them. */
  get listedBytes(): number | undefined {
    return this.#list?.bytes
  }

  /** Those that anybody has looked at: of the others nothing was read. */
  *made(): Generator<Part> {
    for (const part of this.#parts) if (part) yield part
  }

  replace(parts: readonly Part[]): void {
    this.#parts = [...parts]
    this.#list = undefined
  }
}

/** Behind the header, a line for each part. */
function lineAt(at: number): number {
  return at + 2
}

/** The line, as Latin-1, in which a character is a byte, is cut where its keys stand. */
export function pairsOf(part: Part, latin: string, slab: NumberSlab): KnownPairs {
  part.pairs ??= new KnownPairs(layOut(latin, slab))
  return part.pairs
}

/** The same of a part that is not asked for again. */
export function layoutOf(part: Part, latin: string): PartLayout {
  return part.pairs ?? layOut(latin)
}

function layOut(latin: string, slab?: NumberSlab): PartLayout {
  const layout = layOutPart(latin, slab)
  if (!layout) throw new Error('a line whose checksum fits is no part')
  return layout
}
