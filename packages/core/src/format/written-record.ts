import type { Operation } from './record.js'

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
