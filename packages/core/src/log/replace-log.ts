import type { Slices } from '../platform/clock.js'
import { isWithoutHardLinks } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { removeIfThere, writeFully } from '../platform/whole-file.js'
import type { StoreFiles } from './store-files.js'

/** How a finished, synced generation becomes the log, and how the file before it is kept. */

/**
 * Replaces the log by the unfinished generation and keeps the old file under another name. The log's name is never
 * missing: the old file gets its second name first, and a rename replaces in one step.
 */
export async function replaceLog(files: StoreFiles, keepOldAs: string, slices: Slices): Promise<void> {
  await keepAs(files, files.log, keepOldAs, slices)
  await files.syncNames()
  files.fileSystem.rename(files.unfinished, files.log)
  await files.syncNames()
}

/** Names a log where none was. Its bytes are on disk before. */
export async function publishFirst(files: StoreFiles): Promise<void> {
  files.fileSystem.rename(files.first, files.log)
  await files.syncNames()
}

/** Brings the bytes of a file to disk. */
export async function syncFile({ fileSystem }: StoreFiles, path: string): Promise<void> {
  const file = fileSystem.open(path, 'write')
  try {
    await file.sync()
  } finally {
    file.close()
  }
}

/** Gives a file a second name, which must be free. A file system without hard links gets a copy. */
export async function keepAs(files: StoreFiles, path: string, secondName: string, slices: Slices): Promise<void> {
  const { fileSystem } = files
  try {
    fileSystem.link(path, secondName)
    return
  } catch (error) {
    if (!isWithoutHardLinks(error)) throw error
  }
  // Under a name of its own until it is whole, so that half a backup does not look like a backup.
  const copy = files.unfinishedCopyOf(path)
  try {
    removeIfThere(fileSystem, copy)
    await copyFile(files, path, copy, slices)
    fileSystem.rename(copy, secondName)
  } catch (error) {
    removeIfThere(fileSystem, copy)
    throw error
  }
}

/**
 * Removes a second name while it still belongs to the file at `path`. Returns false where another file is at `path` by
 * now: then the second name is the only one that the file has.
 */
export function dropSecondName({ fileSystem }: StoreFiles, path: string, secondName: string): boolean {
  const second = fileSystem.status(secondName)
  if (second && fileSystem.status(path)?.identity !== second.identity) return false
  removeIfThere(fileSystem, secondName)
  return true
}

/** Copies a file. The copy's bytes are on disk when this resolves; its name may not be. */
export async function copyFile(
  { fileSystem }: StoreFiles,
  path: string,
  copyPath: string,
  slices: Slices,
): Promise<void> {
  const from = fileSystem.open(path, 'read')
  try {
    const to = fileSystem.open(copyPath, 'create')
    try {
      await copyBytes({ from, start: 0, end: from.status().sizeBytes }, { to, at: 0 }, slices)
      await to.sync()
    } finally {
      to.close()
    }
  } finally {
    from.close()
  }
}

/** Copies the bytes from `start` to `end` of one file to the offset `at` of another. */
export async function copyBytes(
  { from, start, end }: { readonly from: OpenFile; readonly start: number; readonly end: number },
  { to, at }: { readonly to: OpenFile; readonly at: number },
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
