import { FlatlogError, ioError, systemCode } from './errors.js'
import type { FileSystem, OpenFile } from './file-system.js'

/** Small files that are read or written as a whole: the mark, the lock, what is set aside. */

export function readWholeFile(fileSystem: FileSystem, path: string, maxBytes: number): Buffer {
  const file = fileSystem.open(path, 'read')
  try {
    const { sizeBytes } = file.status()
    if (sizeBytes > maxBytes) {
      throw new FlatlogError('FLATLOG_TOO_LARGE', `${path} has ${sizeBytes} bytes; at most ${maxBytes} are read.`, {
        path,
      })
    }
    const bytes = Buffer.alloc(sizeBytes)
    return bytes.subarray(0, file.read(bytes, 0))
  } finally {
    file.close()
  }
}

/** Fills `into` from `position`; undefined if the file ends before that. Throws FLATLOG_IO if it cannot be read. */
export function readFully(file: OpenFile, into: Buffer, position: number, path = file.path): Buffer | undefined {
  try {
    return file.read(into, position) === into.length ? into : undefined
  } catch (cause) {
    throw ioError('read', path, cause, position)
  }
}

/** Writes all or throws: a short write is how a full disk shows, and is no success. */
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

/** For reading; undefined where there is no such file. */
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
    // Somebody else was faster.
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/** For cleaning up after an error, which says more than one of the removal would. */
export function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    removeIfThere(fileSystem, path)
  } catch {
    // The file stays. Every temporary file is removed by the next attempt, or by the next owner of the log.
  }
}

/**
 * Replaces a file in one step: at every moment its name stands for the whole old bytes or the whole new ones.
 * The order is what makes it hold through a power cut: bytes, their sync, the rename, the directory's sync.
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
  // Windows refuses to rename an open file.
  file.close()
  fileSystem.rename(temporaryPath, path)
  await fileSystem.syncDirectory(directory)
}

/** The first of `path`, `path.2`, `path.3`, … that is free: nothing that was kept is ever overwritten. */
export function freePath(fileSystem: FileSystem, path: string): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? path : `${path}.${number}`
    if (!fileSystem.status(candidate)) return candidate
  }
}
