import type { FileSystem } from '../platform/file-system.js'

/** A new file must leave so much space free … */
const SPARE_BYTES = 1024 * 1024
/** … or, if the file is shorter than that, as much as its own length, but at least this. */
const MIN_SPARE_BYTES = 64 * 1024

/**
 * Checks whether the disk has space for a file that can wait, so that records, which cannot, keep enough. Undefined if it
 * has. `roughBytes`: an upper bound of the file's length. `exactBytes` walks over the state, so it is called only if the
 * bound does not fit.
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
