import type { LiveLog } from './live-log.js'

/**
 * Removes backups beyond those that are to be kept, the oldest first; only files of exactly a backup's name, and only
 * once the mark on disk does not name them any more: else a crash in between would make it look as if somebody had
 * taken them away.
 */
export async function rotateBackups(log: LiveLog): Promise<void> {
  const { fileSystem } = log.machine
  const surplus = log.sideFiles.surplusBackups()
  for (const { path } of surplus) await fileSystem.removeLong(path)
  if (surplus.length) await fileSystem.syncDirectory(log.paths.logDirectory)
}
