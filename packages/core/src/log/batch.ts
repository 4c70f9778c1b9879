import type { FlatlogError } from '../base/errors.js'
import { CHECKSUM_BYTES } from '../record/checksum.js'
import type { WrittenRecord } from '../record/written-record.js'

/** Records that go to the log in one write. */

/** A record on its way to the log. */
export interface PendingRecord extends WrittenRecord {
  readonly seq: number
  readonly timestamp: string
  /** What it has done in memory. */
  readonly effect: {
    undo(): void
    /** It stands in the file now. */
    written(record: WrittenRecord): void
  }
  /** Set when the line is made. */
  crc: string
  /** Set when it is written. */
  encodedEnd: number
  isAscii: boolean
}

/** What a line has behind the text of its operation: the checksum and the newline. */
export const LINE_END_CHARACTERS = CHECKSUM_BYTES + 1

export interface Batch {
  readonly records: PendingRecord[]
  length: number
  /** Where the batch ends in the file, once it is written. */
  endOffset?: number
  readonly done: Promise<void>
  resolve(): void
  reject(error: FlatlogError): void
}

/** Takes the effects of all their records in memory back, the last first. */
export function undo(batches: readonly Batch[]): void {
  for (const batch of batches.toReversed()) {
    for (const record of batch.records.toReversed()) record.effect.undo()
  }
}

/** From places in the text of a write to places in the file. */
export function place(records: readonly PendingRecord[], lines: string, start: number, bytes: number): void {
  const isAscii = bytes === lines.length
  let [character, byte] = [0, start]
  for (const record of records) {
    if (!isAscii) byte += Buffer.byteLength(lines.slice(character, record.encodedEnd))
    else byte = start + record.encodedEnd
    character = record.encodedEnd
    record.encodedEnd = byte
    record.isAscii = isAscii
    record.effect.written(record)
  }
}

export function newBatch(): Batch {
  let resolve!: () => void
  let reject!: (error: FlatlogError) => void
  const done = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // A caller that does not wait for its write must not bring the process down; health() and the events tell of it.
  done.catch(() => {})
  return { records: [], length: 0, done, resolve, reject }
}
