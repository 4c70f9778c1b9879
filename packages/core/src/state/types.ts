import type { PartSummary, PartValue, SpelledPair } from '../format/record.js'
import type { ValueText } from '../format/value.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { OpenFile } from '../platform/file-system.js'

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
