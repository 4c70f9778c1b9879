import { countWhile } from '../key-order.js'
import type { Parts } from './parts.js'

/** When the keys of a checkpoint expire, according to the index line: no part is read for this. */
export class CheckpointExpiry {
  #keys = 0
  #firstMs = Number.POSITIVE_INFINITY
  readonly #halfMs: number | undefined
  /** When whole parts expire, in order, and how many keys have expired by then. */
  readonly #times: Float64Array
  readonly #expired: Float64Array

  constructor(parts: Parts) {
    const ends: { readonly atMs: number; readonly keys: number }[] = []
    for (let at = 0; at < parts.length; at++) {
      const { keys, minExpires, maxExpires } = parts.expiry(at)
      this.#keys += keys
      if (minExpires !== null) this.#firstMs = Math.min(this.#firstMs, minExpires)
      if (maxExpires !== null) ends.push({ atMs: maxExpires, keys })
    }
    ends.sort((a, b) => a.atMs - b.atMs)
    this.#times = Float64Array.from(ends, ({ atMs }) => atMs)
    let expired = 0
    this.#expired = Float64Array.from(ends, ({ keys }) => {
      expired += keys
      return expired
    })
    this.#halfMs = this.#times[this.#expired.findIndex((keys) => keys > this.#keys / 2)]
  }

  /** The number of keys in the checkpoint. */
  get keys(): number {
    return this.#keys
  }

  holdsExpired(nowMs: number): boolean {
    return this.#firstMs <= nowMs
  }

  /** The number of keys in parts that have expired as a whole. */
  expiredKeys(nowMs: number): number {
    const parts = countWhile(this.#times.length, (at) => (this.#times[at] as number) <= nowMs)
    return parts === 0 ? 0 : (this.#expired[parts - 1] as number)
  }

  /** When more than half of the keys will have expired, or undefined if that never happens. */
  get halfExpiredMs(): number | undefined {
    return this.#halfMs
  }
}
