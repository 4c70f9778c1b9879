/** A stretch of an array that is shared with others. */
export interface NumberRange {
  readonly numbers: Uint16Array
  readonly from: number
}

/** An array of its own takes 200 bytes beside what is in it: too much for some dozen small numbers. */
const CHUNK_NUMBERS = 8 * 1024

/**
 * Gives out stretches of arrays for small numbers (slab allocation: Bonwick, "The Slab Allocator", 1994). A stretch is
 * never given back; a chunk goes with the last that is kept of it, so chunks are small.
 */
export class NumberSlab {
  #chunk = new Uint16Array(0)
  #used = 0

  take(count: number): NumberRange {
    if (count > CHUNK_NUMBERS / 4) return { numbers: new Uint16Array(count), from: 0 }
    if (this.#used + count > this.#chunk.length) {
      this.#chunk = new Uint16Array(CHUNK_NUMBERS)
      this.#used = 0
    }
    const from = this.#used
    this.#used += count
    return { numbers: this.#chunk, from }
  }
}
