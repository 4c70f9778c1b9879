import { addUnknownEnd, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { type Mark, readMark } from '../log/mark.js'
import {
  copyFile,
  keepAs,
  publishFirst,
  removeLeftovers,
  removeSecondNames,
  removeUnfinished,
} from '../log/replace-log.js'
import { backupsAmong, checkNeighbours, damagedPath, type StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { Slices } from '../platform/clock.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'
import { addLostLog, type Choice, chooseLog, type Replacement, refuseIfLogIsLost } from './choose-log.js'
import { type FirstLog, FirstLogMaker } from './first-log.js'
import { newMark } from './new-mark.js'
import type { OpenedLog } from './opened-log.js'
import { type Loaded, Loader, NothingReadable } from './read-log.js'
import { LogRepair } from './repair.js'
import { dropSecondName } from './set-aside.js'

/**
 * From whatever is on disk to a log that records can be appended to. The lock is held.
 *
 * Every step leaves the files so that the next open can begin from the start again: what is set aside is copied or
 * gets a second name first, and a generation takes the log's name only when it is whole and on disk.
 */
export class LogOpener {
  readonly #fileSystem: FileSystem
  readonly #slices: Slices
  readonly #repair: LogRepair
  readonly #first: FirstLogMaker

  constructor(
    private readonly machine: Machine,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    /** The last writer met a failure: the page cache may show bytes that the disk does not hold. */
    private readonly isSuspect: boolean,
    /** The last writer closed the log in order: it holds no more than its mark says. */
    private readonly wasReleased: boolean,
  ) {
    this.#fileSystem = machine.fileSystem
    this.#slices = new Slices(machine.clock)
    this.#repair = new LogRepair(machine, paths, options, this.#slices)
    this.#first = new FirstLogMaker(machine, paths, options, this.#slices)
  }

  /** `isLogUnusable`: the log was read, and holds nothing that counts. */
  async open(isLogUnusable = false): Promise<OpenedLog> {
    const fileSystem = this.#fileSystem
    const { paths, options } = this
    const fileNames = fileSystem.list(paths.logDirectory)
    checkNeighbours(paths, fileNames)
    const choice = await chooseLog(fileSystem, paths, fileNames, this.#slices, isLogUnusable)
    if (choice.from === 'nothing') return await this.#begin(await this.#first.withoutLog())
    if (choice.from === 'legacy') return await this.#begin(await this.#first.fromLegacyLog())
    const recovery = newRecovery('log')
    if (choice.from !== 'log') {
      refuseIfLogIsLost(options, choice, paths)
      addLostLog(recovery, choice, paths)
      await this.#replace(choice)
    }

    const file = fileSystem.open(paths.log, 'write')
    try {
      return await this.#fromLog(file, recovery, choice)
    } catch (error) {
      file.close()
      if (error instanceof NothingReadable && !isLogUnusable) return await this.open(true)
      throw error
    }
  }

  async #fromLog(file: OpenFile, recovery: Recovery, choice: Choice): Promise<OpenedLog> {
    // The last owner may have been killed between a rename and its sync: what is named here must stay named so.
    const named = noted(this.#fileSystem.syncDirectory(this.paths.logDirectory))
    // The disk has time for the log while that is read; nobody writes to it meanwhile.
    const synced = this.isSuspect ? undefined : noted(file.sync())
    const { loaded, asFound } = await this.#load(file, recovery, choice)
    await named
    // An unfinished compaction may be what fills the disk: the log is there, and was read.
    removeUnfinished(this.#fileSystem, this.paths)
    removeSecondNames(this.#fileSystem, this.paths)
    const repaired = await this.#repaired(loaded, asFound, synced)
    try {
      const opened = await this.#ready(repaired)
      if (opened.file !== file) file.close()
      return opened
    } catch (error) {
      if (repaired.file !== file) repaired.file.close()
      throw error
    }
  }

  async #load(file: OpenFile, recovery: Recovery, choice: Choice): Promise<{ loaded: Loaded; asFound: FoundLog }> {
    const fileSystem = this.#fileSystem
    const { paths, options } = this
    const mark = readMark(fileSystem, paths)
    const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory))
    const loaded = await new Loader(
      {
        fileSystem,
        clock: this.machine.clock,
        paths,
        backups,
        mark,
        storeBeside: choice.from === 'log' ? choice.store : undefined,
        wasReleased: this.wasReleased,
        times: options.times,
        cacheBytes: options.cacheBytes,
        isWhole: options.recovery === 'strict' || mark?.isToBeChecked === true,
        recovery,
        onProgress: (phase, done, total) => options.onProgress({ phase, done, total }),
      },
      file,
    ).load()
    refuseIfStrict(options, recovery, paths)
    if (choice.from !== 'log' && !loaded.isEndKnown) addUnknownEnd(recovery)
    const goodMark = loaded.needsMark ? undefined : mark
    return { loaded, asFound: { ...loaded, store: loaded.store ?? '', file, recovery, mark: goodMark ?? undefined } }
  }

  async #repaired(loaded: Loaded, asFound: FoundLog, synced: Promise<void> | undefined): Promise<FoundLog> {
    const { file, recovery } = asFound
    if (!loaded.isDamaged && !this.isSuspect) {
      await this.#repair.cut(file, loaded, synced)
      return asFound
    }
    const renewed = await this.#repair.renew(file, loaded, recovery)
    if (this.isSuspect) {
      recovery.notes.push(
        'The last writer met a failure, or was robbed of its lock; its records were copied to a new file.',
      )
    }
    return { ...asFound, ...renewed }
  }

  /** Every log has a mark from its first moment on: it shows when the log has lost its end, or is gone. */
  async #ready(opened: FoundLog, mainFileSeq: number | null = null): Promise<OpenedLog> {
    removeLeftovers(this.#fileSystem, this.paths)
    const mark = opened.mark ?? (await newMark(this.#fileSystem, this.paths, opened, mainFileSeq))
    return { ...opened, mark }
  }

  async #begin({ written, recovery, mainFileSeq }: FirstLog): Promise<OpenedLog> {
    const opened = { ...this.#repair.reopened(written), recovery, mark: undefined }
    try {
      return await this.#ready(opened, mainFileSeq)
    } catch (error) {
      opened.file.close()
      throw error
    }
  }

  /** Puts another generation in the place of a log that is unusable. The file that is there is kept under another name. */
  async #replace({ from, path, lastSeq, lost }: Replacement): Promise<void> {
    const fileSystem = this.#fileSystem
    const { paths } = this
    const keptAs = freePath(fileSystem, damagedPath(paths, lastSeq))
    try {
      if (lost.bytes > 0) {
        await keepAs(fileSystem, paths.log, keptAs, this.#slices)
        await fileSystem.syncDirectory(paths.logDirectory)
      }
      if (from === 'unfinished') {
        fileSystem.rename(path, paths.log)
        await fileSystem.syncDirectory(paths.logDirectory)
        return
      }
      // A backup stays what it is: the log begins as a copy of it.
      removeIfThere(fileSystem, paths.first)
      await copyFile(fileSystem, path, paths.first, this.#slices)
      await publishFirst(fileSystem, paths)
    } catch (error) {
      dropSecondName(fileSystem, paths.log, keptAs)
      removeIfThere(fileSystem, paths.first)
      throw error
    }
  }
}

/** A log that was read. Its mark is undefined where there is none, or one that says nothing about this log. */
type FoundLog = Omit<OpenedLog, 'mark'> & { readonly mark: Mark | undefined }

/** What goes on beside something else, and is waited for later: if it fails, it is then that it is heard of. */
function noted(promise: Promise<void>): Promise<void> {
  promise.catch(() => {})
  return promise
}
