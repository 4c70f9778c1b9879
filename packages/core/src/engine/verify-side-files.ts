import { RunningChecksum } from '../format/checksum.js'
import { isSameMark, NO_MARK, readMark } from '../log/mark.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { openIfThere } from '../platform/whole-file.js'
import type { LiveLog } from './live-log.js'
import type { DamagedPlace } from './verify-file.js'

/**
 * Compares the mark and the main file with what this process wrote, or found there when it opened the log. One that
 * differs is named as a whole, and written again at the next checkpoint or close. Called while neither is being written.
 */

export function damageOfMark({ machine, paths, sideFiles }: LiveLog): DamagedPlace | undefined {
  const mark = readMark(machine.fileSystem, paths)
  if (mark && isSameMark(mark, sideFiles.mark)) return undefined
  // There was no room for one.
  if (mark === undefined && sideFiles.mark === NO_MARK) return undefined
  sideFiles.renewMark()
  return wholeFile(machine.fileSystem.status(paths.mark)?.sizeBytes ?? 0)
}

export async function damageOfMainFile(log: LiveLog, slices: Slices): Promise<DamagedPlace | undefined> {
  const { fileSystem } = log.machine
  const { paths, sideFiles } = log
  const { crc, isKnown } = sideFiles.mainFile
  const file = openIfThere(fileSystem, paths.main)
  if (!file) {
    // After a crash it may have been put aside, because the state is too long for it or no main file is wanted.
    const isPutAside = !isKnown && fileSystem.status(`${paths.main}.stale`) !== undefined
    if (crc === null || isPutAside) return undefined
    sideFiles.renewMainFile()
    return wholeFile(0)
  }
  try {
    // Without a checksum there is nothing to compare the file with: a crash came after the mark, or it is not ours.
    if (!isKnown || crc === null || (await checksumOf(file, slices)) === crc) return undefined
    sideFiles.renewMainFile()
    return wholeFile(file.status().sizeBytes)
  } finally {
    file.close()
  }
}

async function checksumOf(file: OpenFile, slices: Slices): Promise<string> {
  const crc = new RunningChecksum()
  const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, Math.max(1, file.status().sizeBytes)))
  for (let at = 0; ; ) {
    const filled = file.read(chunk, at)
    if (filled === 0) return crc.toString()
    crc.add(chunk.subarray(0, filled))
    at += filled
    if (slices.isDue()) await slices.pause()
  }
}

function wholeFile(bytes: number): DamagedPlace {
  return { line: 1, offset: 0, bytes }
}
