/**
 * Prefixes that were cleared. A lookup asks for one short slice of its key per distinct length of prefix, so it costs
 * the same after one clear as after a thousand.
 */
export class ClearedPrefixes {
  readonly #prefixes = new Set<string>()
  readonly #lengths = new Map<number, number>()

  get size(): number {
    return this.#prefixes.size
  }

  /** False where all such keys were cleared before. */
  add(prefix: string): boolean {
    if (this.covers(prefix)) return false
    this.#prefixes.add(prefix)
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1)
    return true
  }

  remove(prefix: string): void {
    if (!this.#prefixes.delete(prefix)) return
    const left = (this.#lengths.get(prefix.length) as number) - 1
    if (left === 0) this.#lengths.delete(prefix.length)
    else this.#lengths.set(prefix.length, left)
  }

  /** True when the key starts with one of them. */
  covers(key: string): boolean {
    if (this.#prefixes.size === 0) return false
    for (const length of this.#lengths.keys()) {
      if (length <= key.length && this.#prefixes.has(key.slice(0, length))) return true
    }
    return false
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#prefixes.values()
  }
}
