import { CHECKSUM_BYTES, validChecksum } from '../format/checksum.js'
import { type RawLine, readLines } from '../log/line-reader.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'

/** Long enough for the timestamp and the name of the field after it. */
const BEGINNING_BYTES = 256
const BEGINNING = /^\{"timestamp":"[^"\n]*","seq":/
const ENDING = /,"crc":"[0-9a-f]{8}"\}$/

/**
 * Returns whether a log is of format 0: no line has a valid checksum, and the first one has neither a seq nor anything
 * that looks like a checksum. Almost every log of version 1 says so in its first bytes.
 *
 * Next to files of version 1, at least one line must also be readable as format 0. Otherwise the log is a damaged one of
 * version 1, such as a log of zeros, which a backup may heal.
 */
export async function isLegacyLog(file: OpenFile, hasVersion1Files: boolean, slices: Slices): Promise<boolean> {
  if (beginsWithSeq(file)) return false
  for (const line of readLines(file)) {
    if (hasChecksum(line)) return false
    if (slices.isDue(line.length)) await slices.pause()
  }
  if (!hasVersion1Files) return true
  const { hasLegacyRecord } = await import('../legacy/read-legacy.js')
  return hasLegacyRecord(file, slices)
}

function beginsWithSeq(file: OpenFile): boolean {
  const bytes = Buffer.alloc(BEGINNING_BYTES)
  return BEGINNING.test(bytes.toString('latin1', 0, file.read(bytes, 0)))
}

/** In the first line a damaged checksum counts too: format 0 has none. */
function hasChecksum({ number, bytes }: RawLine): boolean {
  if (validChecksum(bytes) !== undefined) return true
  return number === 1 && ENDING.test(bytes.toString('latin1', Math.max(0, bytes.length - CHECKSUM_BYTES)))
}
