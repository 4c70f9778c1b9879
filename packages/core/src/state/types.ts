import type { PlainRecord } from '../format/decode-fast.js'
import type { LogRecord, Operation, PartSummary, PartValue, SpelledPair } from '../format/record.js'
import type { ValueText } from '../format/value.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { OpenFile } from '../platform/file-system.js'
import type { TailChange } from './tail/tail-values.js'

/** What the index knows of a key. */
export interface StateValue extends ValueText {
  /** Unix time in ms at which the key is gone. */
  readonly expires: number | undefined
  /** Unix ms when it was written. */
  readonly time: number | undefined
}

/** `range`: its keys. `line`: its number in the file. */
export type OnBadPart = (part: PartSummary, range: KeyRange, line: number) => void

/** Where a listing begins and what it holds. */
export interface KeyRangeQuery {
  /** Only keys that start with it. */
  readonly prefix: string
  /** Only keys behind this one. */
  readonly after: string | undefined
}

/** What can be walked over in key order: an index, or the frozen part of one. */
export interface StateSource {
  /** Some keys in key order that are there now, at most `limit`; none where there are no more. */
  page(query: KeyRangeQuery, limit: number, nowMs: number): [key: string, value: StateValue][]
}

/**
 * From key to value, in key order (UTF-16 code units, as `<` compares).
 *
 * It is layered: a tail of what the records behind the checkpoint say, perhaps frozen tails that a compaction works on,
 * and the checkpoint. An upper layer hides what it names or has cleared in those below. The values stand in the file;
 * in memory are their places, and as many of their texts as the cache has room for.
 *
 * Whatever reads may throw FLATLOG_CORRUPT where the file no longer holds what was written to it, for the keys in that
 * place alone.
 */
export interface KeyIndex extends StateSource {
  /** Undefined where the key is missing, deleted or expired. */
  get(key: string, nowMs: number): StateValue | undefined
  /** As `get`, without reading a value for it where that can be avoided. */
  has(key: string, nowMs: number): boolean
  /** As `page`, without the values: `limit` of them, or all that there are. */
  pageOfKeys(query: KeyRangeQuery, limit: number, nowMs: number): string[]
  apply(operation: Operation, seq: number, timeMs: number | undefined): TailChange
  /** Keys named since the last checkpoint. */
  readonly tailKeys: number
  /** About how many bytes the state has, and no fewer. */
  readonly stateBytes: number
  /** About which share of the checkpoint's keys is known to be dead, cleared by prefix or expired: 0 to 1. */
  deadShare(nowMs: number): number
  /** When half of the checkpoint's keys will have expired; undefined where that will not be. */
  readonly halfExpiredMs: number | undefined
  /** Whether a key of the checkpoint has expired, which a compaction would remove. */
  holdsExpired(nowMs: number): boolean
  /** From here on changes go to a new tail; what was there is what a compaction works on. */
  freeze(): FrozenIndex
  /** The file that it reads from has been closed, and is open again under another descriptor. */
  useFile(file: OpenFile): void
  /** What the cache holds of the values' texts. */
  readonly cachedBytes: number
  /** Told of each part of the checkpoint that turns out not to be what was written, once. */
  onBadPart: OnBadPart | undefined
  /** Looks at the part of the checkpoint that stands at that byte of the file. */
  checkPartAt(offset: number): void
  /** A range of the checkpoint that could not be read has this state; it is kept in memory until the next checkpoint. */
  heal(range: KeyRange, state: readonly PartValue[]): void
}

/** An index that is being filled from a file, when that is opened. */
export interface LoadingIndex extends KeyIndex {
  /** `place`: undefined where the record was found in another file. */
  replay(record: LogRecord, timeMs: number | undefined, place: ReplayPlace | undefined): void
  /** The same for a record of the usual kind, whose line begins at `offset`. */
  replayPlain(record: PlainRecord, timeMs: number | undefined, offset: number): void
}

/** Where a record stands that is replayed from a file. */
export interface ReplayPlace {
  /** Of the line's first byte. */
  readonly offset: number
  readonly line: Buffer
  /** At which byte of the line each value's text begins, in the order of the record's operations. */
  readonly valueStarts: readonly number[]
}

/** A piece of a state, in key order: a part of the last checkpoint as it stands there, or some keys. */
export type StatePiece =
  | { readonly part: PartSummary; readonly line: Buffer }
  | { readonly part?: undefined; readonly pairs: readonly SpelledPair[]; readonly bytes: number }

/** A checkpoint that was written. */
export interface PublishedCheckpoint {
  readonly file: OpenFile
  readonly parts: readonly WrittenPart[]
  /** A state so short that it stands in the header. */
  readonly inlineState: readonly PartValue[]
}

/** `origin`: the part of the last checkpoint that it is a copy of. */
export type WrittenPart = PartSummary & { readonly origin?: PartSummary | undefined }

export interface FrozenIndex extends StateSource {
  /** About how many bytes the state has, and no fewer. */
  readonly stateBytes: number
  /** The state in pieces, without what had expired by then. `takesPart`: whether one of that length may stay as it is. */
  pieces(nowMs: number, takesPart: (bytes: number) => boolean): Generator<StatePiece>
  /** What was frozen is this checkpoint now, and what came since stands `shift` bytes further on in its file. */
  settle(checkpoint: PublishedCheckpoint, shift: number): void
  /** Behind `settle`: texts of what was frozen leave memory, in small steps. What has expired is never asked for again. */
  letGo(): Iterable<void>
  /** The checkpoint came to nothing: all is as if there had been no freezing. */
  thaw(): void
}
