import type { Encoding, ValueText } from './value.js'

/** What a record does to the state. In a file, `clear` is a DELETE with a prefix and `replace` a SET with data. */
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
  /** Unix time in ms at which the key is gone. */
  readonly expires?: number | undefined
}

export interface DeleteOperation {
  readonly kind: 'delete'
  readonly key: string
}

/** One line of the log behind the checkpoint. */
export interface LogRecord {
  readonly kind: 'record'
  /** ISO 8601, never before that of the record ahead. */
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
  /** Where the index line stands; 0 when the whole state stands in the header. */
  readonly indexAt: number
  readonly state: readonly PartValue[]
  readonly compactedAt: string
  readonly crc: string
}

/** A run of keys of the checkpoint, in key order. */
export interface PartLine {
  readonly kind: 'part'
  readonly timestamp: string
  readonly seq: number
  readonly state: readonly PartValue[]
  readonly crc: string
}

export interface PartValue {
  readonly key: string
  readonly value: ValueText
  readonly expires?: number | undefined
  /** Unix ms when the value was written, where the store keeps that. */
  readonly time?: number | undefined
}

/** One key of a state as it is spelled in a part. */
export interface SpelledPair {
  readonly key: string
  /** `"key":value`. */
  readonly spelled: string
  /** How many bytes that has. */
  readonly bytes: number
  readonly encoding: Encoding | undefined
  readonly expires: number | undefined
  readonly time: number | undefined
}

/** What the index line says of one part. */
export interface IndexRow {
  readonly firstKey: string
  readonly offset: number
  readonly keys: number
  /** The first expiry in the part; null when no key of it expires. */
  readonly minExpires: number | null
  /** When the whole part is dead; null when one of its keys never expires. */
  readonly maxExpires: number | null
  readonly crc: string
}

/** A part as it stands in a file. */
export interface PartSummary extends IndexRow {
  /** The length of its line, without the newline. */
  readonly bytes: number
}

export interface IndexLine {
  readonly kind: 'index'
  readonly timestamp: string
  readonly seq: number
  readonly rows: readonly IndexRow[]
  readonly crc: string
}

export const FORMAT = 1

/** A record that stands in a file, as far as it takes to find its values there. */
export interface WrittenRecord {
  readonly operation: Operation
  /** The line's text from `"op"` to the checksum. */
  readonly encoded: string
  /** Where in it the text of each value begins, where there may be several. */
  readonly valueStarts: readonly number[] | undefined
  /** Bytes from the start of the file to the end of that text. */
  readonly encodedEnd: number
  /** A byte for each character of the line. */
  readonly isAscii: boolean
}

/** Bytes from the start of the file to each value of a record of many, in the order of its operations. */
export function valueOffsets({ valueStarts = [], encoded, encodedEnd, isAscii }: WrittenRecord): number[] {
  if (isAscii) return valueStarts.map((start) => encodedEnd - encoded.length + start)
  let offset = encodedEnd - Buffer.byteLength(encoded)
  let from = 0
  return valueStarts.map((start) => {
    offset += Buffer.byteLength(encoded.slice(from, start))
    from = start
    return offset
  })
}
