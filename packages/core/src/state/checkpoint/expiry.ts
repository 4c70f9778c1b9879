import { countWhile } from '../key-order.js'
import type { Parts } from './parts.js'

/** When the keys of a checkpoint expire, as far as its parts say it as wholes: nothing is read for it. */
export class CheckpointExpiry {
  #keys = 0
  readonly #halfMs: number | undefined
  #firstMs = Number.POSITIVE_INFINITY
  /** The times at which parts have expired as wholes, in order, and how many keys are gone by then. */
  readonly #times: Float64Array
  readonly #gone: Float64Array

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
    let gone = 0
    this.#gone = Float64Array.from(ends, ({ keys }) => {
      gone += keys
      return gone
    })
    this.#halfMs = this.#times[this.#gone.findIndex((keys) => keys > this.#keys / 2)]
  }

  get keys(): number {
    return this.#keys
  }

  holdsExpired(nowMs: number): boolean {
    return this.#firstMs <= nowMs
  }

  /** Keys of parts that have expired as wholes. */
  expiredKeys(nowMs: number): number {
    const expired = countWhile(this.#times.length, (at) => (this.#times[at] as number) <= nowMs)
    return expired === 0 ? 0 : (this.#gone[expired - 1] as number)
  }

  /** When more than half of the keys will have expired; undefined where that will not be. */
  get halfExpiredMs(): number | undefined {
    return this.#halfMs
  }
}
