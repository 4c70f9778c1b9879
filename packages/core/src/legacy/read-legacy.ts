import { ANY_KEY, addDamage, addInDoubt, newRecovery, type Recovery } from '../log/damage-report.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_LEGACY_TEXT_BYTES } from '../platform/limits.js'
import { readWholeFile } from '../platform/whole-file.js'
import { decodeLegacyLine, decodePairs, type LegacyLine, type LegacyPair } from './decode-legacy.js'
import { LegacyLog, readLegacyLines, refuseTooLong, textTooLong } from './legacy-log.js'
import { type LegacyState, LegacyValues } from './legacy-state.js'

/**
 * Format 0 is the format of the first storage: a main file NAME.json, and a log of changes whose lines have no `seq` and
 * no `crc`. It wrote its state with one `JSON.stringify`, so all of it is read into memory here.
 *
 * Load this file with `import()`, and only if there is such a file: hardly any store needs it.
 */

type LegacyOptions = Pick<ResolvedOptions, 'times' | 'onProgress'>

/** Reads a log, over the main file if the log has only changes. The log must be one of format 0 (`isLegacyLog`). */
export async function readLegacyLog(
  files: StoreFiles,
  file: OpenFile,
  options: LegacyOptions,
  slices: Slices,
): Promise<LegacyState> {
  const values = new LegacyValues()
  const recovery = newRecovery('older-log')
  const log = new LegacyLog(file, values, options)
  await log.read(slices)
  const needsMainFile = !log.hasState && files.status(files.main) !== undefined
  if (needsMainFile) {
    const pairs = readMainFile(files, options)
    if (pairs) addMissing(values, pairs, files.main)
    else if (log.records > 0) reportBadMainFile(recovery, files)
    else throw badMainFile(files.main)
  } else if (log.records === 0 && file.status().sizeBytes > 0) throw nothingReadable(file.path)
  log.report(recovery, files.logName)
  return toState(values, log.lastSeq, recovery)
}

/** Reads a main file that has no log. */
export function readLegacyMainFile(files: StoreFiles, options: LegacyOptions): LegacyState {
  const pairs = readMainFile(files, options)
  // The main file is all the data there is. If an empty store took its place, it would be overwritten.
  if (!pairs) throw badMainFile(files.main)
  const values = new LegacyValues()
  addMissing(values, pairs, files.main)
  return toState(values, 0, newRecovery('main-file'))
}

/** The records of a log of format 0. The number of the line counts as seq. */
export async function* readLegacyRecords(
  file: OpenFile,
  slices: Slices,
): AsyncGenerator<{ readonly seq: number; readonly line: LegacyLine }, void, undefined> {
  for (const raw of readLegacyLines(file)) {
    refuseTooLong(file, raw)
    const line = decodeLegacyLine(raw.bytes)
    if (line) yield { seq: raw.number, line }
    if (slices.isDue(raw.length)) await slices.pause()
  }
}

export async function hasLegacyRecord(file: OpenFile, slices: Slices): Promise<boolean> {
  for (const raw of readLegacyLines(file)) {
    if (decodeLegacyLine(raw.bytes)) return true
    if (slices.isDue(raw.length)) await slices.pause()
  }
  return false
}

const BYTE_ORDER_MARK = '\ufeff'

/** Returns undefined if the file is not a JSON object. */
function readMainFile({ fileSystem, main }: StoreFiles, { onProgress }: LegacyOptions): LegacyPair[] | undefined {
  const total = fileSystem.status(main)?.sizeBytes ?? 0
  if (total > MAX_LEGACY_TEXT_BYTES) throw textTooLong(main, total, main, 0)
  const text = readWholeFile(fileSystem, main, MAX_LEGACY_TEXT_BYTES).toString('utf8')
  const pairs = decodePairs(text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text)
  onProgress({ phase: 'main-file', done: total, total })
  return pairs
}

/** A key that the log says anything about is not taken from the main file. */
function addMissing(values: LegacyValues, pairs: readonly LegacyPair[], path: string): void {
  const place = { path, line: undefined, offset: 0 }
  for (const [key, value] of pairs) if (!values.has(key)) values.set(key, value, undefined, place)
}

function toState(values: LegacyValues, lastSeq: number, recovery: Recovery): LegacyState {
  const pairs = values.inKeyOrder()
  const sizeBytes = pairs.reduce((bytes, { key, value }) => bytes + key.length + Buffer.byteLength(value.text), 0)
  return { pairs, sizeBytes, lastSeq, recovery }
}

function reportBadMainFile(recovery: Recovery, { fileSystem, main, mainName: file }: StoreFiles): void {
  addDamage(recovery, { file, line: 1, offset: 0, bytes: fileSystem.status(main)?.sizeBytes ?? 0 })
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push(
    `${file} is not a JSON object. Its log has only changes, so keys that have not changed since the log began are ` +
      'missing.',
  )
}

function badMainFile(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${path} is not a JSON object, and no log has any records. Nothing was changed. What to do: repair the file or restore ` +
      'it from a backup, or move it away to begin with an empty store.',
    { path, offset: 0 },
  )
}

function nothingReadable(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${path} is not a log: no line of it can be read. Nothing was changed. What to do: replace it with a good copy, or ` +
      'move it away.',
    { path, offset: 0 },
  )
}
