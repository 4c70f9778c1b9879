import type { PlainRecord } from '../format/decode-fast.js'
import { DecodedParts, type PartTable } from '../format/index-line.js'
import type { LogRecord, Operation, PartValue } from '../format/record.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { OpenFile } from '../platform/file-system.js'
import { CachedValues } from './checkpoint/cached-values.js'
import { Checkpoint } from './checkpoint/checkpoint.js'
import { Part, Parts } from './checkpoint/parts.js'
import { FrozenState } from './frozen-state.js'
import { byCodeUnit } from './key-order.js'
import { clearedPrefixes, Layers } from './layers.js'
import { Tail } from './tail/tail.js'
import type { TailChange } from './tail/tail-values.js'
import type { KeyRangeQuery, OnBadPart, PublishedCheckpoint, ReplayPlace, StateValue } from './types.js'
import { ValueCache } from './value-cache.js'

/** If compactions fail, so many tails may wait for one that succeeds; more are merged. */
const MAX_FROZEN_TAILS = 3

export interface StateOptions {
  /** The log. Undefined for a state that is only in memory. */
  readonly file: OpenFile | undefined
  /** The log's name for errors; the file may have been opened under another one. */
  readonly path: string
  readonly parts: PartTable
  /** A state that is short enough to be in the header: then there are no parts. */
  readonly inlineState: readonly PartValue[]
  readonly cacheBytes: number
}

/**
 * The state of a store: its keys in order (UTF-16 code units, as `<` compares), each with its value.
 *
 * It has layers. On top is a tail, in memory: each write, and each record that is replayed at opening, changes it. Below
 * may be frozen tails, of which a compaction makes the next checkpoint. At the bottom is the checkpoint: parts in the
 * log, each a run of keys, with only the first key of each in memory. A lookup asks the layers from top to bottom, and
 * the first that has a value, a tombstone or a clear for the key decides. A listing merges all layers.
 *
 * Values are in the log. In memory are their places in the tails, and as many of their texts as the cache has room for.
 *
 * `freeze` puts a new tail on top. When the compaction has written a checkpoint of the layers below, `settle` replaces
 * them by it; if the compaction fails, `thaw` keeps them, to be frozen again by the next one.
 *
 * Reading throws FLATLOG_CORRUPT for a key whose bytes in the log are not those that were written.
 */
export class State {
  readonly #path: string
  readonly #cache: ValueCache
  #layers: Layers
  /** The last result of `#clearedKeys`, and what it was counted of. */
  #cleared: { readonly layers: Layers; readonly clears: number; readonly keys: number } | undefined
  /** Called once for each part of the checkpoint that is found to be damaged. */
  onBadPart: OnBadPart | undefined

  constructor({ file, path, parts, inlineState, cacheBytes }: StateOptions) {
    this.#path = path
    this.#cache = new ValueCache(cacheBytes)
    const ownParts = inlineState.length ? Parts.of([Part.inMemory(inlineState)]) : Parts.from(parts)
    const values = new CachedValues(this.#cache)
    this.#layers = new Layers(
      [new Tail(file, path, this.#cache)],
      new Checkpoint(file, path, ownParts, values, (...bad) => this.onBadPart?.(...bad)),
    )
  }

  /** A state without a file. `pairs`: in any order. */
  static inMemory(pairs: readonly PartValue[] = []): State {
    const inOrder = [...pairs].sort((a, b) => byCodeUnit(a.key, b.key))
    const parts = new DecodedParts([])
    const cacheBytes = Number.POSITIVE_INFINITY
    return new State({ file: undefined, path: '', parts, inlineState: inOrder, cacheBytes })
  }

  get #tail(): Tail {
    return this.#layers.tails[0] as Tail
  }

  /** Undefined if the key is missing, deleted or expired. */
  get(key: string, nowMs: number): StateValue | undefined {
    return this.#layers.get(key, nowMs)
  }

  /** As `get`, but does not read the value if a tail has it. */
  has(key: string, nowMs: number): boolean {
    return this.#layers.has(key, nowMs)
  }

  /** The next keys with their values, at most `limit`, in key order; empty if there are no more. */
  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    return this.#layers.page(query, limit, nowMs)
  }

  /** As `page`, without values: fewer than `limit` only if there are no more. */
  pageOfKeys(query: KeyRangeQuery, limit: number, nowMs: number): string[] {
    return this.#layers.pageOfKeys(query, limit, nowMs)
  }

  /** Applies a new record, before it is written. */
  apply(operation: Operation, seq: number, timeMs: number | undefined): TailChange {
    return this.#tail.apply(operation, seq, timeMs)
  }

