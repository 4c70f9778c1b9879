import type { SpelledPair } from '../format/record.js'
import { isThere } from './layers.js'
import type { SortedCursor } from './tail/sorted-keys.js'
import type { Tail } from './tail/tail.js'
import { type KeyState, type TailKey, TOMBSTONE } from './tail/tail-values.js'

/** The keys that tails name, in order, and what the newest of them says of each. */
export class TailsWalk {
  readonly #cursors: readonly SortedCursor<TailKey>[]
  key: string | undefined
  #layer!: Tail
  #value: KeyState | undefined

  constructor(private readonly tails: readonly Tail[]) {
    this.#cursors = tails.map((layer) => layer.cursor(''))
    this.#settle()
  }

  advance(): void {
    const { key } = this
    for (const cursor of this.#cursors) if (cursor.key === key) cursor.advance()
    this.#settle()
  }

  /** The present key as it is spelled in a part; undefined where it is deleted, cleared or expired. */
  spell(nowMs: number): SpelledPair | undefined {
    const value = this.#value
    if (value === undefined || value === TOMBSTONE || !isThere(value, nowMs)) return undefined
    return this.#layer.spell(this.key as string, value)
  }

  /** Whether a tail has cleared a key, which none of them names. */
  hides(key: string): boolean {
    for (const { cleared } of this.tails) if (cleared.size > 0 && cleared.lastFor(key) !== -1) return true
    return false
  }

  #settle(): void {
    for (;;) {
      let first: string | undefined
      for (const { key } of this.#cursors) if (key !== undefined && (first === undefined || key < first)) first = key
      this.key = first
      // A key whose record was taken back is named no more; what the checkpoint has of it counts.
      if (first === undefined || this.#resolve(first)) return
      for (const cursor of this.#cursors) if (cursor.key === first) cursor.advance()
    }
  }

  #resolve(key: string): boolean {
    for (let at = 0; at < this.tails.length; at++) {
      const layer = this.tails[at] as Tail
      const cursor = this.#cursors[at] as SortedCursor<TailKey>
      const value = cursor.key === key ? layer.stateAt(cursor) : layer.get(key)
      if (value === undefined) continue
      this.#layer = layer
      this.#value = value
      return true
    }
    return false
  }
}
