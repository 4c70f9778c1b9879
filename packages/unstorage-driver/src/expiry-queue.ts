interface Entry {
  readonly key: string
  readonly atMs: number
}

/** Keys ordered by expiry time, the earliest first, in a binary heap. It keeps outdated entries; the caller checks them. */
export class ExpiryQueue {
  readonly #heap: Entry[] = []

  get size(): number {
    return this.#heap.length
  }

  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  clear(): void {
    this.#heap.length = 0
  }

  add(key: string, atMs: number): void {
    const heap = this.#heap
    let position = heap.length
    heap.push({ key, atMs })
    while (position > 0) {
      const parent = (position - 1) >> 1
      if (this.#at(parent) <= atMs) return
      this.#swap(position, parent)
      position = parent
    }
  }

  /** Removes and returns the first entry if it is due. */
  takeDue(nowMs: number): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.atMs > nowMs) return undefined
    const last = heap.pop() as Entry
    if (heap.length === 0) return first
    heap[0] = last
    for (let position = 0; ; ) {
      const left = 2 * position + 1
      if (left >= heap.length) return first
      const child = left + 1 < heap.length && this.#at(left + 1) < this.#at(left) ? left + 1 : left
      if (this.#at(position) <= this.#at(child)) return first
      this.#swap(position, child)
      position = child
    }
  }

  #at(position: number): number {
    return (this.#heap[position] as Entry).atMs
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap
    const entry = heap[one] as Entry
    heap[one] = heap[other] as Entry
    heap[other] = entry
  }
}
