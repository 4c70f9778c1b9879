import { valueStartsOf } from './encode.js'
import type { Operation } from './record.js'

/** A record that stands in a file, as far as it takes to find its values there. */
export interface WrittenRecord {
  readonly operation: Operation
  /** The line's text from `"op"` to the checksum. */
  readonly encoded: string
  /** Bytes from the start of the file to the end of that text. */
  readonly encodedEnd: number
  /** A byte for each character of the line. */
  readonly isAscii: boolean
}

/** Bytes from the start of the file to each value of a record, in the order of its operations. */
export function valueOffsets({ operation, encoded, encodedEnd, isAscii }: WrittenRecord): number[] {
  const starts = valueStartsOf(operation)
  if (isAscii) return starts.map((start) => encodedEnd - encoded.length + start)
  let offset = encodedEnd - Buffer.byteLength(encoded)
  let from = 0
  return starts.map((start) => {
    offset += Buffer.byteLength(encoded.slice(from, start))
    from = start
    return offset
  })
}
