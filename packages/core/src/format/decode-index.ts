import { isAscii } from 'node:buffer'
import { CHECKSUM_BYTES, validChecksum } from './checksum.js'
import { IndexRows } from './index-line.js'
import type { PartList } from './part-list.js'

export interface IndexFound {
  readonly timestamp: string
  readonly seq: number
  readonly parts: PartList
}

const BEGINNING = /^\{"timestamp":"([^"]*)","seq":(\d{1,16}),"op":"CHECKPOINT","index":/
const BEGINNING_BYTES = 1024

/**
 * An index line that stands at `indexAt`, with the first part at `partsAt`; undefined where the line is none, or does
 * not fit there. It is kept for as long as the parts are.
 */
export function decodeIndex(line: Buffer, partsAt: number, indexAt: number): IndexFound | undefined {
  if (validChecksum(line) === undefined) return undefined
  const end = line.length - CHECKSUM_BYTES
  const beginning = BEGINNING.exec(line.toString('latin1', 0, Math.min(end, BEGINNING_BYTES)))
  if (!beginning) return undefined
  const [{ length }, timestamp, seq] = beginning as unknown as [string, string, string]
  try {
    const parts = IndexRows.find(line, length, end, isAscii(line), partsAt, indexAt)
    return parts && { timestamp, seq: Number(seq), parts }
  } catch {
    // A key that is no JSON.
    return undefined
  }
}
