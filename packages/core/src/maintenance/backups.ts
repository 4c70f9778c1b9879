import { backupsAmong } from '../log/names.js'
import type { Engine } from '../store/engine.js'

/** Removes backups beyond those that are to be kept, the oldest first; only files of exactly a backup's name. */
export async function rotateBackups(engine: Engine): Promise<void> {
  // An older backup may be what heals the damage yet.
  if (engine.recovery.inDoubt.length > 0) return
  const { fileSystem } = engine.system
  const { paths, options } = engine
  const surplus = backupsAmong(paths, fileSystem.list(paths.logDirectory)).slice(options.backups)
  for (const { path } of surplus.reverse()) fileSystem.remove(path)
  if (surplus.length) await fileSystem.syncDirectory(paths.logDirectory)
}
