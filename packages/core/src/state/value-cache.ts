/** A text that can be read again from its file. */
export interface CachedText {
  /** Changed by the cache alone. */
  cacheState: CacheState
  /** The bytes that the text takes in the cache; meaningless while it is not in it. */
  cachedBytes: number
  dropText(): void
}

/**
 * `used`: in the cache, and read since its turn last came. `removed`: no longer counted, but still in the queue until
 * its turn comes.
 */
export type CacheState = 'outside' | 'cached' | 'used' | 'removed'

/** The object of a text, its place in a map and its place in the queue. */
const OVERHEAD_BYTES = 160
/** If many texts are removed at once, they are swept from the queue in several goes. */
const MAX_SWEEPS = 64
const MIN_SWEPT_TEXTS = 64
const MIN_SWEPT_BYTES = 1 << 20

/**
 * Limits how much memory the texts of all layers take: CLOCK (Corbató, "A Paging Experiment with the Multics System",
 * 1968). Texts are in a queue; the first is dropped, unless it was read since its last turn: then it goes to the end.
 */
export class ValueCache {
  #queue: CachedText[] = []
  #head = 0
  #bytes = 0
  #texts = 0
  /** The bytes of removed texts that are still in the queue. */
  #removedBytes = 0

  constructor(readonly maxBytes: number) {}

  get isHalfFull(): boolean {
    return this.#bytes > this.maxBytes / 2
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `textBytes`: one for each character if all are ASCII, else two. */
  add(text: CachedText, textBytes: number): void {
    if (text.cacheState === 'cached' || text.cacheState === 'used') return
    if (text.cacheState === 'removed') {
      // Its removal is undone before its turn came.
      this.#removedBytes -= text.cachedBytes
    } else {
      text.cachedBytes = textBytes + OVERHEAD_BYTES
      this.#queue.push(text)
    }
    text.cacheState = 'cached'
    this.#bytes += text.cachedBytes
    this.#texts++
    while (this.#bytes > this.maxBytes && this.#head < this.#queue.length) this.#turn(true)
    this.sweep()
  }

  /** Notes that the text was read. */
  use(text: CachedText): void {
    if (text.cacheState === 'cached') text.cacheState = 'used'
  }

  /** The value was superseded. The text is not dropped: its removal may be undone. */
  remove(text: CachedText): void {
    if (text.cacheState !== 'cached' && text.cacheState !== 'used') return
    text.cacheState = 'removed'
    this.#bytes -= text.cachedBytes
    this.#removedBytes += text.cachedBytes
    this.#texts--
  }

  /** Sweeps some removed texts from the queue if most of it is removed; true if there are more to sweep. */
  sweep(): boolean {
    for (let sweeps = 0; sweeps < MAX_SWEEPS; sweeps++) {
      const removed = this.#queue.length - this.#head - this.#texts
      if (removed <= this.#texts + MIN_SWEPT_TEXTS && this.#removedBytes <= this.#bytes + MIN_SWEPT_BYTES) return false
      this.#turn(false)
    }
    return true
  }

  #turn(drops: boolean): void {
    const text = this.#queue[this.#head] as CachedText
    this.#queue[this.#head++] = NO_TEXT
    if (text.cacheState === 'removed') {
      this.#removedBytes -= text.cachedBytes
      text.cacheState = 'outside'
    } else if (drops && text.cacheState === 'cached') {
      this.#bytes -= text.cachedBytes
      this.#texts--
      text.cacheState = 'outside'
      text.dropText()
    } else {
      text.cacheState = 'cached'
      this.#queue.push(text)
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }
}

const NO_TEXT: CachedText = { cacheState: 'outside', cachedBytes: 0, dropText() {} }

/** About the least that a text takes in the cache: the filter remembers as many keys as the cache has room for. */
const TEXT_BYTES = 256
const MIN_KEYS = 1024
const MAX_KEYS = 4 * 1024 * 1024

/**
 * Admits a key that comes for the second time in a while. Without it, if keys are read at random and few fit in the
 * cache, most texts would replace another and be dropped before they are read again ("doorkeeper" in Einziger, Friedman
 * and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017). A key is forgotten when another one comes to
 * its place.
 */
export class AdmissionFilter {
  /** Made for the first key: most stores never fill half of their cache. */
  #seen: Uint32Array | undefined

  constructor(private readonly cacheBytes: number) {}

  admits(fingerprint: number): boolean {
    this.#seen ??= this.#makeTable()
    const at = fingerprint % this.#seen.length
    if (this.#seen[at] === fingerprint) return true
    this.#seen[at] = fingerprint
    return false
  }

  #makeTable(): Uint32Array {
    const keys = Math.min(Math.max(this.cacheBytes / TEXT_BYTES, MIN_KEYS), MAX_KEYS)
    return new Uint32Array(2 ** Math.ceil(Math.log2(keys)))
  }
}
