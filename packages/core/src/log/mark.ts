import type { FileSystem } from '../fs/file-system.js'
import { readWholeFile, replaceWholeFile, writeFully } from '../fs/whole-file.js'
import { validChecksum, withChecksum } from '../record/checksum.js'
import type { StorePaths } from './names.js'

/**
 * What was known to be on disk at the last clean close or checkpoint. A log that ends before its mark has lost
 * records, which nothing inside the log itself could show.
 */
export interface Mark {
  readonly store: string
  /** The last record on disk. */
  readonly seq: number
  /** The record that the main file was last written at; null where there is no main file. */
  readonly mainFileSeq: number | null
}

const MAX_MARK_BYTES = 4096

/** Undefined: no mark. Null: one that is damaged. */
export function readMark(fileSystem: FileSystem, paths: StorePaths): Mark | null | undefined {
  if (!fileSystem.status(paths.mark)) return undefined
  let line: Buffer
  try {
    line = readWholeFile(fileSystem, paths.mark, MAX_MARK_BYTES)
  } catch (error) {
    if ((error as { code?: string }).code === 'FLATLOG_TOO_LARGE') return null
    throw error
  }
  if (line.at(-1) !== 0x0a || validChecksum(line.subarray(0, -1)) === undefined) return null
  const { store, seq, mainFileSeq = null } = JSON.parse(line.toString('utf8')) as Partial<Mark>
  return typeof store === 'string' && Number.isSafeInteger(seq) ? { store, seq: seq as number, mainFileSeq } : null
}

export async function writeMark(
  fileSystem: FileSystem,
  paths: StorePaths,
  timestamp: string,
  mark: Mark,
): Promise<void> {
  const { store, seq, mainFileSeq } = mark
  const line = withChecksum(
    `{"timestamp":"${timestamp}","format":1,"store":"${store}","seq":${seq},"mainFileSeq":${mainFileSeq}`,
  )
  await replaceWholeFile(fileSystem, paths.logDirectory, paths.mark, `${paths.mark}.new`, (file) =>
    writeFully(file, Buffer.from(`${line}\n`), 0),
  )
}
