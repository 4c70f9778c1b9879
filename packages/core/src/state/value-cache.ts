/** What holds a text that it could read again from its file. */
export interface CachedText {
  /** What it takes in memory: 0 while it is not in the cache, below 0 while it stands there dead. */
  cachedBytes: number
  /** It was asked for since the cache last came by. */
  isUsed: boolean
  /** Lets go of the text. */
  dropText(): void
}

/** An object, its place in a map and its place here. */
const OVERHEAD_BYTES = 160
/** Much that is dead at once is swept in several goes. */
const MAX_SWEEPS = 64
const MIN_SWEPT_TEXTS = 64
const MIN_SWEPT_BYTES = 1 << 20

/**
 * Bounds what the texts of all layers take together: CLOCK (Corbató, "A Paging Experiment with the Multics System",
 * 1968). Texts stand in a row; who is at its head goes, unless it was asked for meanwhile: then it goes to the end.
 */
export class ValueCache {
  #row: CachedText[] = []
  #head = 0
  #bytes = 0
  #texts = 0
  /** What still stands in the row, though nobody will ask for it again. */
  #deadBytes = 0

  constructor(readonly maxBytes: number) {}

  get isHalfFull(): boolean {
    return this.#bytes > this.maxBytes / 2
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `textBytes`: one for a character of ASCII, two where there are others. */
  add(text: CachedText, textBytes: number): void {
    if (text.cachedBytes > 0) return
    if (text.cachedBytes < 0) {
      // It was superseded, and that was taken back before its turn came.
      this.#deadBytes += text.cachedBytes
      text.cachedBytes = -text.cachedBytes
    } else {
      text.cachedBytes = textBytes + OVERHEAD_BYTES
      text.isUsed = false
      this.#row.push(text)
    }
    this.#bytes += text.cachedBytes
    this.#texts++
    while (this.#bytes > this.maxBytes && this.#head < this.#row.length) this.#turn(true)
    this.sweep()
  }

  /** It is superseded. Whoever still holds it may go on doing so. */
  remove(text: CachedText): void {
    if (text.cachedBytes <= 0) return
    this.#bytes -= text.cachedBytes
    this.#deadBytes += text.cachedBytes
    this.#texts--
    text.cachedBytes = -text.cachedBytes
  }

  /**
   * The dead leave the row although it is not their turn, when there are more of them than of the living: some of them
   * at a time. False when there are no more to leave.
   */
  sweep(): boolean {
    for (let sweeps = 0; sweeps < MAX_SWEEPS; sweeps++) {
      const dead = this.#row.length - this.#head - this.#texts
      if (dead <= this.#texts + MIN_SWEPT_TEXTS && this.#deadBytes <= this.#bytes + MIN_SWEPT_BYTES) return false
      this.#turn(false)
    }
    return true
  }

  #turn(drops: boolean): void {
    const text = this.#row[this.#head] as CachedText
    this.#row[this.#head++] = NONE
    if (text.cachedBytes < 0) {
      this.#deadBytes += text.cachedBytes
      text.cachedBytes = 0
    } else if (drops && !text.isUsed) {
      this.#bytes -= text.cachedBytes
      this.#texts--
      text.cachedBytes = 0
      text.dropText()
    } else {
      text.isUsed = false
      this.#row.push(text)
    }
    if (this.#head > 1024 && this.#head * 2 > this.#row.length) {
      this.#row = this.#row.slice(this.#head)
      this.#head = 0
    }
  }
}

const NONE: CachedText = { cachedBytes: 0, isUsed: false, dropText() {} }

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
