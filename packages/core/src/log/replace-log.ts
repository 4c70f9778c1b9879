import { join } from 'node:path'
import type { Slices } from '../platform/clock.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { removeIfThere, writeFully } from '../platform/whole-file.js'
import { backupsAmong, type StorePaths, unfinishedAmong } from './store-files.js'

/** How a finished, synced generation becomes the log. */

/** Copies bytes of one file behind those of another, as they are. */
export async function copyBytes(
  from: OpenFile,
  to: OpenFile,
  start: number,
  end: number,
  at: number,
  slices: Slices,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(READ_CHUNK_BYTES)
  for (let done = 0; start + done < end; ) {
    const wanted = Math.min(chunk.length, end - start - done)
    const filled = from.read(chunk.subarray(0, wanted), start + done)
    if (filled === 0) throw Object.assign(new Error(`${from.path} ends early`), { code: 'EIO' })
    writeFully(to, chunk.subarray(0, filled), at + done)
    done += filled
    if (slices.isDue()) await slices.pause()
  }
}

/**
 * Puts the finished generation in the place of the log and keeps the old file under another name. At no moment is the
 * log's name missing: the old file gets its second name first, and a rename replaces in one step.
 */
export async function replaceLog(
  fileSystem: FileSystem,
  paths: StorePaths,
  keepOldAs: string,
  slices: Slices,
): Promise<void> {
  await keepAs(fileSystem, paths.log, keepOldAs, slices)
  await fileSystem.syncDirectory(paths.logDirectory)
  fileSystem.rename(paths.unfinished, paths.log)
  await fileSystem.syncDirectory(paths.logDirectory)
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Keeps a file under a second name, which must be free; on a file system without hard links by a copy of it. */
export async function keepAs(fileSystem: FileSystem, path: string, secondName: string, slices: Slices): Promise<void> {
  try {
    fileSystem.link(path, secondName)
    return
  } catch (error) {
    if (!NO_HARD_LINKS.has((error as { code?: string }).code ?? '')) throw error
  }
  // Under a name of its own until it is whole: half a backup must not look like one.
  const copy = `${path}.copy`
  try {
    removeIfThere(fileSystem, copy)
    await copyFile(fileSystem, path, copy, slices)
    fileSystem.rename(copy, secondName)
  } catch (error) {
    removeIfThere(fileSystem, copy)
    throw error
  }
}

/** A copy on disk, except for its name. */
export async function copyFile(fileSystem: FileSystem, path: string, copyPath: string, slices: Slices): Promise<void> {
  const from = fileSystem.open(path, 'read')
  try {
    const to = fileSystem.open(copyPath, 'create')
    try {
      await copyBytes(from, to, 0, from.status().sizeBytes, 0, slices)
      await to.sync()
    } finally {
      to.close()
    }
  } finally {
    from.close()
  }
}

/** A log where none was: its name is not made before its bytes are on disk. */
export async function publishFirst(fileSystem: FileSystem, paths: StorePaths): Promise<void> {
  fileSystem.rename(paths.first, paths.log)
  await fileSystem.syncDirectory(paths.logDirectory)
}

/**
 * What a crash in the middle of a publication leaves: unfinished files, what they were made of, and a backup's name that
 * the log itself got and kept. That is no backup: it would grow with the log, and be damaged with it.
 */
export function removeLeftovers(fileSystem: FileSystem, paths: StorePaths): void {
  removeUnfinished(fileSystem, paths)
  removeIfThere(fileSystem, paths.first)
  removeSecondNames(fileSystem, paths)
}

export function removeUnfinished(fileSystem: FileSystem, paths: StorePaths): void {
  for (const fileName of unfinishedAmong(paths, fileSystem.list(paths.logDirectory))) {
    removeIfThere(fileSystem, join(paths.logDirectory, fileName))
  }
}

/** Names of backups that the log itself got, and kept. */
export function removeSecondNames(fileSystem: FileSystem, paths: StorePaths): void {
  const identityOf = (path: string) => fileSystem.status(path)?.identity
  const log = identityOf(paths.log)
  // Where the system gives two files that are certainly not one the same identity, it says nothing.
  if (log === undefined || log === identityOf(paths.lock)) return
  for (const { path } of backupsAmong(paths, fileSystem.list(paths.logDirectory))) {
    if (identityOf(path) === log) removeIfThere(fileSystem, path)
  }
}
