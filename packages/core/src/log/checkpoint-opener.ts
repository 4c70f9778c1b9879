import { validChecksum } from '../format/checksum.js'
import { decodeLine } from '../format/decode.js'
import { DecodedParts, type PartTable, scanIndexLine } from '../format/index-line.js'
import { lineAfterCheckpoint } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { OPEN_CHECKED_BYTES, OPEN_WHOLE_BYTES } from '../platform/limits.js'
import { type CheckpointFound, readCheckpoint } from './checkpoint-reader.js'
import type { WrittenCheckpoint } from './checkpoint-writer.js'
import { type RawLine, readLine, readLines } from './line-reader.js'

/**
 * Opens the checkpoint of a log, reading as little of it as possible. Of a long one only header and index line are
 * read: they name the parts, each of which is checked when it is read. A short one is read whole; so is one whose
 * header and index line do not match, because then something is damaged.
 */
export async function openCheckpoint(file: OpenFile, slices: Slices, isWhole: boolean): Promise<CheckpointFound> {
  const found = isWhole ? undefined : await openByIndex(file, slices)
  return found ?? (await readCheckpoint(file, slices))
}

async function openByIndex(file: OpenFile, slices: Slices): Promise<CheckpointFound | undefined> {
  const first = readLine(file, 0)
  const header = first?.ended ? decodeLine(first.bytes) : undefined
  if (header?.kind !== 'header' || header.indexAt <= OPEN_WHOLE_BYTES) return undefined
  const raw = readLine(file, header.indexAt)
  // A copy: the index keeps its line, and the buffer of the reader may be twice as long.
  const index = raw?.ended
    ? scanIndexLine(Buffer.from(raw.bytes), (first as RawLine).length, header.indexAt)
    : undefined
  if (!raw || index?.seq !== header.seq) return undefined
  const { parts } = index
  if (header.indexAt <= OPEN_CHECKED_BYTES && !(await areWhole(file, parts, slices))) return undefined
  return {
    header,
    seq: header.seq,
    end: raw.offset + raw.length,
    nextLine: lineAfterCheckpoint(parts.length),
    timestamp: header.timestamp > index.timestamp ? header.timestamp : index.timestamp,
    parts: parts.length,
    ownParts: parts,
    partsSeq: header.seq,
    isCutOff: false,
    bad: [],
    lost: [],
    newer: undefined,
  }
}

/** True if exactly these parts are in the file, each with its checksum. */
async function areWhole(file: OpenFile, parts: PartTable, slices: Slices): Promise<boolean> {
  const [first, last] = [parts.summary(0), parts.summary(parts.length - 1)]
  let next = 0
  for (const line of readLines(file, { start: first.offset, end: last.offset + last.bytes + 1 })) {
    if (next === parts.length) return false
    const part = parts.summary(next++)
    if (line.offset !== part.offset || !line.ended || validChecksum(line.bytes) !== part.crc) return false
    if (slices.isDue()) await slices.pause()
  }
  return next === parts.length
}

/** Reads a checkpoint back that was just written, every byte of it. False if anything differs. */
export async function readBackCheckpoint(
  file: OpenFile,
  { bytes, parts, indexAt, headerCrc, indexCrc }: WrittenCheckpoint,
  slices: Slices,
): Promise<boolean> {
  const header = readLine(file, 0)
  if (!isLine(header, headerCrc)) return false
  if (parts.length === 0) return header.length === bytes
  // The rows need not be decoded: they were made from the parts, and the checksum proves them.
  const index = readLine(file, indexAt)
  if (!isLine(index, indexCrc) || index.offset + index.length !== bytes) return false
  return areWhole(file, new DecodedParts(parts), slices)
}

function isLine(line: RawLine | undefined, crc: string): line is RawLine {
  return line?.ended === true && validChecksum(line.bytes) === crc
}
