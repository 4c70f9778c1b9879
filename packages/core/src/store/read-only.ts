import { FlatlogError, ioError } from '../base/errors.js'
import { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import type { KeyIndex } from '../index/key-index.js'
import { chooseGeneration, filesBeside } from '../log/choose.js'
import { readMark } from '../log/mark.js'
import { backupsAmong, type StorePaths } from '../log/names.js'
import type { StoreBackend } from './backend.js'
import { Loader, NothingReadable } from './load.js'
import type { ResolvedOptions } from './options.js'
import { readMainFile, readOlderLog } from './original.js'
import { indexOfOriginal } from './original-index.js'
import type { OriginalContext } from './original-state.js'
import { addLostLog, addUnknownEnd, newRecovery, type Recovery, refuseIfLogIsLost, refuseIfStrict } from './recovery.js'
import type { System } from './system.js'

interface ReadState {
  readonly index: KeyIndex
  /** Where its values are read from; undefined where all of them are in memory. */
  readonly file: OpenFile | undefined
  readonly lastSeq: number
  readonly recovery: Recovery
}

/** The state as it is on disk now, while perhaps another process writes: no lock, no repair, nothing is written. */
export async function openReadOnly(system: System, paths: StorePaths, options: ResolvedOptions): Promise<StoreBackend> {
  let state = await describing(paths, () => read(system, paths, options))
  const refuse = (): never => {
    throw new FlatlogError(
      'FLATLOG_READ_ONLY',
      `The store ${JSON.stringify(paths.name)} was opened with readOnly: true. What to do: open it without, to write.`,
      { path: paths.log },
    )
  }
  return {
    name: paths.name,
    get recovery() {
      return state.recovery
    },
    now: () => system.clock.now(),
    lookUp: (key) => state.index.get(key, system.clock.now()),
    has: (key) => state.index.has(key, system.clock.now()),
    page: (query, limit) => state.index.page(query, limit, system.clock.now()),
    pageOfKeys: (query, limit) => state.index.pageOfKeys(query, limit, system.clock.now()),
    checkWritable: refuse,
    write: async () => refuse(),
    settled: async () => {},
    watch: refuse,
    changes: refuse,
    onProblem: () => () => {},
    flush: async () => {},
    compact: async () => refuse(),
    verify: async () => refuse(),
    stats: () => ({ readOnly: true, lastSeq: state.lastSeq }),
    health: () => ({ ok: true, problems: [] }),
    reopen: async () => {
      const former = state
      state = await describing(paths, () => read(system, paths, options))
      former.file?.close()
    },
    release: async () => state.file?.close(),
  }
}

async function describing(paths: StorePaths, action: () => Promise<ReadState>): Promise<ReadState> {
  try {
    return await action()
  } catch (error) {
    throw ioError('read', paths.log, error)
  }
}

async function read(system: System, paths: StorePaths, options: ResolvedOptions, isLogOut = false): Promise<ReadState> {
  const { fileSystem, clock } = system
  const slices = new Slices(clock)
  const fileNames = fileSystem.list(paths.logDirectory)
  const choice = await chooseGeneration(fileSystem, paths, fileNames, slices, isLogOut)
  if (choice.from === 'nothing') return await readMainFileOnly(system, paths, options, slices)
  if (choice.from !== 'log') refuseIfLogIsLost(options, choice, paths)
  const recovery = newRecovery('log')
  if (choice.from !== 'log') addLostLog(recovery, choice, paths)
  const path = choice.from === 'log' ? paths.log : choice.path
  const file = fileSystem.open(path, 'read')
  let isKept = false
  try {
    const context = originalContext(system, paths, options, recovery, slices)
    const older = await readOlderLog(context, file, filesBeside(paths, fileNames).length > 0)
    if (older) return { index: await indexOfOriginal(older), file: undefined, lastSeq: older.lastSeq, recovery }
    const wasReleased = !fileSystem.status(paths.lock)
    const mark = readMark(fileSystem, paths)
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
        recovery,
        onProgress: (phase, done, total) => options.onProgress({ phase, done, total }),
      },
      file,
    ).load()
    refuseIfStrict(options, recovery, paths)
    if (recovery.source !== 'log' && !loaded.isEndKnown) addUnknownEnd(recovery)
    isKept = true
    return { index: loaded.index, file, lastSeq: loaded.lastSeq, recovery }
  } catch (error) {
    if (error instanceof NothingReadable && !isLogOut) return await read(system, paths, options, true)
    throw error
  } finally {
    if (!isKept) file.close()
  }
}

/** An installation of the original system that has no log. */
async function readMainFileOnly(
  system: System,
  paths: StorePaths,
  options: ResolvedOptions,
  slices: Slices,
): Promise<ReadState> {
  const recovery = newRecovery('main-file')
  const original = await readMainFile(originalContext(system, paths, options, recovery, slices))
  if (original) return { index: await indexOfOriginal(original), file: undefined, lastSeq: 0, recovery }
  throw new FlatlogError(
    'FLATLOG_IO',
    `There is no store of the name ${JSON.stringify(paths.name)} in ${paths.directory}. What to do: check dir and name; a store is ` +
      'made by opening it without readOnly.',
    { path: paths.log },
  )
}

function originalContext(
  { fileSystem }: System,
  paths: StorePaths,
  { times, onProgress }: ResolvedOptions,
  recovery: Recovery,
  slices: Slices,
): OriginalContext {
  return { fileSystem, paths, recovery, slices, times, onProgress, isReadOnly: true }
}
