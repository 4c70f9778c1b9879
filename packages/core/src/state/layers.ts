import type { SpelledPair } from '../format/record.js'
import type { Checkpoint } from './checkpoint/checkpoint.js'
import { CheckpointCursor } from './checkpoint/cursor.js'
import { byCodeUnit, endOfPrefix } from './key-order.js'
import type { SortedCursor } from './tail/sorted-keys.js'
import type { Tail } from './tail/tail.js'
import { type KeyState, type TailKey, type TailValue, TOMBSTONE } from './tail/tail-values.js'
import type { KeyRangeQuery, StateValue } from './types.js'

export function isLive({ expires }: { readonly expires?: number | undefined }, nowMs: number): boolean {
  return expires === undefined || expires > nowMs
}

/** A page of values ends with the one that makes it this long. */
const PAGE_CHARACTERS = 256 * 1024

/** The layers of a state at one moment. The first that names a key, or has cleared it, decides. */
export class Layers {
  constructor(
    /** At least one, the newest first. */
    readonly tails: readonly Tail[],
    readonly checkpoint: Checkpoint,
  ) {}

  /** About how many bytes a checkpoint of the layers has, rarely fewer. */
  get stateBytes(): number {
    return this.tails.reduce((bytes, tail) => bytes + tail.stateBytes, this.checkpoint.bytes)
  }

  get(key: string, nowMs: number): StateValue | undefined {
    return this.#find(key, nowMs, true) as StateValue | undefined
  }

  /** As `get`, but does not read the value if a tail has it. */
  has(key: string, nowMs: number): boolean {
    return this.#find(key, nowMs, false) !== undefined
  }

  /** A value of a tail comes without its text unless `isRead`. */
  #find(key: string, nowMs: number, isRead: boolean): StateValue | TailValue | undefined {
    for (const tail of this.tails) {
      if (tail.isEmpty) continue
      const state = tail.get(key)
      if (state === undefined) continue
      if (state === TOMBSTONE || !isLive(state, nowMs)) return undefined
      return isRead ? tail.valueOf(key, state, true) : state
    }
    const value = this.checkpoint.get(key)
    return value !== undefined && isLive(value, nowMs) ? value : undefined
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    const page: [string, StateValue][] = []
    const walk = new LayersWalk(this, query, nowMs)
    // A page of many long values could be more than there is memory for.
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

  /** The prefix by which a tail has cleared the key in the checkpoint, or undefined if none has. */
  clearedPrefixOf(key: string): string | undefined {
    for (const { cleared } of this.tails) {
      const prefix = cleared.covering(key)
      if (prefix !== undefined) return prefix
    }
    return undefined
  }
}

/** All prefixes that the tails have cleared, in order. */
export function clearedPrefixes(tails: readonly Tail[]): string[] {
  return tails.flatMap(({ cleared }) => [...cleared]).sort(byCodeUnit)
}

/** Merges the keys that tails name, in order, each with its newest state. */
export class TailsWalk {
  readonly #tails: readonly Tail[]
  readonly #cursors: readonly SortedCursor<TailKey>[]
  /** Undefined at the end. */
  key: string | undefined
  /** The newest tail that names the key, and its state there. */
  #tail!: Tail
  #state!: KeyState

  constructor(tails: readonly Tail[], from: string) {
    this.#tails = tails.filter((tail) => !tail.isEmpty)
    this.#cursors = this.#tails.map((tail) => tail.cursor(from))
    this.#settle()
  }

  advance(): void {
    this.#pass(this.key as string)
    this.#settle()
  }

  /** False if the key was deleted or cleared, or has expired. */
  isLive(nowMs: number): boolean {
    return this.#state !== TOMBSTONE && isLive(this.#state, nowMs)
  }

  /** The value of the key, which must be live. */
  value(): StateValue {
    return this.#tail.valueOf(this.key as string, this.#state as TailValue, false)
  }

  /** The pair of the key, which must be live, as a part spells it. */
  spelled(): SpelledPair {
    return this.#tail.spell(this.key as string, this.#state as TailValue)
  }

  #settle(): void {
    for (;;) {
      let first: string | undefined
      for (const { key } of this.#cursors) if (key !== undefined && (first === undefined || key < first)) first = key
      this.key = first
      // After its record was undone, a key has no state: the checkpoint decides.
      if (first === undefined || this.#findState(first)) return
      this.#pass(first)
    }
  }

  #pass(key: string): void {
    for (const cursor of this.#cursors) if (cursor.key === key) cursor.advance()
  }

  #findState(key: string): boolean {
    for (let at = 0; at < this.#tails.length; at++) {
      const tail = this.#tails[at] as Tail
      const cursor = this.#cursors[at] as SortedCursor<TailKey>
      const state = cursor.key === key ? tail.stateAt(cursor) : tail.get(key)
      if (state === undefined) continue
      this.#tail = tail
      this.#state = state
      return true
    }
    return false
  }
}

/** Merges the keys of all layers in order, without those that are deleted, cleared or expired. */
class LayersWalk {
  readonly #tails: TailsWalk
  readonly #checkpoint: CheckpointCursor
  readonly #prefix: string
  #isInTails = false
  #isStarted = false
  key = ''

  constructor(
    private readonly layers: Layers,
    { prefix, after }: KeyRangeQuery,
    private readonly nowMs: number,
  ) {
    const from = after !== undefined && after >= prefix ? `${after}\0` : prefix
    this.#prefix = prefix
    this.#tails = new TailsWalk(layers.tails, from)
    this.#checkpoint = new CheckpointCursor(layers.checkpoint, from)
    this.#skipCleared()
  }

  value(): StateValue {
    return this.#isInTails ? this.#tails.value() : this.#checkpoint.value()
  }

  /** Moves to the next key; false if there is none. It is read only now, because it may be unreadable. */
  next(): boolean {
    const tails = this.#tails
    const checkpoint = this.#checkpoint
    if (this.#isStarted) this.#pass()
    this.#isStarted = true
    for (;;) {
      const isInTails = tails.key !== undefined && (checkpoint.key === undefined || tails.key <= checkpoint.key)
      const key = isInTails ? tails.key : checkpoint.key
      if (key === undefined || !key.startsWith(this.#prefix)) return false
      this.key = key
      this.#isInTails = isInTails
      if (isInTails ? tails.isLive(this.nowMs) : isLive(checkpoint, this.nowMs)) return true
      this.#pass()
    }
  }

  #pass(): void {
    if (this.#isInTails) this.#tails.advance()
    if (this.#checkpoint.key !== this.key) return
    this.#checkpoint.advance()
    this.#skipCleared()
  }

  /** Skips a cleared prefix as a whole: it may cover all keys. */
  #skipCleared(): void {
    const checkpoint = this.#checkpoint
    while (checkpoint.key !== undefined) {
      const prefix = this.layers.clearedPrefixOf(checkpoint.key)
      if (prefix === undefined) return
      const end = endOfPrefix(prefix)
      if (end === undefined) checkpoint.toEnd()
      else checkpoint.seek(end)
    }
  }
}
