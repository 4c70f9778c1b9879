/** About what a text takes in the cache, at least: so many keys are kept in mind as have room in it. */
const TEXT_BYTES = 256
const MIN_KEYS = 1024
const MAX_KEYS = 4 * 1024 * 1024

/**
 * Lets in what comes for the second time in a while. Where keys are read at random and few of them fit, most texts would
 * take the place of another and be gone before they are asked for again ("doorkeeper" in Einziger, Friedman and Manes,
 * "TinyLFU: A Highly Efficient Cache Admission Policy", 2017). It forgets a key when another comes to the same place.
 */
export class AdmissionFilter {
  /** Made when the first key comes: most stores never fill half of their cache. */
  #seen: Uint32Array | undefined

  constructor(private readonly cacheBytes: number) {}

  admits(fingerprint: number): boolean {
    this.#seen ??= this.#places()
    const at = fingerprint % this.#seen.length
    if (this.#seen[at] === fingerprint) return true
    this.#seen[at] = fingerprint
    return false
  }

  #places(): Uint32Array {
    const keys = Math.min(Math.max(this.cacheBytes / TEXT_BYTES, MIN_KEYS), MAX_KEYS)
    return new Uint32Array(2 ** Math.ceil(Math.log2(keys)))
  }
}
