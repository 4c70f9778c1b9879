import type { PartSummary, PartValue, SpelledPair } from '../format/record.js'
import type { ValueText } from '../format/value.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import type { OpenFile } from '../platform/file-system.js'

/** A value of the state. */
export interface StateValue extends ValueText {
  /** Unix time in ms at which the key expires. */
  readonly expires: number | undefined
  /** Unix time in ms when it was written. */
  readonly time: number | undefined
}

/** Which keys to list. */
export interface KeyRangeQuery {
  /** Only keys that start with this. */
  readonly prefix: string
  /** Only keys after this one. */
  readonly after: string | undefined
}

/** Where a replayed record is in the log. */
export interface ReplayPlace {
  /** The offset of the first byte of its line. */
  readonly offset: number
  readonly line: Buffer
  /** At which byte of the line each value begins, in the order of the record's operations. */
  readonly valueStarts: readonly number[]
}

/** `range`: the keys that the part may have. `line`: its line number in the file. */
export type OnBadPart = (part: PartSummary, range: KeyRange, line: number) => void

/** A piece of the next checkpoint, in key order: a part of the last one, copied as it is, or new pairs. */
export type StatePiece =
  | { readonly kind: 'part'; readonly part: PartSummary; readonly line: Buffer }
  | { readonly kind: 'pairs'; readonly pairs: readonly SpelledPair[]; readonly bytes: number }

/** A new checkpoint, in the file that is the log now. */
export interface PublishedCheckpoint {
  readonly file: OpenFile
  readonly parts: readonly WrittenPart[]
  /** A state that is short enough to be in the header: then there are no parts. */
  readonly inlineState: readonly PartValue[]
}

/** `origin`: the part of the last checkpoint that this is a copy of. */
export type WrittenPart = PartSummary & { readonly origin?: PartSummary | undefined }
