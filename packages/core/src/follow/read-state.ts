import { type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { readMark } from '../log/mark.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError, systemCode } from '../platform/errors.js'
import { chooseLog, type LogChoice, refuseIfLogIsLost } from '../recovery/choose-log.js'
import { type LogContent, NothingReadable, readLog } from '../recovery/read-log.js'
import { State } from '../state/state.js'
import { FollowedFile } from './followed-file.js'

/** A state that was read from the files of a store, perhaps while another process was writing them. */
export interface ShownState {
  readonly state: State
  /** Contains the values, and stays open so that no new file gets its identity. Undefined if there is no log. */
  readonly file: FollowedFile | undefined
  /** Identity of the file that had the log's name; undefined if there was none. */
  readonly logIdentity: string | undefined
  /** The content of the log; undefined for format 0, or if there is no log. */
  readonly log: LogContent | undefined
  readonly lastSeq: number
  readonly recovery: Recovery
}

/** A writer may compact a small store during several reads in a row. */
const MAX_READINGS = 10

/**
 * Reads a store without a lock, and without repairing or writing anything. Errors and damage count only if the log is
 * still the same file afterwards: if it was compacted meanwhile, the files do not match each other, so read them again.
 * `lookFor`: see `ReplayOptions`.
 */
export async function readShownState(
  files: StoreFiles,
  options: ResolvedOptions,
  lookFor: number | undefined,
): Promise<ShownState> {
  const logIdentity = () => files.status(files.log)?.identity
  for (let left = MAX_READINGS; ; left--) {
    const before = logIdentity()
    let read: ShownState | undefined
    try {
      read = await readOnce(files, options, lookFor)
      const { clean, notes } = read.recovery
      if ((clean && notes.length === 0) || left === 1 || read.logIdentity === logIdentity()) return read
      read.file?.close()
    } catch (error) {
      read?.file?.close()
      const isOutOfStep = systemCode(error) === 'ENOENT' || before !== logIdentity()
      if (left === 1 || !isOutOfStep) throw error
    }
  }
}

async function readOnce(
  files: StoreFiles,
  options: ResolvedOptions,
  lookFor: number | undefined,
  isLogUnusable = false,
): Promise<ShownState> {
  const slices = files.slices()
  const choice = await chooseLog(files, namesIn(files), slices, isLogUnusable)
  if (choice.from === 'nothing') return await readMainFileOnly(files, options)
  if (choice.from === 'legacy') return await readLegacy(files, options, slices)
  if (choice.from !== 'log') refuseIfLogIsLost(options, choice, files)
  try {
    return await fromLog(files, choice, options, lookFor)
  } catch (error) {
    if (error instanceof NothingReadable && !isLogUnusable) return await readOnce(files, options, lookFor, true)
    throw error
  }
}

async function fromLog(
  files: StoreFiles,
  choice: LogChoice,
  options: ResolvedOptions,
  lookFor: number | undefined,
): Promise<ShownState> {
  const replaced = files.status(files.log)?.identity
  const file = new FollowedFile(files.open(choice.from === 'log' ? files.log : choice.path, 'read'))
  try {
    const wasReleased = !files.status(files.lock)
    const mark = readMark(files)
    // Only after the mark was read does the file certainly have all records that the mark names.
    file.refresh()
    const log = await readLog(files, file, { choice, mark, wasReleased, lookFor }, options)
    const logIdentity = choice.from === 'log' ? file.identity : replaced
    return { state: log.state, file, logIdentity, log, lastSeq: log.lastSeq, recovery: log.recovery }
  } catch (error) {
    file.close()
    throw error
  }
}

/** Empty without the directory of logs: a format 0 store may be only a main file, and readers create nothing. */
function namesIn(files: StoreFiles): readonly string[] {
  try {
    return files.list()
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return []
  }
}

async function readLegacy(files: StoreFiles, options: ResolvedOptions, slices: Slices): Promise<ShownState> {
  const { readLegacyLog } = await import('../legacy/read-legacy.js')
  const file = new FollowedFile(files.open(files.log, 'read'))
  try {
    const { pairs, lastSeq, recovery } = await readLegacyLog(files, file, options, slices)
    refuseIfStrict(options, recovery, files)
    return { state: State.inMemory(pairs), file, logIdentity: file.identity, log: undefined, lastSeq, recovery }
  } catch (error) {
    file.close()
    throw error
  }
}

async function readMainFileOnly(files: StoreFiles, options: ResolvedOptions): Promise<ShownState> {
  if (!files.status(files.main)) throw noStore(files.name, files.directory)
  const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
  const { pairs, lastSeq, recovery } = readLegacyMainFile(files, options)
  return { state: State.inMemory(pairs), file: undefined, logIdentity: undefined, log: undefined, lastSeq, recovery }
}

export function noStore(name: string, directory: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `There is no store named ${JSON.stringify(name)} in ${directory}. What to do: check dir and name, or create the store by ` +
      'opening it without readOnly.',
    { path: directory },
  )
}
