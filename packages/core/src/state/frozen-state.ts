import type { SpelledPair } from '../format/record.js'
import type { Checkpoint } from './checkpoint/checkpoint.js'
import { Part } from './checkpoint/parts.js'
import { countWhile } from './key-order.js'
import { clearedPrefixes, isLive, type Layers, TailsWalk } from './layers.js'
import type { KeyRangeQuery, PublishedCheckpoint, StatePiece, StateValue } from './types.js'

/** So much is handed on at a time. */
const PIECE_PAIRS = 128
const PIECE_BYTES = 64 * 1024

/** Nothing to be written, for which it took as long as for a piece. */
const NO_PAIRS: StatePiece = { pairs: [], bytes: 4 * PIECE_BYTES }

/** What a compaction works on while others write on. */
export class FrozenState {
  constructor(readonly layers: Layers) {}

  get stateBytes(): number {
    return this.layers.stateBytes
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    return this.layers.page(query, limit, nowMs)
  }

  /** A streaming merge: parts that nothing has touched are handed on as they are, the others are taken apart. */
  *pieces(nowMs: number, takesPart: (bytes: number) => boolean): Generator<StatePiece> {
    const { tails, checkpoint } = this.layers
    // Records that were read at opening have not been sorted yet. Whoever asks for pieces may pause between them.
    for (const tail of tails) while (tail.sortSome()) yield NO_PAIRS
    const walk = new TailsWalk(tails, '')
    const cleared = new ClearedRanges(this.layers)
    for (let at = 0; at < checkpoint.partCount; ) {
      const part = checkpoint.partAt(at) as Part
      const end = checkpoint.endOf(at)
      const isNamed = walk.key !== undefined && (end === undefined || walk.key < end)
      const isCleared = cleared.touch(part.firstKey, end)
      const isAlive = part.minExpires === null || part.minExpires > nowMs
      if (!isNamed && !isCleared && isAlive && !part.state && takesPart(part.bytes)) {
        yield { part, line: checkpoint.lineOf(at) }
      } else {
        const isAllCleared = isCleared && cleared.cover(part.firstKey, end)
        const isDead = part.maxExpires !== null && part.maxExpires <= nowMs
        const state = isAllCleared || isDead ? [] : checkpoint.spelledOf(at)
        yield* mergePart(this.layers, state, walk, end, nowMs)
      }
      // Meanwhile parts may have been healed, perhaps to nothing: then the next one is not at the next place.
      at = end === undefined ? checkpoint.partCount : checkpoint.partFrom(end)
    }
    yield* mergePart(this.layers, [], walk, undefined, nowMs)
  }

  /** The checkpoint that was written of it. Parts that were copied as they are stay known. */
  followedBy({ file, parts, inlineState }: PublishedCheckpoint): Checkpoint {
    const next = parts.map((part) => {
      const { origin } = part
      // What was found of a part since it was copied is true of the old file alone.
      if (!(origin instanceof Part) || origin.isDamaged || origin.isGone) return new Part(part)
      origin.offset = part.offset
      return origin
    })
    if (inlineState.length) next.push(Part.inMemory(inlineState))
    return this.layers.checkpoint.followedBy(file, next)
  }

  /** After `State.settle`: values that only the frozen state had leave the cache, in small steps. */
  *release(): Generator<void> {
    const { tails, checkpoint } = this.layers
    for (const tail of tails) yield* tail.release()
    yield* checkpoint.release()
  }
}

/** One part's pairs and what the tails say of the keys up to `end`, which is undefined behind the last part. */
function* mergePart(
  layers: Layers,
  state: readonly SpelledPair[],
  walk: TailsWalk,
  end: string | undefined,
  nowMs: number,
): Generator<StatePiece> {
  let pairs: SpelledPair[] = []
  let bytes = 0
  let next = 0
  const isBefore = () => walk.key !== undefined && (end === undefined || walk.key < end)
  for (let isNamed = isBefore(); isNamed || next < state.length; ) {
    const pair = state[next]
    let merged: SpelledPair | undefined
    if (pair && !(isNamed && (walk.key as string) <= pair.key)) {
      next++
      if (isLive(pair, nowMs) && layers.clearedPrefixOf(pair.key) === undefined) merged = pair
    } else {
      if (pair?.key === walk.key) next++
      merged = walk.isLive(nowMs) ? walk.spelled() : undefined
      walk.advance()
      isNamed = isBefore()
    }
    if (!merged) continue
    pairs.push(merged)
    bytes += merged.bytes
    if (pairs.length < PIECE_PAIRS && bytes < PIECE_BYTES) continue
    yield { pairs, bytes }
    pairs = []
    bytes = 0
  }
  if (pairs.length) yield { pairs, bytes }
}

/** Which stretches of keys the tails have cleared. */
class ClearedRanges {
  readonly #prefixes: readonly string[]

  constructor(private readonly layers: Layers) {
    this.#prefixes = clearedPrefixes(layers.tails)
  }

  /** Whether a key from `from` to before `end` may be cleared. */
  touch(from: string, end: string | undefined): boolean {
    if (this.#prefixes.length === 0) return false
    if (this.layers.clearedPrefixOf(from) !== undefined) return true
    const prefixes = this.#prefixes
    const next = prefixes[countWhile(prefixes.length, (at) => (prefixes[at] as string) < from)]
    return next !== undefined && (end === undefined || next < end)
  }

  /** Whether all of them certainly are. */
  cover(from: string, end: string | undefined): boolean {
    const prefix = this.layers.clearedPrefixOf(from)
    return prefix !== undefined && (prefix === '' || end?.startsWith(prefix) === true)
  }
}
