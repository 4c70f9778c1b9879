import { type CheckpointFound, readCheckpoint } from '../log/checkpoint-reader.js'
import type { Damage } from '../log/damage-report.js'
import { surveyTail } from '../log/record-reader.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'

/** A place in a file that is not what was written there. */
export type DamagedPlace = Omit<Damage, 'file'>

/** What one generation was found to hold, every byte of it read. */
export interface FileFound {
  readonly damage: DamagedPlace[]
  readonly store: string | undefined
  readonly parts: number
  readonly records: number
  /** The last record, or what the checkpoint covers where none follows it; undefined where nothing says. */
  readonly lastSeq: number | undefined
  /** Where the next line would stand. */
  readonly end: DamagedPlace
}

/** Reads up to `end`: what is written while this reads lies behind that. */
export async function verifyFile(file: OpenFile, end: number, slices: Slices): Promise<FileFound> {
  const checkpoint = await readCheckpoint(file, slices)
  const damage = damageOfCheckpoint(checkpoint)
  const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
  let next: DamagedPlace = { line: start.line, offset: start.offset, bytes: 0 }
  let records = 0
  let expected = checkpoint.seq === undefined ? undefined : checkpoint.seq + 1
  for (const line of checkpoint.newer ? [] : await surveyTail(file, start, slices)) {
    if (line.offset >= end) break
    const { number, offset, length, key } = line
    const place = { line: number, offset, bytes: length, ...(key !== undefined && { key }) }
    next = { line: number + 1, offset: offset + length, bytes: 0 }
    if (line.kind === 'bad' || !line.ended) {
      damage.push(place)
      if (expected !== undefined) expected++
      continue
    }
    records++
    if (expected !== undefined && line.seq !== expected) damage.push({ ...place, bytes: 0 })
    expected = line.seq + 1
  }
  const lastSeq = expected === undefined ? undefined : expected - 1
  return { damage, store: checkpoint.header?.store, parts: checkpoint.parts, records, lastSeq, end: next }
}

function damageOfCheckpoint({ bad, newer, nextLine }: CheckpointFound): DamagedPlace[] {
  // Nothing of this store is: whoever could write it has not opened it.
  if (newer) return [{ line: nextLine, offset: newer.offset, bytes: 0 }]
  return bad.map(({ number, offset, length }) => ({ line: number, offset, bytes: length }))
}
