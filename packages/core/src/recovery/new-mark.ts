import { keepDamagedMark, type Mark, writeMark } from '../log/mark.js'
import { backupsAmong, type StorePaths } from '../log/store-files.js'
import { isNoSpace } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import { freePath } from '../platform/whole-file.js'
import { NO_MARK, type OpenedLog } from './opened-log.js'

/** Says what is on disk now, where nothing does or what does is of no use; the log has been synced. */
export async function newMark(
  fileSystem: FileSystem,
  paths: StorePaths,
  { store, lastSeq, lastTimestamp: timestamp }: OpenedLog,
  mainFileSeq: number | null,
): Promise<Mark> {
  const damaged = freePath(fileSystem, `${paths.mark}.damaged`)
  keepDamagedMark(fileSystem, paths)
  const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory)).map((backup) => backup.fileName)
  const mark = { timestamp, store, seq: lastSeq, mainFileSeq, mainFileCrc: null, backups: backups.sort() }
  try {
    await writeMark(fileSystem, paths, mark)
    return mark
  } catch (error) {
    if (!isNoSpace(error)) throw error
    // A log can do without until there is room: the mark is tried again at the latest at close.
    if (fileSystem.status(damaged) && !fileSystem.status(paths.mark)) fileSystem.rename(damaged, paths.mark)
    return NO_MARK
  }
}
