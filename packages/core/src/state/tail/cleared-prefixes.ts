/**
 * The prefixes that were cleared, each with the record that did it. A lookup slices its key once for each distinct
 * length of a prefix, so that it costs the same after one clear as after a thousand.
 */
export class ClearedPrefixes {
  readonly #seqs = new Map<string, number>()
  /** How many prefixes have this length. */
  readonly #lengths = new Map<number, number>()

  get size(): number {
    return this.#seqs.size
  }

  /** Returns the record that cleared the prefix before, if any. */
  add(prefix: string, seq: number): number | undefined {
    const before = this.#seqs.get(prefix)
    this.#seqs.set(prefix, seq)
    if (before === undefined) this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1)
    return before
  }

  /** Undoes `add`, which returned `before`. */
  undoAdd(prefix: string, before: number | undefined): void {
    if (before !== undefined) {
      this.#seqs.set(prefix, before)
      return
    }
    if (!this.#seqs.delete(prefix)) return
    const left = (this.#lengths.get(prefix.length) as number) - 1
    if (left === 0) this.#lengths.delete(prefix.length)
    else this.#lengths.set(prefix.length, left)
  }

  /** The last record that cleared a prefix of this key, or -1. */
  lastFor(key: string): number {
    let last = -1
    if (this.#seqs.size === 0) return last
    for (const length of this.#lengths.keys()) {
      if (length > key.length) continue
      const seq = this.#seqs.get(length === key.length ? key : key.slice(0, length))
      if (seq !== undefined && seq > last) last = seq
    }
    return last
  }

  /** The shortest cleared prefix of this key, or undefined. */
  covering(key: string): string | undefined {
    if (this.#seqs.size === 0) return undefined
    let shortest: string | undefined
    for (const length of this.#lengths.keys()) {
      if (length > key.length || (shortest !== undefined && length > shortest.length)) continue
      const prefix = key.slice(0, length)
      if (this.#seqs.has(prefix)) shortest = prefix
    }
    return shortest
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#seqs.keys()
  }
}
