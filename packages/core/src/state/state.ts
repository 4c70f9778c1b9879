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
import type { FrozenIndex, KeyRangeQuery, LoadingIndex, OnBadPart, ReplayPlace, StateValue } from './types.js'
import { ValueCache } from './value-cache.js'

/** How many tails may wait for a compaction that succeeds; more of them are put together. */
const MAX_FROZEN_TAILS = 3

export interface StateOptions {
  /** Where the checkpoint and the records stand; undefined: the index holds everything in memory. */
  readonly file: OpenFile | undefined
  /** What errors call it; the file may have been opened under another name. */
  readonly path: string
  readonly parts: PartTable
  /** The state, where it stands in the header and there are no parts. */
  readonly inlineState: readonly PartValue[]
  readonly cacheBytes: number
}

export class State implements LoadingIndex {
  readonly #cache: ValueCache
  #layers: Layers
  /** How many keys of the checkpoint were cleared, as it was last counted. */
  #cleared: { readonly layers: Layers; readonly clears: number; readonly keys: number } | undefined
  /** Told of each part of the checkpoint that turns out not to be what was written, once. */
  onBadPart: OnBadPart | undefined

  readonly #path: string

  constructor({ file, path, parts, inlineState, cacheBytes }: StateOptions) {
    this.#path = path
    this.#cache = new ValueCache(cacheBytes)
    const inOrder = new Parts(inlineState.length ? [Part.inMemory(inlineState)] : parts)
    const values = new CachedValues(this.#cache)
    this.#layers = new Layers(
      [new Tail(file, path, this.#cache)],
      new Checkpoint(file, path, inOrder, values, (...bad) => this.onBadPart?.(...bad)),
    )
  }

  /** All in memory, of pairs in any order. */
  static inMemory(pairs: readonly PartValue[] = []): State {
    const inOrder = [...pairs].sort((a, b) => byCodeUnit(a.key, b.key))
    const parts = new DecodedParts([])
    const cacheBytes = Number.POSITIVE_INFINITY
    return new State({ file: undefined, path: '', parts, inlineState: inOrder, cacheBytes })
  }

  get #tail(): Tail {
    return this.#layers.tails[0] as Tail
  }

  get tailKeys(): number {
    return this.#layers.tails.reduce((keys, layer) => keys + layer.keyCount, 0)
  }

  get cachedBytes(): number {
    return this.#cache.bytes
  }

  get stateBytes(): number {
    const { tails, checkpoint } = this.#layers
    return tails.reduce((bytes, layer) => bytes + layer.stateBytes, checkpoint.bytes)
  }

  get(key: string, nowMs: number): StateValue | undefined {
    return this.#layers.get(key, nowMs)
  }

  has(key: string, nowMs: number): boolean {
    return this.#layers.has(key, nowMs)
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, StateValue][] {
    return this.#layers.page(query, limit, nowMs)
  }

  pageOfKeys(query: KeyRangeQuery, limit: number, nowMs: number): string[] {
    return this.#layers.pageOfKeys(query, limit, nowMs)
  }

  apply(operation: Operation, seq: number, timeMs: number | undefined): TailChange {
    return this.#tail.apply(operation, seq, timeMs)
  }

  replay({ operation, seq }: LogRecord, timeMs: number | undefined, place: ReplayPlace | undefined): void {
    this.#tail.replay(operation, seq, timeMs, place)
  }

  replayPlain(record: PlainRecord, timeMs: number | undefined, offset: number): void {
    this.#tail.replayPlain(record, timeMs, offset)
  }

  /** The same file under another descriptor: some systems have it closed to rename it. */
  useFile(file: OpenFile): void {
    for (const layer of this.#layers.tails) layer.moveTo(file, 0)
    this.#layers.checkpoint.useFile(file)
  }

  deadShare(nowMs: number): number {
    const { tails, checkpoint } = this.#layers
    const { expiry } = checkpoint
    if (expiry.keys === 0) return 0
    // Asked after every write, and the answer seldom changes.
    const clears = tails.reduce((sum, layer) => sum + layer.clears, 0)
    if (this.#cleared?.layers !== this.#layers || this.#cleared.clears !== clears) {
      this.#cleared = { layers: this.#layers, clears, keys: this.#clearedKeys(tails, checkpoint) }
    }
    return Math.min(1, (this.#cleared.keys + expiry.expiredKeys(nowMs)) / expiry.keys)
  }

  /** What one prefix covers is not counted again for a longer one behind it. */
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

  get halfExpiredMs(): number | undefined {
    return this.#layers.checkpoint.expiry.halfExpiredMs
  }

  holdsExpired(nowMs: number): boolean {
    return this.#layers.checkpoint.expiry.holdsExpired(nowMs)
  }

  checkPartAt(offset: number): void {
    this.#layers.checkpoint.check(offset)
  }

  heal(range: KeyRange, state: readonly PartValue[]): void {
    this.#layers.checkpoint.heal(range, state)
  }

  freeze(): FrozenIndex {
    const frozen = this.#layers
    const tail = new Tail(frozen.tails[0]?.file, this.#path, this.#cache)
    this.#layers = new Layers([tail, ...frozen.tails], frozen.checkpoint)
    return new FrozenState(frozen, {
      settled: (checkpoint, file, shift) => {
        tail.moveTo(file, shift)
        this.#layers = new Layers([tail], checkpoint)
      },
      thawed: () => {
        // What came since goes on top of what was frozen; effects that are out refer to `tail`, so it stays a layer.
        const tails = tail.isEmpty ? frozen.tails : [tail, ...fold(frozen.tails)]
        this.#layers = new Layers(tails, frozen.checkpoint)
      },
    })
  }
}

/** Tails whose records are all acknowledged, so that nothing in them is undone any more. */
function fold(tails: readonly Tail[]): readonly Tail[] {
  const [newest, next, ...older] = tails
  if (tails.length <= MAX_FROZEN_TAILS || !newest || !next) return tails
  next.absorb(newest)
  return [next, ...older]
}
