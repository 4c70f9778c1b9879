import type { IndexedValue } from './key-index.js'
import { isThere } from './layers.js'
import type { SortedCursor } from './sorted-runs.js'
import { TOMBSTONE } from './tail-entry.js'
import type { TailLayer } from './tail-layer.js'

/** The keys that tails name, in order, and what the newest of them says of each. */
export class TailsWalk {
  readonly #cursors: readonly SortedCursor[]
  key: string | undefined

  constructor(private readonly tails: readonly TailLayer[]) {
    this.#cursors = tails.map((layer) => layer.cursor(''))
    this.#settle()
  }

  advance(): void {
    const { key } = this
    for (const cursor of this.#cursors) if (cursor.key === key) cursor.advance()
    this.#settle()
  }

  /** The value of the present key; undefined where it is deleted, cleared or expired. */
  value(nowMs: number): IndexedValue | undefined {
    const key = this.key as string
    for (const layer of this.tails) {
      const value = layer.get(key)
      if (value === undefined) continue
      return value !== TOMBSTONE && isThere(value, nowMs) ? layer.valueOf(key, value, false) : undefined
    }
    return undefined
  }

  /** Whether a key of the checkpoint is named or cleared by a tail. */
  hides(key: string): boolean {
    return this.tails.some((layer) => layer.get(key) !== undefined)
  }

  #settle(): void {
    for (;;) {
      let first: string | undefined
      for (const { key } of this.#cursors) if (key !== undefined && (first === undefined || key < first)) first = key
      this.key = first
      // A key whose record was taken back is named no more; what the checkpoint has of it counts.
      if (first === undefined || this.hides(first)) return
      for (const cursor of this.#cursors) if (cursor.key === first) cursor.advance()
    }
  }
}
