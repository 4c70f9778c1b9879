import { byCodeUnit, countWhile } from '../key-order.js'

export interface Keyed {
  readonly key: string
}

/** So many added items are sorted at a time. */
const RUN_KEYS = 1024
/** So many runs of one size are merged into a longer one. */
const MERGED_RUNS = 8
/** Longer runs are not merged any more: a merge takes a few milliseconds at most. */
const MAX_MERGED_KEYS = 32 * RUN_KEYS

/**
 * Keys in order, without ever sorting all of them at once: that would block the process for hundreds of milliseconds.
 * New keys are sorted in short runs, and runs are merged into longer ones up to a limit, as in a log-structured merge
 * tree (O'Neil et al., 1996). A cursor merges the runs that are left.
 */
export class SortedKeys<T extends Keyed> {
  /** The longest first. */
  #runs: T[][] = []
  #added: T[] = []
  #unsorted: T[][] = []

  /** The same key may be added again; a cursor visits it once. `isLater`: do not sort now. */
  add(item: T, isLater = false): void {
    this.#added.push(item)
    if (this.#added.length < RUN_KEYS) return
    this.#unsorted.push(this.#added)
    this.#added = []
    if (isLater) return
    // This run, and one of those that were put off.
    this.sortSome()
    this.sortSome()
  }

  /** Removes the item if it was added last. A cursor may still visit it otherwise. */
  undoAdd(item: T): void {
    if (this.#added.at(-1) === item) this.#added.pop()
  }

  /** Sorts one of the runs that were put off; false if there is none. */
  sortSome(): boolean {
    const run = this.#unsorted.pop()
    if (!run) return false
    this.#runs.push(run.sort(byKey))
    this.#mergeEqual()
    return true
  }

  /** A cursor at the first key that is not before `from`. It does not visit keys that are added later. */
  from(from: string): SortedCursor<T> {
    this.#sortAll()
    return new SortedCursor(this.#runs, from)
  }

  #sortAll(): void {
    if (this.#added.length) this.#unsorted.push(this.#added)
    this.#added = []
    while (this.sortSome()) {
      // Until all are sorted.
    }
  }

  /** Merges the last runs while they have about the same length. */
  #mergeEqual(): void {
    const runs = this.#runs
    for (;;) {
      const last = runs.slice(-MERGED_RUNS)
      const total = last.reduce((sum, run) => sum + run.length, 0)
      const [first] = last
      if (first === undefined || last.length < MERGED_RUNS || total > MAX_MERGED_KEYS) return
      // A longer run is the result of a merge, and waits for others of its own length.
      if (first.length > 2 * (last.at(-1) as T[]).length && first.length > RUN_KEYS) return
      runs.length -= MERGED_RUNS
      runs.push(mergeAll(last))
    }
  }
}

function mergeAll<T extends Keyed>(runs: readonly T[][]): T[] {
  let merged = [...runs]
  while (merged.length > 1) {
    const pairs: T[][] = []
    for (let at = 0; at < merged.length; at += 2) {
      const [one, other] = [merged[at] as T[], merged[at + 1]]
      pairs.push(other ? merge(one, other) : one)
    }
    merged = pairs
  }
  return merged[0] as T[]
}

function merge<T extends Keyed>(one: readonly T[], other: readonly T[]): T[] {
  const merged: T[] = []
  let [at, next] = [0, 0]
  while (at < one.length && next < other.length) {
    const [a, b] = [one[at] as T, other[next] as T]
    if (a.key < b.key) {
      merged.push(a)
      at++
    } else {
      merged.push(b)
      next++
    }
  }
  while (at < one.length) merged.push(one[at++] as T)
  while (next < other.length) merged.push(other[next++] as T)
  return merged
}

/** A position in one run. */
interface RunPosition<T> {
  readonly run: readonly T[]
  at: number
  key: string
}

/** Visits the keys of several sorted runs in order: the run with the smallest next key is on top of a heap. */
export class SortedCursor<T extends Keyed> {
  #heap: RunPosition<T>[] = []
  readonly #runs: readonly (readonly T[])[]
  /** Undefined at the end. */
  key: string | undefined

  constructor(runs: readonly (readonly T[])[], from: string) {
    // A copy of the list: runs are replaced, but never changed.
    this.#runs = runs.slice()
    this.seek(from)
  }

  /** The item of the key, or one of them if the key was added more than once. */
  get item(): T | undefined {
    const top = this.#heap[0]
    return top?.run[top.at]
  }

  seek(from: string): void {
    this.#heap = []
    for (const run of this.#runs) {
      const at = countWhile(run.length, (index) => (run[index] as T).key < from)
      if (at < run.length) this.#heap.push({ run, at, key: (run[at] as T).key })
    }
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at)
    this.key = this.#heap[0]?.key
  }

  /** Moves to the next different key. */
  advance(): void {
    const heap = this.#heap
    for (let top = heap[0]; top !== undefined && top.key === this.key; top = heap[0]) {
      top.at++
      if (top.at < top.run.length) top.key = (top.run[top.at] as T).key
      else {
        const last = heap.pop() as RunPosition<T>
        if (heap.length) heap[0] = last
      }
      if (heap.length > 1) this.#sink(0)
    }
    this.key = heap[0]?.key
  }

  #sink(from: number): void {
    const heap = this.#heap
    const sinking = heap[from] as RunPosition<T>
    let at = from
    for (;;) {
      const left = 2 * at + 1
      let child = heap[left]
      if (child === undefined) break
      let place = left
      const right = heap[left + 1]
      if (right !== undefined && right.key < child.key) {
        child = right
        place = left + 1
      }
      if (sinking.key <= child.key) break
      heap[at] = child
      at = place
    }
    heap[at] = sinking
  }
}

function byKey(a: Keyed, b: Keyed): number {
  return byCodeUnit(a.key, b.key)
}
