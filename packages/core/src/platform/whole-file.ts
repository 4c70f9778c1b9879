import { FlatlogError, ioError, systemCode } from './errors.js'
import type { FileSystem, OpenFile } from './file-system.js'

/** Reads a small file, such as a mark or a lock. */
export function readWholeFile(fileSystem: FileSystem, path: string, maxBytes: number): Buffer {
  const file = fileSystem.open(path, 'read')
  try {
    const { sizeBytes } = file.status()
    if (sizeBytes > maxBytes) {
      throw new FlatlogError('FLATLOG_TOO_LARGE', `${path} has ${sizeBytes} bytes, the limit is ${maxBytes}.`, { path })
    }
    const bytes = Buffer.alloc(sizeBytes)
    return bytes.subarray(0, file.read(bytes, 0))
  } finally {
    file.close()
  }
}

/** Fills `into` from `position`; undefined if the file ends before that. `path`: the name for errors. */
export function readFully(file: OpenFile, into: Buffer, position: number, path = file.path): Buffer | undefined {
  try {
    return file.read(into, position) === into.length ? into : undefined
  } catch (cause) {
    throw ioError('read', path, cause, position)
  }
}

/** Writes all bytes or throws. A disk that becomes full shows it by a short write. */
export function writeFully(file: OpenFile, bytes: Uint8Array, position: number): void {
  const written = file.write(bytes, position)
  if (written !== bytes.length) {
    const cause = Object.assign(new Error(`${written} of ${bytes.length} bytes were written`), { code: 'ENOSPC' })
    throw ioError('write', file.path, cause, position)
  }
}

/**
 * Makes a file with these bytes, or none if they cannot be written. They are not synced: the file need not survive a
 * power cut.
 */
export function createWholeFile(fileSystem: FileSystem, path: string, bytes: Uint8Array): void {
  const file = fileSystem.open(path, 'create')
  try {
    writeFully(file, bytes, 0)
  } catch (error) {
    file.close()
    removeQuietly(fileSystem, path)
    throw error
  }
  file.close()
}

/** Opens a file for reading; undefined if it does not exist. */
export function openIfThere(fileSystem: FileSystem, path: string): OpenFile | undefined {
  try {
    return fileSystem.open(path, 'read')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

export function removeIfThere(fileSystem: FileSystem, path: string): void {
  if (!fileSystem.status(path)) return
  try {
    fileSystem.remove(path)
  } catch (error) {
    // Another process was faster.
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/** Cleans up, usually after an error that must not be replaced by another one. */
export function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    removeIfThere(fileSystem, path)
  } catch {
    // The next attempt, or the next owner of the log, removes it.
  }
}

/**
 * Replaces a file in one step: its name always refers to all the old bytes or to all the new ones.
 *
 * The order makes this true after a power cut too: write, sync, rename, sync of the directory.
 */
export async function replaceWholeFile(
  fileSystem: FileSystem,
  directory: string,
  path: string,
  temporaryPath: string,
  write: (file: OpenFile) => void | Promise<void>,
): Promise<void> {
  removeIfThere(fileSystem, temporaryPath)
  const file = fileSystem.open(temporaryPath, 'create')
  try {
    await write(file)
    await file.sync()
  } catch (error) {
    file.close()
    removeQuietly(fileSystem, temporaryPath)
    throw error
  }
  // Windows cannot rename an open file.
  file.close()
  fileSystem.rename(temporaryPath, path)
  await fileSystem.syncDirectory(directory)
}

/** The first free path of `path`, `path.2`, `path.3`, …: a kept file is never overwritten. */
export function freePath(fileSystem: FileSystem, path: string): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? path : `${path}.${number}`
    if (!fileSystem.status(candidate)) return candidate
  }
}
