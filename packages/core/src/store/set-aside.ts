import type { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { freePath } from '../fs/whole-file.js'
import { quarantinePath, type StorePaths } from '../log/names.js'
import { copyBytes, keepAs } from '../log/publish.js'
import type { System } from './system.js'

/** Nothing that recovery takes out of use is deleted: it is kept beside, and on disk there before anything is cut. */

/** Copies the end of the log, from `offset` on, to a file of its own. */
export async function setAside(
  system: System,
  paths: StorePaths,
  file: OpenFile,
  offset: number,
  slices: Slices,
): Promise<void> {
  const { fileSystem, clock } = system
  const path = freePath(fileSystem, quarantinePath(paths, clock.now(), offset))
  const aside = fileSystem.open(path, 'create')
  try {
    await copyBytes(file, aside, offset, file.status().sizeBytes, 0, slices)
    await aside.sync()
  } finally {
    aside.close()
  }
  await fileSystem.syncDirectory(paths.logDirectory)
}

/** A second name for a file of the original system, before anything takes its first one. */
export async function keepOriginal(
  fileSystem: FileSystem,
  path: string,
  directory: string,
  slices: Slices,
): Promise<void> {
  const original = fileSystem.status(path)
  if (!original) return
  const kept = `${path}.before-flatlog`
  // A crash between this and the naming of the new log brings us here twice.
  if (fileSystem.status(kept)?.identity === original.identity) return
  await keepAs(fileSystem, path, freePath(fileSystem, kept), slices)
  await fileSystem.syncDirectory(directory)
}
