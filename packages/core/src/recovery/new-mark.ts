import { keepDamagedMark, type Mark, NO_MARK, writeMark } from '../log/mark.js'
import type { StorePaths } from '../log/store-files.js'
import { isNoSpace } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { OpenedLog } from './opened-log.js'

/** Says what is on disk now, where nothing does or what does is of no use; the log has been synced. */
export async function newMark(
  fileSystem: FileSystem,
  paths: StorePaths,
  { store, lastSeq, lastTimestamp: timestamp }: Pick<OpenedLog, 'store' | 'lastSeq' | 'lastTimestamp'>,
  mainFileSeq: number | null,
): Promise<Mark> {
  keepDamagedMark(fileSystem, paths)
  const mark = { timestamp, store, seq: lastSeq, mainFileSeq, mainFileCrc: null }
  try {
    await writeMark(fileSystem, paths, mark)
    return mark
  } catch (error) {
    if (!isNoSpace(error)) throw error
    // A log can do without a mark for a while: it is written at the next checkpoint, or at close.
    return NO_MARK
  }
}
