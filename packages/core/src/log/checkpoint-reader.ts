import { decodeLine } from '../format/decode.js'
import { DecodedParts, type PartTable } from '../format/index-line.js'
import { expiryRange } from '../format/part-meta.js'
import type { HeaderLine, IndexLine, IndexRow, PartLine, PartSummary, PartValue } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import { changedError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { readFully } from '../platform/whole-file.js'
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
  readonly ownParts: PartTable
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

/**
 * Reads every line of the checkpoint of an open version 1 file. Its state, which may be more than there is memory for,
 * is handed over piece by piece where it is asked for.
 */
export async function readCheckpoint(
  file: OpenFile,
  slices: Slices,
  onState?: (state: readonly PartValue[]) => void,
): Promise<CheckpointFound> {
  const lines = new CheckpointLines()
  for (const raw of readLines(file)) {
    if (lines.isOver(raw)) break
    if (slices.isDue()) await slices.pause()
  }
  const found = lines.judge(file.status().sizeBytes)
  if (onState) {
    if (found.header) onState(found.header.state)
    for (let at = 0; at < found.ownParts.length; at++) {
      onState(readPartState(file, found.ownParts.summary(at)))
      if (slices.isDue()) await slices.pause()
    }
  }
  return found
}

/**
 * The id of the store that a log or backup says it is of. Undefined if none of its lines can be read; `store` is
 * undefined if the first one that can be read, and that holds any state, is not the header.
 */
export function readStoreId(file: OpenFile): { readonly store: string | undefined } | undefined {
  for (const raw of readLines(file)) {
    const line = decodeLine(raw.bytes)
    if (line.kind !== 'bad' && line.kind !== 'index') return { store: line.kind === 'header' ? line.store : undefined }
  }
  return undefined
}

/** Where the checkpoint of the log ends and what it covers. */
export interface CheckpointPlace {
  readonly seq: number
  readonly bytes: number
  /** The header's checksum. */
  readonly crc: string
}

/** A part's keys and values, read again from where it was found. */
export function readPartState(file: OpenFile, { offset, bytes }: PartSummary): readonly PartValue[] {
  const line = readFully(file, Buffer.allocUnsafe(bytes), offset)
  const part = line && decodeLine(line)
  if (part?.kind !== 'part') throw changedError(file.path, offset)
  return part.state
}

interface FoundPart {
  readonly summary: PartSummary
  readonly seq: number
  readonly timestamp: string
  readonly lastKey: string
  readonly place: BadLine
}
/** What stands where in the checkpoint: a part, or something that cannot be read and may have been one. */
type Found = FoundPart | 'gap'

/** Gathers the lines that belong to the checkpoint, and then judges them together. */
class CheckpointLines {
  #header: HeaderLine | undefined
  #headerPlace: BadLine = { number: 0, offset: 0, length: 0 }
  #index: IndexLine | undefined
  #indexPlace: BadLine | undefined
  #newer: CheckpointFound['newer']
  #found: Found[] = []
  readonly #bad: BadLine[] = []
  /** Where the last line ends that cannot be read. */
  #unreadableEnd = 0
  /** Lines that cannot be read and of which it is not known yet whether a line of the checkpoint follows. */
  #pending: BadLine[] = []
  /** The line behind the last one that was looked at, or the first record. */
  #next: { number: number; offset: number } | undefined

  /** Takes a line; true once the checkpoint has ended before it: at the first record, wherever that stands. */
  isOver(raw: RawLine): boolean {
    const line = decodeLine(raw.bytes)
    const place = { number: raw.number, offset: raw.offset, length: raw.length }
    this.#next = { number: raw.number, offset: raw.offset }
    if (line.kind === 'record') return true
    if (line.kind === 'newer') {
      this.#newer = { what: line.what, offset: raw.offset }
      return true
    }
    this.#next = { number: raw.number + 1, offset: raw.offset + raw.length }
    if (line.kind === 'bad') {
      this.#pending.push(place)
      return false
    }
    // A line of the checkpoint: what could not be read before it stood in the checkpoint too.
    for (const bad of this.#pending.splice(0)) this.#miss(bad)
    this.#add(line, place, raw.ended)
    // It says what it says, but more than its newline may be gone with that.
    if (!raw.ended) {
      this.#bad.push(place)
      this.#unreadableEnd = raw.offset + raw.length
    }
    return false
  }

  #add(line: HeaderLine | PartLine | IndexLine, place: BadLine, isEnded: boolean): void {
    if (line.kind === 'header' && !this.#header && this.#parts().length === 0) {
      this.#header = line
      this.#headerPlace = place
      // What stood before the header held no keys, and an index line there is another one than its own.
      this.#found = []
      if (this.#indexPlace) this.#bad.push(this.#indexPlace)
      this.#indexPlace = undefined
    } else if (line.kind === 'part' && this.#header?.indexAt !== 0) this.#found.push(toFound(line, place, isEnded))
    else if (line.kind === 'index' && !this.#indexPlace) {
      this.#index = line
      this.#indexPlace = place
    } else this.#bad.push(place)
  }

  #miss(place: BadLine): void {
    this.#bad.push(place)
    this.#unreadableEnd = place.offset + place.length
    // The index line held no keys; its place is known from the header.
    if (this.#index === undefined && place.offset !== this.#header?.indexAt) this.#found.push('gap')
  }

  #parts(): FoundPart[] {
    return this.#found.filter((each) => each !== 'gap')
  }

  judge(sizeBytes: number): CheckpointFound {
    this.#claimPending()
    const header = this.#header
    const found = this.#parts()
    const isAsWritten = this.#isAsWritten(found)
    const parts = isAsWritten ? found : this.#ownParts()
    const lost = isAsWritten ? [] : this.#lost(parts)
    if (this.#bad.length === 0) this.#bad.push(...this.#missing(parts, lost))
    const end = this.#pending[0] ?? this.#next ?? { number: 1, offset: sizeBytes }
    return {
      header,
      seq: header?.seq ?? this.#index?.seq,
      end: end.offset,
      nextLine: end.number,
      timestamp: [header, this.#index, ...parts].reduce(
        (latest, line) => (line && line.timestamp > latest ? line.timestamp : latest),
        '',
      ),
      parts: parts.length,
      ownParts: new DecodedParts(isAsWritten ? parts.map(({ summary }) => summary) : inKeyOrder(parts)),
      partsSeq: parts.length ? parts.reduce((seq, part) => Math.max(seq, part.seq), 0) : undefined,
      keys: parts.reduce((keys, { summary }) => keys + summary.keys, header?.state.length ?? 0),
      isCutOff:
        this.#unreadableEnd >= sizeBytes || (header !== undefined && header.indexAt >= sizeBytes && !this.#index),
      bad: [...new Set(this.#bad)].sort((a, b) => a.offset - b.offset),
      lost,
      newer: this.#newer,
    }
  }

  /** Bad lines behind which no line of the checkpoint came: its own up to where the header says that the index is. */
  #claimPending(): void {
    const { indexAt } = this.#header ?? {}
    // Where nothing says how far the checkpoint goes, one line is its own: the header, or the index behind the parts.
    let unplaced = !this.#header && !this.#index ? 1 : 0
    while (this.#pending.length) {
      const [first] = this.#pending as [BadLine]
      const isBeforeIndex = indexAt !== undefined && indexAt > 0 && !this.#index && first.offset <= indexAt
      if (!isBeforeIndex && unplaced-- === 0) return
      this.#pending.shift()
      this.#miss(first)
    }
  }

  /**
   * Whether the index names exactly the parts that were found, in their order. Of a large checkpoint that is all there is
   * to judge; and two of its many parts may well have the same checksum, by which the others are told apart below.
   */
  #isAsWritten(parts: readonly FoundPart[]): boolean {
    const [header, rows, indexAt] = [this.#header, this.#index?.rows, this.#indexPlace?.offset]
    if (!header || !rows || indexAt === undefined || rows.length !== parts.length || parts.length === 0) return false
    if (this.#found.length !== parts.length) return false
    let lastKey: string | undefined
    for (let at = 0; at < parts.length; at++) {
      const { summary, seq, place, lastKey: last } = parts[at] as FoundPart
      const row = rows[at] as IndexRow
      if (row.crc !== summary.crc || row.firstKey !== summary.firstKey || seq > header.seq) return false
      if (summary.keys === 0 || place.offset > indexAt) return false
      if (lastKey !== undefined && summary.firstKey <= lastKey) return false
      lastKey = last
    }
    return true
  }

  /** The parts that count, each once; the others are set down as bad. */
  #ownParts(): FoundPart[] {
    const rows = this.#index && new Map(this.#index.rows.map((row, position) => [row.crc, position]))
    const seen = new Set<string>()
    const strangers = new Set<Found>()
    let furthest = -1
    const indexAt = this.#indexPlace?.offset ?? Number.POSITIVE_INFINITY
    const own: FoundPart[] = []
    for (const each of this.#parts()) {
      const { summary, seq, place } = each
      const position = rows?.get(summary.crc) ?? (rows ? undefined : own.length)
      const isForeign = position === undefined || seq > (this.#header?.seq ?? seq)
      if (isForeign || seen.has(summary.crc)) {
        this.#bad.push(place)
        strangers.add(each)
        continue
      }
      // Not lost, but not where it was written either.
      const last = own.at(-1)?.lastKey
      const isBehind = last === undefined || summary.firstKey > last
      if (position < furthest || !isBehind || place.offset > indexAt) this.#bad.push(place)
      furthest = Math.max(furthest, position)
      seen.add(summary.crc)
      own.push(each)
    }
    this.#found = this.#found.filter((found) => !strangers.has(found))
    return own
  }

  #lost(parts: readonly FoundPart[]): KeyRange[] {
    if (this.#header?.indexAt === 0) return []
    if (!this.#index) return this.#lostByGaps()
    // The index names every part, so what it names and was not found is exactly what is missing.
    const found = new Set(parts.map(({ summary }) => summary.crc))
    const { rows } = this.#index
    return rows.flatMap((row, position) =>
      found.has(row.crc) ? [] : [{ from: row.firstKey, to: rows[position + 1]?.firstKey }],
    )
  }

  /** Where lines are gone without a trace: a header, the first part that the index names in vain, or the index line. */
  #missing(parts: readonly FoundPart[], lost: readonly KeyRange[]): BadLine[] {
    if (!this.#header) return [{ number: 1, offset: 0, length: 0 }]
    if (lost.length === 0 && (this.#index || this.#header.indexAt === 0)) return []
    const next =
      this.#index?.rows.findIndex((row, position) => row.crc !== parts[position]?.summary.crc) ?? parts.length
    const { number, offset, length } = parts[next - 1]?.place ?? this.#headerPlace
    return [{ number: number + 1, offset: offset + length, length: 0 }]
  }

  /** Without the index: whatever lies between the readable neighbours of each bad stretch. */
  #lostByGaps(): KeyRange[] {
    const indexAt = this.#header?.indexAt
    // Where not even the index line's place is left, parts may be missing behind the last one that was found.
    const isAtIndex = ({ offset, length }: BadLine) => offset === indexAt || offset + length === indexAt
    const hasIndexPlace = [...this.#bad, ...this.#parts().map((each) => each.place)].some(isAtIndex)
    const found: Found[] = hasIndexPlace ? this.#found : [...this.#found, 'gap']
    const lost: KeyRange[] = []
    found.forEach((each, position) => {
      const before = found[position - 1]
      if (each !== 'gap' || before === 'gap') return
      const after = found.slice(position).find((later) => later !== 'gap')
      const last = before?.lastKey
      // The smallest string behind the last key of the part ahead.
      lost.push({ from: last === undefined ? undefined : `${last}\0`, to: after?.summary.firstKey })
    })
    return lost
  }
}

function toFound(line: PartLine, place: BadLine, isEnded: boolean): FoundPart {
  const { state, seq, timestamp, crc } = line
  const summary = {
    firstKey: state[0]?.key ?? '',
    offset: place.offset,
    bytes: place.length - (isEnded ? 1 : 0),
    keys: state.length,
    ...expiryRange(state),
    crc,
  }
  return { summary, seq, timestamp, lastKey: state.at(-1)?.key ?? '', place }
}

/**
 * As a lookup wants them. Where no index tells which of two parts with the same keys is a stranger, the later one is
 * left out: a lookup would find only one of them.
 */
function inKeyOrder(parts: readonly FoundPart[]): PartSummary[] {
  const inOrder = parts
    .filter(({ summary }) => summary.keys > 0)
    .sort((a, b) => (a.summary.firstKey < b.summary.firstKey ? -1 : a.summary.firstKey > b.summary.firstKey ? 1 : 0))
  const own: FoundPart[] = []
  for (const part of inOrder) {
    const last = own.at(-1)
    if (last === undefined || part.summary.firstKey > last.lastKey) own.push(part)
  }
  return own.map(({ summary }) => summary)
}
