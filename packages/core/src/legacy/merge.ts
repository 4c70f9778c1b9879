import type { Slices } from '../platform/clock.js'
import { SORT_BLOCK_BYTES } from '../platform/limits.js'
import type { SortedSource } from './sort-run.js'

/**
 * Goes through all the keys in order, each once, and yields where it is said last: of several that have a key, the first
 * given counts. What is yielded stands at that key until the next one is asked for.
 */
export async function merge(sources: readonly SortedSource[], slices: Slices): Promise<Generator<SortedSource>> {
  const ranked: Ranked[] = []
  for (const [rank, source] of sources.entries()) {
    if (source.next()) ranked.push({ source, rank })
    if (slices.isDue(SORT_BLOCK_BYTES)) await slices.pause()
  }
  return walk(new Heap(ranked))
}

function* walk(heap: Heap): Generator<SortedSource> {
  for (let top = heap.top; top; top = heap.top) {
    const { key } = top
    yield top
    while (heap.top?.key === key) heap.advance()
  }
}

interface Ranked {
  readonly source: SortedSource
  readonly rank: number
}

/** The source with the least key on top; of those with the same key the one that was given first. */
class Heap {
  readonly #items: Ranked[]

  constructor(items: Ranked[]) {
    this.#items = items
    for (let at = items.length >> 1; at >= 0; at--) this.#sink(at)
  }

  get top(): SortedSource | undefined {
    return this.#items[0]?.source
  }

  advance(): void {
    const items = this.#items
    if (!(items[0] as Ranked).source.next()) {
      const last = items.pop() as Ranked
      if (items.length > 0) items[0] = last
    }
    this.#sink(0)
  }

  #sink(start: number): void {
    const items = this.#items
    const item = items[start]
    if (!item) return
    let at = start
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      const right = child + 1
      if (right < items.length && isBefore(items[right] as Ranked, items[child] as Ranked)) child = right
      if (!isBefore(items[child] as Ranked, item)) break
      items[at] = items[child] as Ranked
      at = child
    }
    items[at] = item
  }
}

/** Key order is that of JavaScript's `<`: by UTF-16 code unit, which is not the order of the keys' UTF-8 bytes. */
function isBefore(a: Ranked, b: Ranked): boolean {
  const [aKey, bKey] = [a.source.key, b.source.key]
  return aKey === bKey ? a.rank < b.rank : aKey < bKey
}
