import type { PartList } from '../format/index-line.js'
import type { HeaderLine } from '../format/record.js'

/** What reading a checkpoint gives, whole or damaged. */

/** A stretch of keys, in key order; undefined is "without bound". */
export interface KeyRange {
  /** The first key that may be in it. */
  readonly from: string | undefined
  /** The first key behind it. */
  readonly to: string | undefined
}

export interface BadLine {
  readonly number: number
  readonly offset: number
  /** 0 where a line is missing. */
  readonly length: number
}

/** What was found of a generation's checkpoint: header, parts and index line. */
export interface CheckpointFound {
  readonly header: HeaderLine | undefined
  /** The record that the checkpoint covers; undefined where neither header nor index could be read. */
  readonly seq: number | undefined
  /** Where the records behind the checkpoint begin, in bytes and in lines. */
  readonly end: number
  readonly nextLine: number
  /** The last time that a readable line of the checkpoint bears. */
  readonly timestamp: string
  readonly parts: number
  /** Those that count, in key order. */
  readonly ownParts: PartList
  /** Undefined where they were not counted. */
  readonly keys: number | undefined
  /** The highest record that any part is of; undefined where there is no part. */
  readonly partsSeq: number | undefined
  /** The file ends inside the checkpoint, or in something that cannot be read and begins there. */
  readonly isCutOff: boolean
  /** Lines that cannot be read, are missing, are there twice, not where they were written, or not of this checkpoint. */
  readonly bad: readonly BadLine[]
  /** Keys whose values stood in lines that could not be read. */
  readonly lost: readonly KeyRange[]
  /** What a newer version wrote, if there is such a line. */
  readonly newer: { readonly what: string; readonly offset: number } | undefined
}

export function isInRange(key: string, range: KeyRange): boolean {
  return (range.from === undefined || key >= range.from) && (range.to === undefined || key < range.to)
}
