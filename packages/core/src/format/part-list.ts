import type { PartSummary } from './record.js'

/** Parts in key order, of which many are never looked at: what is said of one is put together when it is asked for. */
export interface PartList {
  readonly length: number
  /** Of all their lines, with their newlines. */
  readonly bytes: number
  firstKey(at: number): string
  summary(at: number): PartSummary
  /** The same as far as it concerns when its keys expire. */
  expiry(at: number): PartExpiry
}

export type PartExpiry = Pick<PartSummary, 'keys' | 'minExpires' | 'maxExpires'>

export class PartArray implements PartList {
  readonly bytes: number

  constructor(private readonly parts: readonly PartSummary[]) {
    this.bytes = parts.reduce((sum, part) => sum + part.bytes + 1, 0)
  }

  get length(): number {
    return this.parts.length
  }

  firstKey(at: number): string {
    return (this.parts[at] as PartSummary).firstKey
  }

  summary(at: number): PartSummary {
    return this.parts[at] as PartSummary
  }

  expiry(at: number): PartExpiry {
    return this.summary(at)
  }
}
