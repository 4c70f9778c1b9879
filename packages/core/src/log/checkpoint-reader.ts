import type { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import { decodeLine, type Line } from '../record/decode.js'
import type { HeaderLine, IndexLine, PartLine, PartValue } from '../record/record.js'
import { type RawLine, readLines } from './line-reader.js'

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
  readonly keys: number
  readonly bad: readonly BadLine[]
  /** Keys whose values stood in lines that could not be read. */
  readonly lost: readonly KeyRange[]
  /** What a newer version wrote, if there is such a line. */
  readonly newer: { readonly what: string; readonly offset: number } | undefined
}

/** Reads the checkpoint of an open version 1 file and hands its state over, in the order of the file. */
export async function readCheckpoint(
  file: OpenFile,
  slices: Slices,
  onState: (state: readonly PartValue[]) => void,
): Promise<CheckpointFound> {
  const lines = readLines(file)
  const first = lines.next().value as RawLine | undefined
  const header = first?.ended ? decodeLine(first.bytes) : undefined
  if (header?.kind === 'newer') return nothingRead({ what: header.what, offset: 0 })
  if (header?.kind === 'header') {
    onState(header.state)
    if (header.indexAt === 0) return inlineCheckpoint(header, first as RawLine)
    return new PartsReader(file, header, header.indexAt, onState).read(lines, slices)
  }
  // Without its header a checkpoint is found by its lines: everything up to the last one that is a part or the index.
  const bad = first ? [{ number: 1, offset: 0, length: first.length }] : []
  const end = endOfPartLines(file)
  if (end === undefined) {
    const next = first ? { end: first.length, nextLine: 2 } : { end: 0, nextLine: 1 }
    return { ...nothingRead(undefined), ...next, bad, lost: [{ from: undefined, to: undefined }] }
  }
  return new PartsReader(file, undefined, end.indexAt, onState, bad).read(lines, slices)
}

function inlineCheckpoint(header: HeaderLine, line: RawLine): CheckpointFound {
  return {
    header,
    seq: header.seq,
    end: line.length,
    nextLine: 2,
    timestamp: header.timestamp,
    parts: 0,
    keys: header.state.length,
    bad: [],
    lost: [],
    newer: undefined,
  }
}

function nothingRead(newer: CheckpointFound['newer']): CheckpointFound {
  return {
    header: undefined,
    seq: undefined,
    end: 0,
    nextLine: 1,
    timestamp: '',
    parts: 0,
    keys: 0,
    bad: [],
    lost: [],
    newer,
  }
}

/** Where the last part or index line of a file starts, if it has any. */
function endOfPartLines(file: OpenFile): { indexAt: number } | undefined {
  let indexAt: number | undefined
  for (const line of readLines(file)) {
    const { kind } = decodeLine(line.bytes)
    if (kind === 'part' || kind === 'index') indexAt = line.offset
  }
  return indexAt === undefined ? undefined : { indexAt }
}

class PartsReader {
  #seq: number | undefined
  #timestamp: string
  #keys = 0
  #newer: CheckpointFound['newer']
  readonly #bad: BadLine[]
  /** The parts that were read, and where bad lines stood between them. */
  readonly #found: ({ part: PartLine; offset: number } | 'gap')[] = []

  constructor(
    private readonly file: OpenFile,
    private readonly header: HeaderLine | undefined,
    private readonly indexAt: number,
    private readonly onState: (state: readonly PartValue[]) => void,
    bad: readonly BadLine[] = [],
  ) {
    this.#bad = [...bad]
    this.#seq = header?.seq
    this.#timestamp = header?.timestamp ?? ''
  }

  async read(lines: Iterator<RawLine>, slices: Slices): Promise<CheckpointFound> {
    let index: IndexLine | undefined
    let end = this.file.status().sizeBytes
    let nextLine = 0
    let reached = false
    for (let next = lines.next(); !next.done; next = lines.next()) {
      const raw = next.value
      const line: Line = raw.ended ? decodeLine(raw.bytes) : { kind: 'bad' }
      nextLine = raw.number
      if (slices.isDue()) await slices.pause()
      // The checkpoint ends before the first record, wherever that stands (lines of it may be gone or doubled), and
      // before a bad line that is no longer its own.
      const isBad = line.kind === 'bad' || line.kind === 'header'
      if (line.kind === 'record' || (isBad && (index || raw.offset > this.indexAt))) {
        end = raw.offset
        reached = true
        break
      }
      if (line.kind === 'part') this.#take(line, raw.offset)
      else if (line.kind === 'index') index ??= line
      else if (line.kind === 'newer') this.#newer ??= { what: line.what, offset: raw.offset }
      else this.#miss(raw)
    }
    if (!reached) nextLine++
    if (!index && !this.#bad.some((line) => line.offset >= this.indexAt)) this.#found.push('gap')
    if (index) this.#seq = index.seq
    return {
      header: this.header,
      seq: this.#seq,
      end,
      nextLine,
      timestamp: this.#timestamp,
      parts: this.#found.filter((each) => each !== 'gap').length,
      keys: this.#keys,
      bad: this.#bad,
      lost: index ? this.#lostByIndex(index) : this.#lostByGaps(),
      newer: this.#newer,
    }
  }

  #take(part: PartLine, offset: number): void {
    this.#found.push({ part, offset })
    this.#keys += part.state.length
    if (part.timestamp > this.#timestamp) this.#timestamp = part.timestamp
    this.onState(part.state)
  }

  #miss(raw: RawLine): void {
    this.#bad.push({ number: raw.number, offset: raw.offset, length: raw.length })
    // The bad line in the index line's own place held no keys.
    if (raw.offset < this.indexAt) this.#found.push('gap')
  }

  /** The index names every part, so what it names and was not found is exactly what is missing. */
  #lostByIndex(index: IndexLine): KeyRange[] {
    const found = new Set(this.#found.map((each) => (each === 'gap' ? '' : each.part.crc)))
    const { rows } = index
    return rows.flatMap((row, position) =>
      found.has(row.crc) ? [] : [{ from: row.firstKey, to: rows[position + 1]?.firstKey }],
    )
  }

  /** Without the index: whatever lies between the readable neighbours of each bad stretch. */
  #lostByGaps(): KeyRange[] {
    const lost: KeyRange[] = []
    this.#found.forEach((each, position) => {
      const before = this.#found[position - 1]
      if (each !== 'gap' || before === 'gap') return
      const after = this.#found.slice(position).find((later) => later !== 'gap')
      const last = before?.part.state.at(-1)?.key
      // The smallest string behind the last key of the part ahead.
      const from = last === undefined ? undefined : `${last}\0`
      lost.push({ from, to: after?.part.state[0]?.key })
    })
    return lost
  }
}

export function isInRange(key: string, range: KeyRange): boolean {
  return (range.from === undefined || key >= range.from) && (range.to === undefined || key < range.to)
}
