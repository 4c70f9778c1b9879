import { copyBytes, keepAs } from '../log/replace-log.js'
import { quarantinePath, type StorePaths } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'

/** Nothing that recovery takes out of use is deleted: it is kept beside, and on disk there before anything is cut. */

/** Copies the end of the log, from `offset` on, to a file of its own, whose path it returns. */
export async function setAside(
  machine: Machine,
  paths: StorePaths,
  file: OpenFile,
  offset: number,
  slices: Slices,
): Promise<string> {
  const { fileSystem, clock } = machine
  const path = freePath(fileSystem, quarantinePath(paths, clock.now(), offset))
  const aside = fileSystem.open(path, 'create')
  try {
    await copyBytes(file, aside, offset, file.status().sizeBytes, 0, slices)
    await aside.sync()
    aside.close()
    await fileSystem.syncDirectory(paths.logDirectory)
    return path
  } catch (error) {
    aside.close()
    // Half of it is of no use: all of it stands in the log yet.
    removeIfThere(fileSystem, path)
    throw error
  }
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

/** Of no use as long as it is a name of the very same file; false where another file has the first name by now. */
export function dropSecondName(fileSystem: FileSystem, path: string, secondName: string): boolean {
  const second = fileSystem.status(secondName)
  if (second && fileSystem.status(path)?.identity !== second.identity) return false
  removeIfThere(fileSystem, secondName)
  return true
}
