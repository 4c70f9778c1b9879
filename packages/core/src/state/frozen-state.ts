import type { SpelledPair } from '../format/record.js'
import type { Checkpoint } from './checkpoint/checkpoint.js'
import { Part } from './checkpoint/parts.js'
import { countWhile } from './key-order.js'
import { clearedPrefixes, isLive, type Layers, TailsWalk } from './layers.js'
import type { KeyRangeQuery, PublishedCheckpoint, StatePiece, StateValue } from './types.js'

/** Pieces have at most about this size, so that a compaction can pause after each. */
const PIECE_PAIRS = 128
const PIECE_BYTES = 64 * 1024

/** Comes after work that makes no pairs, such as sorting. It counts as four pieces, so that a compaction pauses soon. */
const NO_PAIRS: StatePiece = { kind: 'pairs', pairs: [], bytes: 4 * PIECE_BYTES }

/** The layers that a compaction makes a checkpoint of, while writes go to a newer tail. */
export class FrozenState {
  constructor(readonly layers: Layers) {}

  /** About how many bytes a checkpoint of it has, rarely fewer. */
  get stateBytes(): number {
    return this.layers.stateBytes
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    return this.layers.page(query, limit, nowMs)
  }

  /**
   * The next checkpoint, piece by piece, without keys that have expired. A part is copied as it is if no record has
   * touched it and `takesPart` accepts its length; others are merged with the tails, key by key.
   */
  *pieces(nowMs: number, takesPart: (bytes: number) => boolean): Generator<StatePiece> {
    const { tails, checkpoint } = this.layers
    // Records that were replayed at opening have not been sorted yet.
    for (const tail of tails) while (tail.sortSome()) yield NO_PAIRS
    const walk = new TailsWalk(tails, '')
    const cleared = new ClearedRanges(this.layers)
    for (let at = 0; at < checkpoint.partCount; ) {
      const part = checkpoint.partAt(at) as Part
      const end = checkpoint.endOf(at)
      const isNamed = walk.key !== undefined && (end === undefined || walk.key < end)
      const isCleared = cleared.mayTouch(part.firstKey, end)
      const isExpiring = part.minExpires !== null && part.minExpires <= nowMs
      if (!isNamed && !isCleared && !isExpiring && !part.state && takesPart(part.bytes)) {
        yield { kind: 'part', part, line: checkpoint.lineOf(at) }
      } else {
        const isAllCleared = isCleared && cleared.coverAll(part.firstKey, end)
        const isExpired = part.maxExpires !== null && part.maxExpires <= nowMs
        const pairs = isAllCleared || isExpired ? [] : checkpoint.pairsOf(at)
        yield* mergePart(this.layers, pairs, walk, end, nowMs)
      }
      // The generator may have been paused while parts were healed, perhaps to nothing: look for the next one by its key.
      at = end === undefined ? checkpoint.partCount : checkpoint.partFrom(end)
    }
    yield* mergePart(this.layers, [], walk, undefined, nowMs)
  }

  /** The checkpoint that was written of it. Copied parts keep what is known of them. */
  followedBy({ file, parts, inlineState }: PublishedCheckpoint): Checkpoint {
    const next = parts.map((part) => {
      const { origin } = part
      // Damage that was found after the part was copied is in the old file only.
      if (!(origin instanceof Part) || origin.isDamaged || origin.isGone) return new Part(part)
      origin.offset = part.offset
      return origin
    })
    if (inlineState.length) next.push(Part.inMemory(inlineState))
    return this.layers.checkpoint.followedBy(file, next)
  }

  /** After `State.settle`: removes values from the cache that are no longer part of the state, in small steps. */
  *release(): Generator<void> {
    const { tails, checkpoint } = this.layers
    for (const tail of tails) yield* tail.release()
    yield* checkpoint.release()
  }
}

/** Merges a part's pairs with the keys of the tails before `end`, which is undefined after the last part. */
function* mergePart(
  layers: Layers,
  stored: readonly SpelledPair[],
  walk: TailsWalk,
  end: string | undefined,
  nowMs: number,
): Generator<StatePiece> {
  let pairs: SpelledPair[] = []
  let bytes = 0
  let next = 0
  const isBeforeEnd = () => walk.key !== undefined && (end === undefined || walk.key < end)
  for (let isNamed = isBeforeEnd(); isNamed || next < stored.length; ) {
    const pair = stored[next]
    let merged: SpelledPair | undefined
    if (pair && !(isNamed && (walk.key as string) <= pair.key)) {
      next++
      if (isLive(pair, nowMs) && layers.clearedPrefixOf(pair.key) === undefined) merged = pair
    } else {
      if (pair?.key === walk.key) next++
      merged = walk.isLive(nowMs) ? walk.spelled() : undefined
      walk.advance()
      isNamed = isBeforeEnd()
    }
    if (!merged) continue
    pairs.push(merged)
    bytes += merged.bytes
    if (pairs.length < PIECE_PAIRS && bytes < PIECE_BYTES) continue
    yield { kind: 'pairs', pairs, bytes }
    pairs = []
    bytes = 0
  }
  if (pairs.length) yield { kind: 'pairs', pairs, bytes }
}

/** Which ranges of keys the tails have cleared. */
class ClearedRanges {
  readonly #prefixes: readonly string[]

  constructor(private readonly layers: Layers) {
    this.#prefixes = clearedPrefixes(layers.tails)
  }

  /** False if no key from `from` to before `end` is cleared. */
  mayTouch(from: string, end: string | undefined): boolean {
    const prefixes = this.#prefixes
    if (prefixes.length === 0) return false
    if (this.layers.clearedPrefixOf(from) !== undefined) return true
    const next = prefixes[countWhile(prefixes.length, (at) => (prefixes[at] as string) < from)]
    return next !== undefined && (end === undefined || next < end)
  }

  /** True if all of these keys are certainly cleared. */
  coverAll(from: string, end: string | undefined): boolean {
    const prefix = this.layers.clearedPrefixOf(from)
    return prefix !== undefined && (prefix === '' || end?.startsWith(prefix) === true)
  }
}
