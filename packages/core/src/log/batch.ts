import { encodeRecord } from '../format/encode.js'
import type { WrittenRecord } from '../format/record.js'
import type { FlatlogError } from '../platform/errors.js'
import { markHandled } from '../platform/promises.js'
import type { LineBuffer } from './line-writer.js'

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
  /** From the start of the write when the line is made, from that of the file when it is written. */
  encodedEnd: number
  isAscii: boolean
}

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

/** Their lines. `told`: what the first of them says to be on disk. */
export function encode(records: readonly PendingRecord[], told: number | undefined, lines: LineBuffer): void {
  let synced = told
  for (const record of records) {
    lines.addText(encodeRecord(record.timestamp, record.seq, synced, record.encoded))
    record.crc = lines.crc
    record.encodedEnd = lines.textEnd
    record.isAscii = lines.isAscii
    synced = undefined
  }
}

/** They stand in the file now, the first of them at that byte. */
export function place(records: readonly PendingRecord[], start: number): void {
  for (const record of records) {
    record.encodedEnd += start
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
  // A caller may ignore the promise of its write: health() and the events report a failure.
  markHandled(done)
  return { records: [], length: 0, done, resolve, reject }
}
