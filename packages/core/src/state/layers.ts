import type { Checkpoint } from './checkpoint/checkpoint.js'
import { CheckpointCursor } from './checkpoint/cursor.js'
import { endOfPrefix } from './key-order.js'
import type { SortedCursor } from './tail/sorted-keys.js'
import type { Tail } from './tail/tail.js'
import { type TailKey, type TailValue, TOMBSTONE } from './tail/tail-values.js'
import type { KeyRangeQuery, StateValue } from './types.js'

export function isThere({ expires }: { readonly expires?: number | undefined }, nowMs: number): boolean {
  return expires === undefined || expires > nowMs
}

/** A page of values ends behind the one that makes it so long. */
const PAGE_CHARACTERS = 256 * 1024

/** The layers at one moment, the newest first: the first that names a key, or has cleared it, decides. */
export class Layers {
  constructor(
    /** At least one. */
    readonly tails: readonly Tail[],
    readonly checkpoint: Checkpoint,
  ) {}

  get(key: string, nowMs: number): StateValue | undefined {
    for (const layer of this.tails) {
      if (layer.isEmpty) continue
      const value = layer.get(key)
      if (value === undefined) continue
      return value !== TOMBSTONE && isThere(value, nowMs) ? layer.valueOf(key, value, true) : undefined
    }
    const value = this.checkpoint.get(key)
    return value !== undefined && isThere(value, nowMs) ? value : undefined
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    const page: [string, StateValue][] = []
    const walk = new LayersWalk(this, query, nowMs)
    // Values may be long, and a page of many long ones would be more than there is memory for.
    for (let characters = 0; page.length < limit && characters < PAGE_CHARACTERS && walk.next(); ) {
      const value = walk.value()
      characters += value.text.length
      page.push([walk.key, value])
    }
    return page
  }

  pageOfKeys(query: KeyRangeQuery, limit: number, nowMs: number): string[] {
    const page: string[] = []
    const walk = new LayersWalk(this, query, nowMs)
    while (page.length < limit && walk.next()) page.push(walk.key)
    return page
  }
}

/** Merges the layers' keys in order, and passes over those that are not there. */
export class LayersWalk {
  readonly #tails: readonly { readonly layer: Tail; readonly cursor: SortedCursor<TailKey> }[]
  readonly #checkpoint: CheckpointCursor
  readonly #prefix: string
  /** Where the present key was found, and its value if that is a tail. */
  #foundIn: Tail | CheckpointCursor | undefined
  #found: TailValue | undefined
  key = ''

  constructor(
    layers: Layers,
    { prefix, after }: KeyRangeQuery,
    private readonly nowMs: number,
  ) {
    const from = after !== undefined && after >= prefix ? `${after}\0` : prefix
    this.#prefix = prefix
    const tails = layers.tails.filter((layer) => !layer.isEmpty)
    this.#tails = tails.map((layer) => ({ layer, cursor: layer.cursor(from) }))
    this.#checkpoint = new CheckpointCursor(layers.checkpoint, from)
    this.#passOverCleared()
  }

  /** The value of the present key. */
  value(): StateValue {
    const from = this.#foundIn as Tail | CheckpointCursor
    return from instanceof CheckpointCursor ? from.value() : from.valueOf(this.key, this.#found as TailValue, false)
  }

  /** To the next key that is there; false when there is none. */
  next(): boolean {
    if (this.#foundIn) this.#pass(this.key)
    for (;;) {
      const key = this.#first()
      if (key === undefined || !key.startsWith(this.#prefix)) return false
      this.#foundIn = this.#find(key)
      if (this.#foundIn) {
        this.key = key
        return true
      }
      this.#pass(key)
    }
  }

  #first(): string | undefined {
    let first = this.#checkpoint.key
    for (const { cursor } of this.#tails) {
      if (cursor.key !== undefined && (first === undefined || cursor.key < first)) first = cursor.key
    }
    return first
  }

  #pass(key: string): void {
    for (const { cursor } of this.#tails) if (cursor.key === key) cursor.advance()
    if (this.#checkpoint.key !== key) return
    this.#checkpoint.advance()
    this.#passOverCleared()
  }

  /** What a tail has cleared is not looked at key by key: it may be all that there is. */
  #passOverCleared(): void {
    for (;;) {
      const { key } = this.#checkpoint
      if (key === undefined) return
      let covering: string | undefined
      for (const { layer } of this.#tails) covering ??= layer.cleared.covering(key)
      if (covering === undefined) return
      const end = endOfPrefix(covering)
      if (end === undefined) this.#checkpoint.toEnd()
      else this.#checkpoint.seek(end)
    }
  }

  #find(key: string): Tail | CheckpointCursor | undefined {
    for (const { layer } of this.#tails) {
      const value = layer.get(key)
      if (value === undefined) continue
      if (value === TOMBSTONE || !isThere(value, this.nowMs)) return undefined
      this.#found = value
      return layer
    }
    const checkpoint = this.#checkpoint
    return checkpoint.key === key && isThere(checkpoint, this.nowMs) ? checkpoint : undefined
  }
}
