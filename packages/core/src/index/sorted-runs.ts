/**
 * The keys of a tail in order, without ever sorting all of them at once: that would hold everybody up for hundreds of
 * milliseconds. Every so many keys are sorted as a run of their own, and runs of one size are merged into a longer one
 * up to a limit, as in a log-structured merge tree (O'Neil et al., 1996). What is left is merged by whoever walks.
 */
const RUN_KEYS = 1024
const MERGED_RUNS = 8
/** Longer runs are not merged any more: what is merged at a time stays a matter of a few milliseconds. */
const MAX_MERGED_KEYS = 32 * RUN_KEYS

export class SortedRuns {
  /** The longest first. */
  #runs: string[][] = []
  #added: string[] = []
  /** Runs that are yet to be sorted. */
  #unsorted: string[][] = []

  /** The same key may be added again, and comes once. `isLater`: sorting can wait, as whoever adds is in a hurry. */
  add(key: string, isLater = false): void {
    this.#added.push(key)
    if (this.#added.length < RUN_KEYS) return
    this.#unsorted.push(this.#added)
    this.#added = []
    if (!isLater) this.#sortOne()
  }

  /** The key that was added last is not to come after all. One that is sorted already comes. */
  takeBack(key: string): void {
    if (this.#added.at(-1) === key) this.#added.pop()
  }

  #sortOne(): void {
    const run = this.#unsorted.pop()
    if (!run) return
    this.#runs.push(run.sort(byCodeUnit))
    this.#mergeEqual()
  }

  /** The keys from the first that is not before `from`. Keys added meanwhile do not come. */
  from(from: string): SortedCursor {
    this.#endRun()
    return new SortedCursor(this.#runs, from)
  }

  #endRun(): void {
    if (this.#added.length) this.#unsorted.push(this.#added)
    this.#added = []
    while (this.#unsorted.length) this.#sortOne()
  }

  /** As long as the last few runs are about as long as each other. */
  #mergeEqual(): void {
    const runs = this.#runs
    for (;;) {
      const last = runs.slice(-MERGED_RUNS)
      const total = last.reduce((sum, run) => sum + run.length, 0)
      const [first] = last
      if (first === undefined || last.length < MERGED_RUNS || total > MAX_MERGED_KEYS) return
      // A longer one ahead of them has been merged already, and waits for others of its own length.
      if (first.length > 2 * (last.at(-1) as string[]).length && first.length > RUN_KEYS) return
      runs.length -= MERGED_RUNS
      runs.push(mergeAll(last))
    }
  }
}

function mergeAll(runs: readonly string[][]): string[] {
  let merged = [...runs]
  while (merged.length > 1) {
    const pairs: string[][] = []
    for (let at = 0; at < merged.length; at += 2) {
      const [one, other] = [merged[at] as string[], merged[at + 1]]
      pairs.push(other ? merge(one, other) : one)
    }
    merged = pairs
  }
  return merged[0] as string[]
}

function merge(one: readonly string[], other: readonly string[]): string[] {
  const merged: string[] = []
  let [at, next] = [0, 0]
  while (at < one.length && next < other.length) {
    const [a, b] = [one[at] as string, other[next] as string]
    if (a === b) next++
    else merged.push(a < b ? (one[at++] as string) : (other[next++] as string))
  }
  while (at < one.length) merged.push(one[at++] as string)
  while (next < other.length) merged.push(other[next++] as string)
  return merged
}

/** Walks over several sorted runs at once: the run with the smallest next key is at the top of a heap. */
export class SortedCursor {
  #heap: { readonly run: readonly string[]; at: number }[] = []
  readonly #runs: readonly (readonly string[])[]
  key: string | undefined

  constructor(runs: readonly (readonly string[])[], from: string) {
    // Runs are replaced and not changed, but their list is changed.
    this.#runs = runs.slice()
    this.seek(from)
  }

  seek(from: string): void {
    this.#heap = []
    for (const run of this.#runs) {
      const at = firstNotBefore(run, from)
      if (at < run.length) this.#heap.push({ run, at })
    }
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at)
    this.key = this.#first()
  }

  /** To the next key that is another one. */
  advance(): void {
    const before = this.key
    while (this.#heap.length && this.#first() === before) {
      const top = this.#heap[0] as { run: readonly string[]; at: number }
      top.at++
      if (top.at === top.run.length) {
        const last = this.#heap.pop() as typeof top
        if (this.#heap.length) this.#heap[0] = last
      }
      this.#sink(0)
    }
    this.key = this.#first()
  }

  #first(): string | undefined {
    const top = this.#heap[0]
    return top?.run[top.at]
  }

  #sink(from: number): void {
    const heap = this.#heap
    const keyOf = (at: number) => heap[at]?.run[heap[at]?.at as number] as string
    for (let at = from; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return
      const child = left + 1 < heap.length && keyOf(left + 1) < keyOf(left) ? left + 1 : left
      if (keyOf(at) <= keyOf(child)) return
      const moved = heap[at] as (typeof heap)[number]
      heap[at] = heap[child] as (typeof heap)[number]
      heap[child] = moved
      at = child
    }
  }
}

function firstNotBefore(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The first key behind all that start with the prefix; undefined where there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix.charCodeAt(length - 1)
    if (last < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(last + 1)
  }
  return undefined
}