  /** Applies a record of the log. `place`: undefined if it was found in another file. */
  replay({ operation, seq }: LogRecord, timeMs: number | undefined, place: ReplayPlace | undefined): void {
    this.#tail.replay(operation, seq, timeMs, place)
  }

  /** The same for a record of one key, whose line begins at `offset`. */
  replayPlain(record: PlainRecord, timeMs: number | undefined, offset: number): void {
    this.#tail.replayPlain(record, timeMs, offset)
  }

  /** Reads through this descriptor of the same file. Some systems cannot rename an open file. */
  useFile(file: OpenFile): void {
    for (const tail of this.#layers.tails) tail.moveTo(file, 0)
    this.#layers.checkpoint.useFile(file)
  }

  /** How many keys were written after the checkpoint. */
  get tailKeys(): number {
    return this.#layers.tails.reduce((keys, tail) => keys + tail.keyCount, 0)
  }

  /** How many bytes of memory the cached texts take. */
  get cachedBytes(): number {
    return this.#cache.bytes
  }

  /** About how many bytes a checkpoint of the state has, rarely fewer. */
  get stateBytes(): number {
    return this.#layers.stateBytes
  }

  /** About which share of the checkpoint's keys is cleared or expired, from 0 to 1. */
  deadShare(nowMs: number): number {
    const { tails, checkpoint } = this.#layers
    const { expiry } = checkpoint
    if (expiry.keys === 0) return 0
    // This is called after every write, and the cleared keys rarely have to be counted again.
    const clears = tails.reduce((sum, tail) => sum + tail.clears, 0)
    if (this.#cleared?.layers !== this.#layers || this.#cleared.clears !== clears) {
      this.#cleared = { layers: this.#layers, clears, keys: this.#clearedKeys(tails, checkpoint) }
    }
    return Math.min(1, (this.#cleared.keys + expiry.expiredKeys(nowMs)) / expiry.keys)
  }

  /** Keys of the checkpoint that were cleared, each counted once. */
  #clearedKeys(tails: readonly Tail[], checkpoint: Checkpoint): number {
    let count = 0
    let last: string | undefined
    for (const prefix of clearedPrefixes(tails)) {
      if (last !== undefined && prefix.startsWith(last)) continue
      count += checkpoint.countFrom(prefix)
      last = prefix
    }
    return count
  }

  /** When half of the checkpoint's keys will have expired, or undefined if that never happens. */
  get halfExpiredMs(): number | undefined {
    return this.#layers.checkpoint.expiry.halfExpiredMs
  }

  /** True if a key of the checkpoint has expired, so that a compaction would remove it. */
  holdsExpired(nowMs: number): boolean {
    return this.#layers.checkpoint.expiry.holdsExpired(nowMs)
  }

  /** Reads the part of the checkpoint that begins at that byte of the file, and throws if it is damaged. */
  checkPartAt(offset: number): void {
    this.#layers.checkpoint.check(offset)
  }

  /** Replaces damaged parts of the checkpoint by this state, which is in memory until the next checkpoint. */
  heal(range: KeyRange, state: readonly PartValue[]): void {
    this.#layers.checkpoint.heal(range, state)
  }

  /** Later changes go to a new tail. Ends with `settle` or `thaw`. */
  freeze(): FrozenState {
    const frozen = this.#layers
    const tail = new Tail(this.#tail.file, this.#path, this.#cache)
    this.#layers = new Layers([tail, ...frozen.tails], frozen.checkpoint)
    return new FrozenState(frozen)
  }

  /**
   * Replaces the frozen layers by the checkpoint that was written of them. In its file, later records are `shift` bytes
   * further on.
   */
  settle(frozen: FrozenState, checkpoint: PublishedCheckpoint, shift: number): void {
    const tail = this.#tail
    tail.moveTo(checkpoint.file, shift)
    this.#layers = new Layers([tail], frozen.followedBy(checkpoint))
  }

  /** Keeps the frozen layers, because their compaction failed. */
  thaw({ layers }: FrozenState): void {
    const tail = this.#tail
    // The tail stays a layer of its own: its changes may still be undone.
    const tails = tail.isEmpty ? layers.tails : [tail, ...mergeNewest(layers.tails)]
    this.#layers = new Layers(tails, layers.checkpoint)
  }
}

/** Merges the newest two tails if there are many. All their records are acknowledged, so nothing in them is undone. */
function mergeNewest(tails: readonly Tail[]): readonly Tail[] {
  const [newest, next, ...older] = tails
  if (tails.length <= MAX_FROZEN_TAILS || !newest || !next) return tails
  next.absorb(newest)
  return [next, ...older]
}
