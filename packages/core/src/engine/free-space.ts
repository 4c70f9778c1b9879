import type { FileSystem } from '../platform/file-system.js'

/** What a file is written with, beyond its own length, so that the disk is not filled to its last byte … */
const SPARE_BYTES = 1024 * 1024
/** … and on a disk that may be small itself as much as the file has, but no less than this. */
const MIN_SPARE_BYTES = 64 * 1024

/**
 * Asked before a file is written that can wait: it must not take the room from a record that cannot. `roughBytes` is an
 * upper bound of the file's length; `exactBytes` takes a walk over the state and is asked for only where that is too much.
 */
export async function lackOfSpace(
  fileSystem: FileSystem,
  directory: string,
  roughBytes: number,
  exactBytes: () => Promise<number>,
): Promise<{ readonly needed: number; readonly free: number } | undefined> {
  const free = fileSystem.freeBytes(directory)
  if (free === undefined || free >= roughBytes + SPARE_BYTES) return undefined
  const bytes = await exactBytes()
  const needed = bytes + Math.min(Math.max(bytes, MIN_SPARE_BYTES), SPARE_BYTES)
  return free >= needed ? undefined : { needed, free }
}
