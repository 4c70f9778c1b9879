import { decodeLine } from '../format/decode.js'
import { DecodedParts, type PartTable } from '../format/index-line.js'
import { expiryRange } from '../format/part-meta.js'
import type { HeaderLine, IndexLine, IndexRow, PartLine, PartSummary, PartValue } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import { changedError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { readFully } from '../platform/whole-file.js'
import { type RawLine, readLines } from './line-reader.js'

/** A range of keys in key order. An undefined bound is open. */
export interface KeyRange {
  /** The first key of the range. */
  readonly from: string | undefined
  /** The first key after the range. */
  readonly to: string | undefined
}

/** Longer keys would hide the message. */
const MAX_SHOWN = 100

/** `keys from "a" to before "b"`, for a message. */
export function describeRange({ from, to }: KeyRange): string {
  const shown = (key: string) => JSON.stringify(key.slice(0, MAX_SHOWN))
  const end = to === undefined ? 'the last' : `before ${shown(to)}`
  return `keys from ${from === undefined ? 'the first' : shown(from)} to ${end}`
}

export interface BadLine {
  readonly number: number
  readonly offset: number
  /** 0 if the line is missing. */
  readonly length: number
}

/** The result of reading a checkpoint: header, parts and index line, whole or damaged. */
export interface CheckpointFound {
  readonly header: HeaderLine | undefined
  /** The last record that the checkpoint covers; undefined if neither header nor index can be read. */
  readonly seq: number | undefined
  /** Where the records after the checkpoint begin. */
  readonly end: number
  /** The number of the line there. */
  readonly nextLine: number
  /** The latest timestamp of a readable line of the checkpoint. */
  readonly timestamp: string
  readonly parts: number
  /** The parts of this checkpoint in key order, without those that belong elsewhere. */
  readonly ownParts: PartTable
  /** The highest seq of a part; undefined without parts. */
  readonly partsSeq: number | undefined
  /** True if the file ends inside the checkpoint, or in an unreadable line that begins there. */
  readonly isCutOff: boolean
  /** Lines that are unreadable, missing, doubled, moved, or not of this checkpoint. */
  readonly bad: readonly BadLine[]
  /** The keys of lines that are unreadable or missing. */
  readonly lost: readonly KeyRange[]
  /** A line that a newer version wrote. */
  readonly newer: { readonly what: string; readonly offset: number } | undefined
}

export function isInRange(key: string, range: KeyRange): boolean {
  return (range.from === undefined || key >= range.from) && (range.to === undefined || key < range.to)
}

/**
 * Reads every line of the checkpoint of a version 1 file. `onState` gets the state in pieces, since it may be larger
 * than memory.
 */
export async function readCheckpoint(
  file: OpenFile,
  slices: Slices,
  onState?: (state: readonly PartValue[]) => void,
): Promise<CheckpointFound> {
  const lines = new CheckpointLines()
  for (const raw of readLines(file)) {
    if (!lines.add(raw)) break
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
 * Reads the id of the store from the header of a log or backup. Undefined if no line can be read; `store` is
 * undefined if the first readable line that contains state is not the header.
 */
export function readStoreId(file: OpenFile): { readonly store: string | undefined } | undefined {
  for (const raw of readLines(file)) {
    const line = decodeLine(raw.bytes)
    if (line.kind !== 'bad' && line.kind !== 'index') return { store: line.kind === 'header' ? line.store : undefined }
  }
  return undefined
}

/** Where the checkpoint of the log ends, and which record it covers. */
export interface CheckpointPlace {
  readonly seq: number
  readonly bytes: number
  /** The header's checksum. */
  readonly crc: string
}

/** Reads the keys and values of a part again. Throws FLATLOG_IO if it has changed. */
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
/** A part, or an unreadable line that may have been one. */
type Found = FoundPart | 'gap'

/** Collects the lines of a checkpoint, then judges them together. */
class CheckpointLines {
  #header: HeaderLine | undefined
  #headerPlace: BadLine = { number: 0, offset: 0, length: 0 }
  #index: IndexLine | undefined
  #indexPlace: BadLine | undefined
  #newer: CheckpointFound['newer']
  #found: Found[] = []
  readonly #bad: BadLine[] = []
  /** Where the last unreadable line ends. */
  #unreadableEnd = 0
  /** Unreadable lines after which no line of the checkpoint has come yet. */
  #pending: BadLine[] = []
  /** The line after the last one of the checkpoint so far, or the first record. */
  #next: { number: number; offset: number } | undefined

  /** Adds the next line of the file. False if the checkpoint has ended before it: it ends at the first record. */
  add(raw: RawLine): boolean {
    const line = decodeLine(raw.bytes)
    const place = { number: raw.number, offset: raw.offset, length: raw.length }
    this.#next = { number: raw.number, offset: raw.offset }
    if (line.kind === 'record') return false
    if (line.kind === 'newer') {
      this.#newer = { what: line.what, offset: raw.offset }
      return false
    }
    this.#next = { number: raw.number + 1, offset: raw.offset + raw.length }
    if (line.kind === 'bad') {
      this.#pending.push(place)
      return true
    }
    // Since this line is of the checkpoint, so were the unreadable lines before it.
    for (const bad of this.#pending.splice(0)) this.#addUnreadable(bad)
    this.#addReadable(line, place, raw.ended)
    // The line is valid, but more than its newline may be missing.
    if (!raw.ended) {
      this.#bad.push(place)
      this.#unreadableEnd = raw.offset + raw.length
    }
    return true
  }

  #addReadable(line: HeaderLine | PartLine | IndexLine, place: BadLine, isEnded: boolean): void {
    if (line.kind === 'header' && !this.#header && this.#parts().length === 0) {
      this.#header = line
      this.#headerPlace = place
      // Lines before the header contained no keys of it, and an index line there is not its own.
      this.#found = []
      if (this.#indexPlace) this.#bad.push(this.#indexPlace)
      this.#indexPlace = undefined
    } else if (line.kind === 'part' && this.#header?.indexAt !== 0) this.#found.push(toFound(line, place, isEnded))
    else if (line.kind === 'index' && !this.#indexPlace) {
      this.#index = line
      this.#indexPlace = place
    } else this.#bad.push(place)
  }

  #addUnreadable(place: BadLine): void {
    this.#bad.push(place)
    this.#unreadableEnd = place.offset + place.length
    // The index line, whose place the header names, contains no keys.
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
      isCutOff:
        this.#unreadableEnd >= sizeBytes || (header !== undefined && header.indexAt >= sizeBytes && !this.#index),
      bad: [...new Set(this.#bad)].sort((a, b) => a.offset - b.offset),
      lost,
      newer: this.#newer,
    }
  }

  /** Decides which of the pending lines are of the checkpoint: those up to the place of the index. */
  #claimPending(): void {
    const { indexAt } = this.#header ?? {}
    // If the end of the checkpoint is unknown, one line is its own: the header, or the index after the parts.
    let unplaced = !this.#header && !this.#index ? 1 : 0
    while (this.#pending.length) {
      const [first] = this.#pending as [BadLine]
      const isBeforeIndex = indexAt !== undefined && indexAt > 0 && !this.#index && first.offset <= indexAt
      if (!isBeforeIndex && unplaced-- === 0) return
      this.#pending.shift()
      this.#addUnreadable(first)
    }
  }

  /**
   * True if the index names exactly the parts that were found, in their order. Then nothing is left to judge.
   * Besides, in a large checkpoint two parts may have the same checksum, by which `#ownParts` distinguishes parts.
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

  /** The parts of this checkpoint, each once. The others are added to the bad lines. */
  #ownParts(): FoundPart[] {
    const rows = this.#index && new Map(this.#index.rows.map((row, position) => [row.crc, position]))
    const seen = new Set<string>()
    const foreign = new Set<Found>()
    let furthest = -1
    const indexAt = this.#indexPlace?.offset ?? Number.POSITIVE_INFINITY
    const own: FoundPart[] = []
    for (const each of this.#parts()) {
      const { summary, seq, place } = each
      const position = rows?.get(summary.crc) ?? (rows ? undefined : own.length)
      const isForeign = position === undefined || seq > (this.#header?.seq ?? seq)
      if (isForeign || seen.has(summary.crc)) {
        this.#bad.push(place)
        foreign.add(each)
        continue
      }
      // A part that has moved is not lost, but reported.
      const last = own.at(-1)?.lastKey
      const isInOrder = last === undefined || summary.firstKey > last
      if (position < furthest || !isInOrder || place.offset > indexAt) this.#bad.push(place)
      furthest = Math.max(furthest, position)
      seen.add(summary.crc)
      own.push(each)
    }
    this.#found = this.#found.filter((found) => !foreign.has(found))
    return own
  }

  #lost(parts: readonly FoundPart[]): KeyRange[] {
    if (this.#header?.indexAt === 0) return []
    if (!this.#index) return this.#lostByGaps()
    // The index names every part, so exactly the parts that it names and that were not found are lost.
    const found = new Set(parts.map(({ summary }) => summary.crc))
    const { rows } = this.#index
    return rows.flatMap((row, position) =>
      found.has(row.crc) ? [] : [{ from: row.firstKey, to: rows[position + 1]?.firstKey }],
    )
  }

  /** The place of a line that is missing without a trace: the header, the first lost part, or the index line. */
  #missing(parts: readonly FoundPart[], lost: readonly KeyRange[]): BadLine[] {
    if (!this.#header) return [{ number: 1, offset: 0, length: 0 }]
    if (lost.length === 0 && (this.#index || this.#header.indexAt === 0)) return []
    const next =
      this.#index?.rows.findIndex((row, position) => row.crc !== parts[position]?.summary.crc) ?? parts.length
    const { number, offset, length } = parts[next - 1]?.place ?? this.#headerPlace
    return [{ number: number + 1, offset: offset + length, length: 0 }]
  }

  /** The keys that may be lost if there is no index: those between the readable neighbours of each gap. */
  #lostByGaps(): KeyRange[] {
    const indexAt = this.#header?.indexAt
    // If even the place of the index line is unknown, parts may be missing after the last one that was found.
    const isAtIndex = ({ offset, length }: BadLine) => offset === indexAt || offset + length === indexAt
    const hasIndexPlace = [...this.#bad, ...this.#parts().map((each) => each.place)].some(isAtIndex)
    const found: Found[] = hasIndexPlace ? this.#found : [...this.#found, 'gap']
    const lost: KeyRange[] = []
    found.forEach((each, position) => {
      const before = found[position - 1]
      if (each !== 'gap' || before === 'gap') return
      const after = found.slice(position).find((later) => later !== 'gap')
      const last = before?.lastKey
      // The smallest string after the last key of the part before.
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
 * The parts in the order of their keys, for lookups. If two have the same keys and no index shows which of them is
 * foreign, the later one is left out: a lookup would find only one of them.
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
