import { isSameMark, NO_MARK, readMark } from '../log/mark.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { openIfThere } from '../platform/whole-file.js'
import type { Engine } from './engine.js'
import { mainFileLines } from './main-file.js'
import { checksumOf, firstBadLine, firstOtherLine, type Place } from './main-file-check.js'

/**
 * The mark and the main file are compared with what this process wrote, or found there when it opened the log. What is
 * not as it was is written anew at the next checkpoint or close. Called while neither is being written.
 */

export function damageOfMark({ machine, paths, views }: Engine): Place | undefined {
  const mark = readMark(machine.fileSystem, paths)
  if (mark && isSameMark(mark, views.mark)) return undefined
  // There was no room for one.
  if (mark === undefined && views.mark === NO_MARK) return undefined
  views.renewMark()
  return { line: 1, offset: 0, bytes: machine.fileSystem.status(paths.mark)?.sizeBytes ?? 0 }
}

export async function damageOfMainFile(engine: Engine, slices: Slices): Promise<Place | undefined> {
  const { fileSystem } = engine.machine
  const { paths, views } = engine
  const { crc, isKnown } = views.mainFile
  const file = openIfThere(fileSystem, paths.main)
  if (!file) {
    // After a crash it may have been put out of the way, as too long or not wanted any more.
    const isPutAway = !isKnown && fileSystem.status(`${paths.main}.stale`) !== undefined
    if (crc === null || isPutAway) return undefined
    views.renewMainFile()
    return { line: 1, offset: 0, bytes: 0 }
  }
  try {
    // There should be none: it is somebody else's.
    if (isKnown && crc === null) return undefined
    if (crc !== null && (await checksumOf(file, slices)) === crc) return undefined
    const place = isKnown ? await firstOtherPlace(engine, file, slices) : await firstBadLine(file, slices)
    if (place) views.renewMainFile()
    return place
  } finally {
    file.close()
  }
}

/** As exactly as it can be told: where the state has moved on, a line that is still JSON may be the bad one. */
async function firstOtherPlace({ index, lastSeq, views }: Engine, file: OpenFile, slices: Slices): Promise<Place> {
  const { mainFileSeq, timestamp } = views.mark
  const isOfNow = mainFileSeq === lastSeq
  const expected = mainFileLines(index, Date.parse(timestamp), slices)
  const other = isOfNow ? await firstOtherLine(file, expected, slices) : await firstBadLine(file, slices)
  return other ?? { line: 1, offset: 0, bytes: file.status().sizeBytes }
}
