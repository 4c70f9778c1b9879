import { addUnknownEnd, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { readMark } from '../log/mark.js'
import { backupsAmong, type StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { Slices } from '../platform/clock.js'
import { FlatlogError, systemCode } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { addLostLog, chooseLog, refuseIfLogIsLost } from '../recovery/choose-log.js'
import { type Loaded, Loader, NothingReadable } from '../recovery/read-log.js'
import { State } from '../state/state.js'
import { FollowedFile } from './followed-file.js'

/** A state as it was read from the files of a store, perhaps while another process writes there. */
export interface ReadState {
  readonly index: State
  /** Where its values are read from, and open so that nothing else is taken for it; undefined where there is no log. */
  readonly file: FollowedFile | undefined
  /** What stood in the log's place; undefined if nothing did. */
  readonly logIdentity: string | undefined
  /** What the log holds; undefined where it is of format 0, or there is none. */
  readonly loaded: Loaded | undefined
  readonly lastSeq: number
  readonly recovery: Recovery
}

export interface Reading {
  readonly machine: Machine
  readonly paths: StorePaths
  readonly options: ResolvedOptions
  /** See `Replay`. */
  readonly lookFor?: number | undefined
}

/** A writer that compacts a small store may do so in the middle of several readings one after the other. */
const MAX_READINGS = 10

/**
 * No lock, no repair, nothing is written. What is found wrong counts only if the log is still the same file then: a
 * writer that compacts meanwhile leaves the files that were looked at first out of step with those that came later.
 */
export async function readState(reading: Reading): Promise<ReadState> {
  const { machine, paths } = reading
  const logIdentity = () => machine.fileSystem.status(paths.log)?.identity
  for (let left = MAX_READINGS; ; left--) {
    const before = logIdentity()
    let state: ReadState | undefined
    try {
      state = await readOnce(reading)
      const { clean, notes } = state.recovery
      if ((clean && notes.length === 0) || left === 1 || state.logIdentity === logIdentity()) return state
      state.file?.close()
    } catch (error) {
      state?.file?.close()
      const isOutOfStep = systemCode(error) === 'ENOENT' || before !== logIdentity()
      if (left === 1 || !isOutOfStep) throw error
    }
  }
}

async function readOnce(reading: Reading, isLogUnusable = false): Promise<ReadState> {
  const { machine, paths, options, lookFor } = reading
  const { fileSystem, clock } = machine
  const slices = new Slices(clock)
  const fileNames = namesIn(fileSystem, paths.logDirectory)
  const choice = await chooseLog(fileSystem, paths, fileNames, slices, isLogUnusable)
  if (choice.from === 'nothing') return await readMainFileOnly(reading)
  if (choice.from === 'legacy') return await readLegacy(reading, slices)
  if (choice.from !== 'log') refuseIfLogIsLost(options, choice, paths)
  const recovery = newRecovery('log')
  if (choice.from !== 'log') addLostLog(recovery, choice, paths)
  const instead = fileSystem.status(paths.log)?.identity
  const file = new FollowedFile(fileSystem.open(choice.from === 'log' ? paths.log : choice.path, 'read'))
  const logIdentity = choice.from === 'log' ? file.identity : instead
  let isKept = false
  try {
    const wasReleased = !fileSystem.status(paths.lock)
    const mark = readMark(fileSystem, paths)
    // Only now: what the mark says to be on disk is in the file by then.
    file.lookAgain()
    const loaded = await new Loader(
      {
        fileSystem,
        clock,
        paths,
        backups: backupsAmong(paths, fileNames),
        mark,
        storeBeside: choice.from === 'log' ? choice.store : undefined,
        wasReleased,
        times: options.times,
        cacheBytes: options.cacheBytes,
        isWhole: options.recovery === 'strict' || mark?.isToBeChecked === true,
        lookFor,
        recovery,
        onProgress: (phase, done, total) => options.onProgress({ phase, done, total }),
      },
      file,
    ).load()
    refuseIfStrict(options, recovery, paths)
    if (recovery.source !== 'log' && !loaded.isEndKnown) addUnknownEnd(recovery)
    isKept = true
    return { index: loaded.index, file, logIdentity, loaded, lastSeq: loaded.lastSeq, recovery }
  } catch (error) {
    if (error instanceof NothingReadable && !isLogUnusable) return await readOnce(reading, true)
    throw error
  } finally {
    if (!isKept) file.close()
  }
}

/** A store of format 0 that is only a main file may have no directory of logs, and a reader makes none. */
function namesIn(fileSystem: FileSystem, directory: string): readonly string[] {
  try {
    return fileSystem.list(directory)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return []
  }
}

async function readLegacy({ machine, paths, options }: Reading, slices: Slices): Promise<ReadState> {
  const { fileSystem } = machine
  const { readLegacyLog } = await import('../legacy/read-legacy.js')
  const file = new FollowedFile(fileSystem.open(paths.log, 'read'))
  try {
    const { pairs, lastSeq, recovery } = await readLegacyLog(fileSystem, paths, file, options, slices)
    refuseIfStrict(options, recovery, paths)
    return { index: State.inMemory(pairs), file, logIdentity: file.identity, loaded: undefined, lastSeq, recovery }
  } catch (error) {
    file.close()
    throw error
  }
}

async function readMainFileOnly({ machine, paths, options }: Reading): Promise<ReadState> {
  const { fileSystem } = machine
  if (!fileSystem.status(paths.main)) throw noStore(paths.name, paths.directory)
  const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
  const { pairs, lastSeq, recovery } = readLegacyMainFile(fileSystem, paths, options)
  const index = State.inMemory(pairs)
  return { index, file: undefined, logIdentity: undefined, loaded: undefined, lastSeq, recovery }
}

export function noStore(name: string, directory: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `There is no store of the name ${JSON.stringify(name)} in ${directory}. What to do: check dir and name; a store is ` +
      'made by opening it without readOnly.',
    { path: directory },
  )
}
