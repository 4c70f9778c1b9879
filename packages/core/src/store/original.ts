import { FlatlogError } from '../base/errors.js'
import type { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { readWholeFile } from '../fs/whole-file.js'
import { LayeredIndex } from '../index/layered-index.js'
import { readLines } from '../log/line-reader.js'
import type { StorePaths } from '../log/names.js'
import { guessKey } from '../log/tail-reader.js'
import { decodeOlderLine, type OlderLine, objectPairs } from '../record/decode-older.js'
import type { ValueText } from '../record/value.js'
import { ANY_KEY, addDamage, addInDoubt, type Recovery } from './recovery.js'

/**
 * Installations of the original system: a main file that was written whole, and later a log of changes beside it.
 * Both are read as they are, and what they hold becomes a version 1 generation.
 */
export interface OriginalState {
  readonly index: LayeredIndex
  /** The number of the last line; line n of an older log counts as record n. */
  readonly lastSeq: number
}

/** The main file is read whole: the original system could not hold more than fits a string either. */
const MAX_MAIN_FILE_BYTES = 512 * 1024 * 1024

/** The state that an older log stands for, over the main file where it holds only the changes since that. */
export async function readOlderLog(
  fileSystem: FileSystem,
  paths: StorePaths,
  file: OpenFile,
  recovery: Recovery,
  slices: Slices,
  times: boolean,
): Promise<OriginalState> {
  const index = LayeredIndex.inMemory()
  const { readable, holdsState } = await survey(file, slices)
  const { sizeBytes } = file.status()
  const hasMainFile = !holdsState && importMainFile(fileSystem, paths, index, recovery, readable > 0)
  if (sizeBytes > 0 && readable === 0 && !hasMainFile) throw nothingReadable(file.path)
  let lastSeq = 0
  const fileName = file.path.slice(paths.logDirectory.length + 1)
  for (const raw of readLines(file)) {
    lastSeq = raw.number
    const line = decodeOlderLine(raw.bytes)
    if (isBlank(raw.bytes) && raw.ended) continue
    if (line.kind !== 'bad') replay(index, line, raw.number, times)
    else if (raw.offset + raw.length === sizeBytes) {
      recovery.clean = false
      recovery.cutBytes = raw.length
      recovery.notes.push(`The last line of ${fileName} is torn and was left out; the file is kept as it was.`)
    } else {
      const key = guessKey(raw.bytes)
      const { number, offset, length } = raw
      addDamage(recovery, { file: fileName, line: number, offset, bytes: length, ...(key !== undefined && { key }) })
      addInDoubt(recovery, [key, ANY_KEY])
      recovery.notes.push(`Line ${number} of ${fileName} cannot be read and was left out; the file is kept as it was.`)
    }
    if (slices.isDue()) await slices.pause()
  }
  return { index, lastSeq }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === 0x0d)
}

function nothingReadable(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `Nothing in ${path} can be read: it is no log. Nothing was touched. What to do: put a good copy in its place, or ` +
      'move it away.',
    { path, offset: 0 },
  )
}

function replay(index: LayeredIndex, line: Exclude<OlderLine, { kind: 'bad' }>, seq: number, times: boolean): void {
  const timeMs = times ? Date.parse(line.timestamp) || undefined : undefined
  if (line.kind === 'older') index.apply(line.operation, seq, timeMs)
  else index.apply({ kind: 'replace', data: line.state }, seq, timeMs)
}

/** How many lines can be read, and whether one of them holds a whole state. */
async function survey(file: OpenFile, slices: Slices): Promise<{ readable: number; holdsState: boolean }> {
  let readable = 0
  let holdsState = false
  for (const raw of readLines(file)) {
    const line = decodeOlderLine(raw.bytes)
    if (line.kind !== 'bad') readable++
    holdsState ||= line.kind === 'older-checkpoint' || (line.kind === 'older' && line.operation.kind === 'replace')
    if (slices.isDue()) await slices.pause()
  }
  return { readable, holdsState }
}

/** Takes the state over from the main file; returns false if there is none. */
export function importMainFile(
  fileSystem: FileSystem,
  paths: StorePaths,
  index: LayeredIndex,
  recovery: Recovery,
  hasLog: boolean,
): boolean {
  if (!fileSystem.status(paths.main)) return false
  const pairs = readMainFile(fileSystem, paths)
  if (pairs) {
    index.apply({ kind: 'replace', data: pairs }, 0, undefined)
    return true
  }
  const fileName = paths.main.slice(paths.directory.length + 1)
  // Alone, the main file is all the data that there is: an empty store in its place would be written over it.
  if (!hasLog) {
    throw new FlatlogError(
      'FLATLOG_CORRUPT',
      `${paths.main} is no JSON object, and there is no log of it. Nothing was touched. What to do: mend the file or put ` +
        'a backup of it in its place; or move it away to begin with an empty store.',
      { path: paths.main, offset: 0 },
    )
  }
  addDamage(recovery, { file: fileName, line: 1, offset: 0, bytes: fileSystem.status(paths.main)?.sizeBytes ?? 0 })
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push(
    `${fileName} is no JSON object. Its log holds only changes, so what was not changed since the log began is missing. ` +
      `The file is kept as ${fileName}.before-flatlog.`,
  )
  return true
}

function readMainFile(fileSystem: FileSystem, paths: StorePaths): [string, ValueText][] | undefined {
  const json = readWholeFile(fileSystem, paths.main, MAX_MAIN_FILE_BYTES)
    .toString('utf8')
    .replace(/^\ufeff/, '')
  try {
    JSON.parse(json)
  } catch {
    return undefined
  }
  return objectPairs(json)
}
