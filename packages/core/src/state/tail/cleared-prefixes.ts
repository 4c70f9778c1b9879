/**
 * Prefixes that were cleared, and by which record. A lookup asks for one short slice of its key per distinct length of
 * prefix, so it costs the same after one clear as after a thousand.
 */
export class ClearedPrefixes {
  readonly #seqs = new Map<string, number>()
  readonly #lengths = new Map<number, number>()

  get size(): number {
    return this.#seqs.size
  }

  /** Returns the record that cleared it before, if one did. */
  add(prefix: string, seq: number): number | undefined {
    const before = this.#seqs.get(prefix)
    this.#seqs.set(prefix, seq)
    if (before === undefined) this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1)
    return before
  }

  /** As if the last clear had not been: `before` is what `add` returned. */
  restore(prefix: string, before: number | undefined): void {
    if (before !== undefined) {
      this.#seqs.set(prefix, before)
      return
    }
    if (!this.#seqs.delete(prefix)) return
    const left = (this.#lengths.get(prefix.length) as number) - 1
    if (left === 0) this.#lengths.delete(prefix.length)
    else this.#lengths.set(prefix.length, left)
  }

  /** The last record that cleared a prefix of this key; -1 where none did. */
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

  /** A prefix that covers the key, the shortest first; undefined where none does. */
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

  covers(key: string): boolean {
    return this.lastFor(key) !== -1
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#seqs.keys()
  }
}
