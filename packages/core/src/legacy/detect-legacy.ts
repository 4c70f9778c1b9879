import { CHECKSUM_BYTES, RunningChecksum, validChecksum } from '../format/checksum.js'
import { type RawLine, readLinesInSteps } from '../log/line-reader.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { HELD_LINE_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import { decodeOlderLine } from './decode-legacy.js'
import { isHeld, readLongLine } from './long-line.js'

/**
 * True for a log whose first line has no seq and in which no line bears a checksum that fits. Beside files of version
 * 1 it must have a line that can be read, too: zeros there are a damaged log of version 1, which a backup may heal.
 */
export async function isOlderLog(file: OpenFile, hasVersion1Files: boolean, slices: Slices): Promise<boolean> {
  let isReadable = !hasVersion1Files
  for (const line of readOlderLines(file)) {
    if (line) {
      if (isHeld(line) ? isOfVersion1(line) : await isLongOfVersion1(file, line, slices)) return false
      isReadable ||= await isReadableLine(file, line, slices)
    }
    if (slices.isDue(line?.length ?? READ_CHUNK_BYTES)) await slices.pause()
  }
  return isReadable
}

/** The lines of an older log, those with their bytes that are short enough for it: one line may be the whole state. */
export function readOlderLines(file: OpenFile): Generator<RawLine | undefined> {
  return readLinesInSteps(file, HELD_LINE_BYTES)
}

async function isReadableLine(file: OpenFile, line: RawLine, slices: Slices): Promise<boolean> {
  if (isHeld(line)) return decodeOlderLine(line.bytes).kind !== 'bad'
  return (await readLongLine(file, rangeOf(line), slices)).kind !== 'bad'
}

/** Without the newline. */
export function rangeOf({ offset, length, ended }: RawLine): { start: number; end: number } {
  return { start: offset, end: offset + length - (ended ? 1 : 0) }
}

/** A line that says that the log is one of ours. */
export function isOfVersion1({ number, bytes }: RawLine): boolean {
  return validChecksum(bytes) !== undefined || (number === 1 && looksChecked(bytes, bytes))
}

/** A first line with a seq, or with a checksum that does not fit: a damaged line of ours and none of an older log. */
function looksChecked(start: Buffer, end: Buffer): boolean {
  return BEGINNING.test(start.toString('utf8')) || ENDING.test(end.toString('latin1', end.length - CHECKSUM_BYTES))
}

const BEGINNING = /^\{"timestamp":"[^"]*","seq":/
const ENDING = /,"crc":"[0-9a-f]{8}"\}$/
/** A timestamp is short. */
const BEGINNING_BYTES = 1024

/** The same of a line that is too long to be held. */
export async function isLongOfVersion1(file: OpenFile, line: RawLine, slices: Slices): Promise<boolean> {
  const { start, end } = rangeOf(line)
  const first = Buffer.alloc(BEGINNING_BYTES)
  const last = Buffer.alloc(CHECKSUM_BYTES)
  file.read(first, start)
  file.read(last, end - CHECKSUM_BYTES)
  if (line.number === 1 && looksChecked(first, last)) return true
  if (!ENDING.test(last.toString('latin1'))) return false
  const crc = new RunningChecksum()
  const chunk = Buffer.allocUnsafe(READ_CHUNK_BYTES)
  for (let at = start; at < end - CHECKSUM_BYTES; ) {
    const filled = file.read(chunk.subarray(0, Math.min(chunk.length, end - CHECKSUM_BYTES - at)), at)
    if (filled === 0) return false
    crc.add(chunk.subarray(0, filled))
    at += filled
    if (slices.isDue(filled)) await slices.pause()
  }
  return last.toString('latin1', CHECKSUM_BYTES - 10, CHECKSUM_BYTES - 2) === crc.toString()
}
