import type { Engine } from './engine.js'

/**
 * Removes backups beyond those that are to be kept, the oldest first; only files of exactly a backup's name, and only
 * once the mark on disk does not name them any more: else a crash in between would make it look as if somebody had
 * taken them away.
 */
export async function rotateBackups(engine: Engine): Promise<void> {
  const { fileSystem } = engine.machine
  const surplus = engine.views.surplusBackups()
  for (const { path } of surplus) await fileSystem.removeLong(path)
  if (surplus.length) await fileSystem.syncDirectory(engine.paths.logDirectory)
}
