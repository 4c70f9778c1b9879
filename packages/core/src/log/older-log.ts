import type { OpenFile } from '../fs/file-system.js'
import { validChecksum } from '../record/checksum.js'
import { decodeOlderLine } from '../record/decode-older.js'
import { readLines } from './line-reader.js'

/**
 * True for a log whose first line has no seq and in which no line bears a checksum that fits. Beside files of version
 * 1 it must have a line that can be read, too: zeros there are a damaged log of version 1, which a backup may heal.
 */
export function isOlderLog(file: OpenFile, isBesideOurs: boolean): boolean {
  let isReadable = !isBesideOurs
  for (const line of readLines(file)) {
    if (validChecksum(line.bytes) !== undefined) return false
    if (line.number === 1 && looksChecked(line.bytes)) return false
    isReadable ||= decodeOlderLine(line.bytes).kind !== 'bad'
  }
  return isReadable
}

/** A first line with a seq, or with a checksum that does not fit: a damaged line of ours and none of an older log. */
function looksChecked(line: Buffer): boolean {
  const text = line.toString('utf8')
  return /^\{"timestamp":"[^"]*","seq":/.test(text) || /,"crc":"[0-9a-f]{8}"\}$/.test(text)
}
