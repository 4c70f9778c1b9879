import { CHECKSUM_BYTES, validChecksum } from './checksum.js'
import type { PartSummary } from './record.js'

/** Parts in key order, of which many are never looked at: what is said of one is put together when it is asked for. */
export interface PartList {
  readonly length: number
  /** Of all their lines, with their newlines. */
  readonly bytes: number
  firstKey(at: number): string
  summary(at: number): PartSummary
}

export class PartArray implements PartList {
  readonly bytes: number

  constructor(private readonly parts: readonly PartSummary[]) {
    this.bytes = parts.reduce((sum, part) => sum + part.bytes + 1, 0)
  }

  get length(): number {
    return this.parts.length
  }

  firstKey(at: number): string {
    return (this.parts[at] as PartSummary).firstKey
  }

  summary(at: number): PartSummary {
    return this.parts[at] as PartSummary
  }
}

type Row = [string, number, number, number | null, number | null, string]

/** The rows of an index line as they stand there. A store is opened as fast as these are parsed. */
class IndexRows implements PartList {
  constructor(
    private readonly rows: readonly Row[],
    private readonly indexAt: number,
  ) {}

  get length(): number {
    return this.rows.length
  }

  get bytes(): number {
    return this.indexAt - (this.rows[0]?.[1] ?? this.indexAt)
  }

  firstKey(at: number): string {
    return (this.rows[at] as Row)[0]
  }

  summary(at: number): PartSummary {
    const [firstKey, offset, keys, minExpires, maxExpires, crc] = this.rows[at] as Row
    const end = this.rows[at + 1]?.[1] ?? this.indexAt
    return { firstKey, offset, keys, minExpires, maxExpires, crc, bytes: end - offset - 1 }
  }

  /** Line by line behind each other, from the header to the index, with keys that rise. */
  areBehindEachOther(from: number): boolean {
    let lastKey: string | undefined
    let end = from
    for (const [at, row] of this.rows.entries()) {
      if (!Array.isArray(row) || row.length < 6 || typeof row[0] !== 'string' || typeof row[1] !== 'number')
        return false
      if (at === 0 ? row[1] !== from : row[1] <= end) return false
      if (lastKey !== undefined && row[0] <= lastKey) return false
      lastKey = row[0]
      end = row[1]
    }
    return this.rows.length > 0 && end < this.indexAt
  }
}

export interface IndexFound {
  readonly timestamp: string
  readonly seq: number
  readonly parts: PartList
}

const BEGINNING = /^\{"timestamp":"([^"]*)","seq":(\d{1,16}),"op":"CHECKPOINT","index":/

/**
 * An index line that stands at `indexAt`, with the first part at `partsAt`; undefined where the line is none, or does
 * not fit there.
 */
export function decodeIndex(line: Buffer, partsAt: number, indexAt: number): IndexFound | undefined {
  if (validChecksum(line) === undefined) return undefined
  const text = line.toString('utf8', 0, line.length - CHECKSUM_BYTES)
  const beginning = BEGINNING.exec(text)
  if (!beginning) return undefined
  const [{ length }, timestamp, seq] = beginning as unknown as [string, string, string]
  let rows: Row[]
  try {
    rows = JSON.parse(text.slice(length)) as Row[]
  } catch {
    return undefined
  }
  const parts = Array.isArray(rows) ? new IndexRows(rows, indexAt) : undefined
  return parts?.areBehindEachOther(partsAt) ? { timestamp, seq: Number(seq), parts } : undefined
}
