import { validChecksum, withChecksum } from '../format/checksum.js'
import { readWholeFile, replaceWholeFile, writeFully } from '../platform/whole-file.js'
import type { StoreFiles } from './store-files.js'

/**
 * The records that were known to be on disk at the last clean close or checkpoint. A log that ends before its mark has
 * lost records, which the log alone cannot show.
 */
export interface Mark {
  readonly timestamp: string
  readonly store: string
  /** The last record that was on disk. */
  readonly seq: number
  /** The last record in the main file; null if there is no main file, or it is not known. */
  readonly mainFileSeq: number | null
  /** The checksum of the main file; null if there is no main file, or it is not known. */
  readonly mainFileCrc: string | null
  /** Damage was found while the store was open, so the next open reads the whole log. */
  readonly isToBeChecked?: boolean | undefined
}

/** Used when the disk had no space for the mark. It is not equal to any other mark, so it is replaced as soon as possible. */
export const NO_MARK: Mark = {
  timestamp: '',
  store: '',
  seq: -1,
  mainFileSeq: null,
  mainFileCrc: null,
}

/** A mark may also list the names of many backups, which are ignored. */
const MAX_MARK_BYTES = 1024 * 1024

/** Reads the mark. Undefined if there is none, null if it is damaged. */
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

/** Checks the fields: a line with a valid checksum may be a line of a log that was copied here. */
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

/** Compares everything but the timestamps. */
export function isSameMark(one: Mark, other: Mark): boolean {
  return spell(one) === spell(other)
}

function spell({ store, seq, mainFileSeq, mainFileCrc, isToBeChecked }: Mark): string {
  const crc = mainFileCrc === null ? null : `"${mainFileCrc}"`
  return `"store":"${store}","seq":${seq},"mainFileSeq":${mainFileSeq},"mainFileCrc":${crc}${isToBeChecked ? ',"isToBeChecked":true' : ''}`
}

export async function writeMark(files: StoreFiles, mark: Mark): Promise<void> {
  const line = withChecksum(`{"timestamp":"${mark.timestamp}","format":1,${spell(mark)}`)
  await replaceWholeFile(files.fileSystem, files.logDirectory, files.mark, files.unfinishedMark, (file) =>
    writeFully(file, Buffer.from(`${line}\n`), 0),
  )
}

/**
 * Sets aside a mark that is damaged or belongs to another store, before it is replaced. Returns where it is kept, or
 * undefined if there is no mark.
 */
export function keepDamagedMark(files: StoreFiles): string | undefined {
  const { fileSystem, mark } = files
  if (!fileSystem.status(mark)) return undefined
  const keptAs = files.newDamagedMarkPath()
  fileSystem.rename(mark, keptAs)
  return keptAs
}
