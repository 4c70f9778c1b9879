import { validChecksum, withChecksum } from '../format/checksum.js'
import { freePath, readWholeFile, replaceWholeFile, writeFully } from '../platform/whole-file.js'
import type { StoreFiles } from './store-files.js'

/**
 * What was known to be on disk at the last clean close or checkpoint. A log that ends before its mark has lost records,
 * which nothing inside the log itself could show.
 */
export interface Mark {
  readonly timestamp: string
  readonly store: string
  /** The last record on disk. */
  readonly seq: number
  /** The record that the main file was last written at; null where there is no main file. */
  readonly mainFileSeq: number | null
  /** The checksum of the main file's bytes; null if there is no main file, or it is not known. */
  readonly mainFileCrc: string | null
  /** Damage was found while the store was open: the next opening reads all of the log. */
  readonly isToBeChecked?: boolean | undefined
}

/** Stands for a mark that there is no room for: it differs from every other, so it is replaced at the next chance. */
export const NO_MARK: Mark = {
  timestamp: '',
  store: '',
  seq: -1,
  mainFileSeq: null,
  mainFileCrc: null,
}

/** Earlier versions also wrote the names of the backups, which may be many; they are ignored. */
const MAX_MARK_BYTES = 1024 * 1024

/** Undefined: no mark. Null: one that is damaged. */
export function readMark(files: StoreFiles): Mark | null | undefined {
  if (!files.status(files.mark)) return undefined
  let line: Buffer
  try {
    line = readWholeFile(files.fileSystem, files.mark, MAX_MARK_BYTES)
  } catch (error) {
    if ((error as { code?: string }).code === 'FLATLOG_TOO_LARGE') return null
    throw error
  }
  if (line.at(-1) !== 0x0a || validChecksum(line.subarray(0, -1)) === undefined) return null
  try {
    return toMark(JSON.parse(line.toString('utf8')))
  } catch {
    return null
  }
}

/** A line with a checksum that fits need not be a mark: somebody may have put a line of a log in its place. */
function toMark(value: unknown): Mark | null {
  if (typeof value !== 'object' || value === null || 'op' in value) return null
  const { timestamp, store, seq, mainFileSeq = null, mainFileCrc = null, isToBeChecked } = value as Partial<Mark>
  const isMark =
    typeof timestamp === 'string' &&
    typeof store === 'string' &&
    isSeq(seq) &&
    (mainFileSeq === null || isSeq(mainFileSeq)) &&
    (mainFileCrc === null || typeof mainFileCrc === 'string') &&
    (isToBeChecked === undefined || typeof isToBeChecked === 'boolean')
  return isMark ? { timestamp, store, seq, mainFileSeq, mainFileCrc, isToBeChecked } : null
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether both say the same, whenever they were written. */
export function isSameMark(one: Mark, other: Mark): boolean {
  return spell(one) === spell(other)
}

function spell({ store, seq, mainFileSeq, mainFileCrc, isToBeChecked }: Mark): string {
  const crc = mainFileCrc === null ? null : `"${mainFileCrc}"`
  return `"store":"${store}","seq":${seq},"mainFileSeq":${mainFileSeq},"mainFileCrc":${crc}${isToBeChecked ? ',"isToBeChecked":true' : ''}`
}

export async function writeMark(files: StoreFiles, mark: Mark): Promise<void> {
  const line = withChecksum(`{"timestamp":"${mark.timestamp}","format":1,${spell(mark)}`)
  await replaceWholeFile(files.fileSystem, files.logDirectory, files.mark, `${files.mark}.new`, (file) =>
    writeFully(file, Buffer.from(`${line}\n`), 0),
  )
}

/** Keeps a mark that is about to be replaced because it is damaged, or belongs to another store. */
export function keepDamagedMark(files: StoreFiles): void {
  const { fileSystem, mark } = files
  if (fileSystem.status(mark)) fileSystem.rename(mark, freePath(fileSystem, `${mark}.damaged`))
}
