import type { PartExpiry, PartTable } from '../../format/index-line.js'
import type { PartSummary } from '../../format/record.js'
import { Part } from './part.js'

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
