import type { Encoding, ValueText } from './value.js'

/** The change that a record makes. In a file, `clear` is a DELETE with a prefix and `replace` a SET with data. */
export type Operation =
  | SetOperation
  | DeleteOperation
  | { readonly kind: 'clear'; readonly prefix: string }
  | { readonly kind: 'replace'; readonly data: readonly (readonly [key: string, value: ValueText])[] }
  | { readonly kind: 'batch'; readonly operations: readonly (SetOperation | DeleteOperation)[] }

export interface SetOperation {
  readonly kind: 'set'
  readonly key: string
  readonly value: ValueText
  /** Unix time in ms at which the key expires. */
  readonly expires?: number | undefined
}

export interface DeleteOperation {
  readonly kind: 'delete'
  readonly key: string
}

/** A line of the log after the checkpoint. */
export interface LogRecord {
  readonly kind: 'record'
  /** ISO 8601; never before the timestamp of the record before it. */
  readonly timestamp: string
  readonly seq: number
  /** The highest seq that was known to be on disk when this was written; only in the first record of a write. */
  readonly synced?: number | undefined
  readonly operation: Operation
  readonly crc: string
}

/** The first line of a generation. */
export interface HeaderLine {
  readonly kind: 'header'
  readonly timestamp: string
  /** The last record that the checkpoint covers; 0 in a new log. */
  readonly seq: number
  readonly store: string
  /** The offset of the index line; 0 if there are no parts and the header contains the whole state. */
  readonly indexAt: number
  readonly state: readonly PartValue[]
  readonly compactedAt: string
  readonly crc: string
}

/** A part: a run of keys of the checkpoint, in key order. */
export interface PartLine {
  readonly kind: 'part'
  readonly timestamp: string
  /** The checkpoint that first contained this part: a later one may have copied it. */
  readonly seq: number
  readonly state: readonly PartValue[]
  readonly crc: string
}

/** The index line, which follows the parts and has a row for each. */
export interface IndexLine {
  readonly kind: 'index'
  readonly timestamp: string
  readonly seq: number
  readonly rows: readonly IndexRow[]
  readonly crc: string
}

export interface PartValue {
  readonly key: string
  readonly value: ValueText
  readonly expires?: number | undefined
  /** Unix ms at which the value was written, if the store keeps times. */
  readonly time?: number | undefined
}

/** A key of a part with its value, already encoded. */
export interface SpelledPair {
  readonly key: string
  /** `"key":value`. */
  readonly spelled: string
  /** The length of that text in UTF-8. */
  readonly bytes: number
  readonly encoding: Encoding | undefined
  readonly expires: number | undefined
  readonly time: number | undefined
}

/** The row of one part in the index line. */
export interface IndexRow {
  readonly firstKey: string
  readonly offset: number
  readonly keys: number
  /** When the first key of the part expires; null if none does. */
  readonly minExpires: number | null
  /** When all keys of the part have expired; null if one of them never does. */
  readonly maxExpires: number | null
  readonly crc: string
}

/** A part of a file. */
export interface PartSummary extends IndexRow {
  /** The length of its line without the newline. */
  readonly bytes: number
}

export const FORMAT = 1

/** The text of a record and, once it is written, where its values are in the file. */
export interface WrittenRecord {
  readonly operation: Operation
  /** The text of the line from `"op"` to the checksum. */
  readonly encoded: string
  /**
   * Where in that text the text of each value begins, in UTF-16 code units, in the order of the operations; empty for a
   * record of one key, which ends with its value.
   */
  readonly valueStarts: readonly number[]
  /** The offset in the file at which that text ends. */
  readonly encodedEnd: number
  /** True if each character of the line is one byte. */
  readonly isAscii: boolean
}

/** The offset in the file of each value of a record of several operations, in their order. */
export function valueOffsets({ valueStarts, encoded, encodedEnd, isAscii }: WrittenRecord): number[] {
  if (isAscii) return valueStarts.map((start) => encodedEnd - encoded.length + start)
  let offset = encodedEnd - Buffer.byteLength(encoded)
  let from = 0
  return valueStarts.map((start) => {
    offset += Buffer.byteLength(encoded.slice(from, start))
    from = start
    return offset
  })
}

/** The number of the line of a part. The first line of a generation is its header. */
export function lineOfPart(at: number): number {
  return at + 2
}

/** The number of the first record's line: after the header or, if there are parts, after the parts and the index. */
export function lineAfterCheckpoint(parts: number): number {
  return parts === 0 ? 2 : lineOfPart(parts) + 1
}
