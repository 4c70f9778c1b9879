import { FlatlogError, systemCode } from '../base/errors.js'
import { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { freePath, removeIfThere } from '../fs/whole-file.js'
import { MapIndex } from '../index/map-index.js'
import { chooseGeneration, filesBeside } from '../log/choose.js'
import { readMark, writeMark } from '../log/mark.js'
import { backupsAmong, checkNeighbours, damagedPath, type StorePaths } from '../log/names.js'
import { copyBytes, copyFile, publishFirst, removeUnfinished, replaceLog } from '../log/publish.js'
import { type Loaded, Loader } from './load.js'
import { writeNewGeneration } from './new-generation.js'
import type { ResolvedOptions } from './options.js'
import { importMainFile, isOlderLog, readOlderLog } from './original.js'
import { addDamage, newRecovery, type Recovery, refuseIfStrict } from './recovery.js'
import { keepOriginal, setAside } from './set-aside.js'
import type { System } from './system.js'

/** A log that is ready for the next record. */
export interface OpenedLog {
  readonly file: OpenFile
  readonly index: MapIndex
  readonly store: string
  readonly checkpointSeq: number
  readonly checkpointBytes: number
  readonly checkpointCrc: string
  readonly lastSeq: number
  readonly lastCrc: string
  readonly lastTimestamp: string
  readonly endOffset: number
  readonly recovery: Recovery
  /** The record that the main file was last written at; null where that is not known. */
  readonly mainFileSeq: number | null
  /** The last record that the mark names; undefined where there is no good mark. */
  readonly markSeq: number | undefined
}

/**
 * From whatever is on disk to a log that records can be appended to. The lock is held.
 *
 * Every step leaves the files so that the next open can begin from the start again: what is set aside is copied or
 * gets a second name first, and a generation takes the log's name only when it is whole and on disk.
 */
export class LogOpener {
  readonly #fileSystem: FileSystem
  readonly #slices: Slices

  constructor(
    private readonly system: System,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    /** The last writer met a failure: the page cache may show bytes that the disk does not hold. */
    private readonly isSuspect: boolean,
  ) {
    this.#fileSystem = system.fileSystem
    this.#slices = new Slices(system.clock)
  }

  async open(): Promise<OpenedLog> {
    const fileSystem = this.#fileSystem
    const { paths, options } = this
    const fileNames = fileSystem.list(paths.logDirectory)
    checkNeighbours(paths, fileNames)
    const choice = await chooseGeneration(fileSystem, paths, fileNames, this.#slices)
    if (choice.from === 'nothing') return await this.#firstLog()
    const recovery = newRecovery('log')
    if (choice.from !== 'log' && options.recovery === 'strict') throw logMissing(paths)
    if (choice.from === 'unfinished') await this.#publishUnfinished(recovery)
    else if (choice.from === 'backup') await this.#restore(choice.path, choice.fileName, recovery)

    // The last owner may have been killed between a rename and its sync: what is named here must stay named so.
    await fileSystem.syncDirectory(paths.logDirectory)
    const file = fileSystem.open(paths.log, 'write')
    let opened: OpenedLog | undefined
    try {
      opened = isOlderLog(file, filesBeside(paths, fileNames).length > 0)
        ? await this.#fromOlderLog(file, recovery)
        : await this.#fromLog(file, recovery)
      removeUnfinished(fileSystem, paths)
      // From its first moment on a log can be told from one that has lost its end, or is gone.
      if (opened.markSeq === undefined) await this.#mark(opened)
      return opened
    } catch (error) {
      opened?.file.close()
      file.close()
      throw error
    }
  }

  async #fromLog(file: OpenFile, recovery: Recovery): Promise<OpenedLog> {
    const fileSystem = this.#fileSystem
    const { paths, options } = this
    const mark = readMark(fileSystem, paths)
    const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory))
    const loaded = await new Loader(
      {
        fileSystem,
        clock: this.system.clock,
        paths,
        backups,
        mark,
        times: options.times,
        recovery,
        onProgress: (phase, done, total) => options.onProgress({ phase, done, total }),
      },
      file,
    ).load()
    refuseIfStrict(options, recovery, paths)

    const known = loaded.needsMark
      ? { mainFileSeq: null, markSeq: undefined }
      : { mainFileSeq: mark?.mainFileSeq ?? null, markSeq: mark?.seq }
    if (loaded.isDamaged || this.isSuspect) {
      if (this.isSuspect)
        recovery.notes.push(
          'The last writer met a failure, or was robbed of its lock; its records were copied to a new file.',
        )
      return { ...(await this.#renew(file, loaded, recovery)), ...known }
    }
    if (loaded.cut) {
      await setAside(this.system, paths, file, loaded.cut.offset, this.#slices)
      file.truncate(loaded.cut.offset)
    }
    // Whoever wrote last may have left bytes in the page cache only; from here on they are known to be on disk.
    await rewrite(file, loaded.unprovenOffset, loaded.endOffset, this.#slices)
    await file.sync().catch((cause: unknown) => {
      throw syncFailed(paths.log, cause)
    })
    return { ...loaded, store: loaded.store as string, file, recovery, ...known }
  }

  /** The state goes into a clean generation, and the file that is not to be trusted is kept beside it. */
  async #renew(
    file: OpenFile,
    loaded: Loaded,
    recovery: Recovery,
  ): Promise<Omit<OpenedLog, 'mainFileSeq' | 'markSeq'>> {
    const { paths } = this
    const renewed = await writeNewGeneration(this.system, paths, {
      path: paths.unfinished,
      source: loaded.index,
      seq: loaded.lastSeq,
      store: loaded.store,
      notBefore: loaded.lastTimestamp,
      times: this.options.times,
    })
    try {
      const keptAs = freePath(this.#fileSystem, damagedPath(paths, loaded.lastSeq))
      if (!this.#fileSystem.renamesOpenFiles) {
        renewed.file.close()
        file.close()
      }
      await replaceLog(this.#fileSystem, paths, keptAs, this.#slices)
      recovery.notes.push(`The former log is kept as ${keptAs.slice(paths.logDirectory.length + 1)}.`)
      file.close()
      return { ...this.#reopened(renewed), recovery }
    } catch (error) {
      renewed.file.close()
      throw error
    }
  }

  #reopened<T extends { file: OpenFile }>(written: T): T {
    if (this.#fileSystem.renamesOpenFiles) return written
    return { ...written, file: this.#fileSystem.open(this.paths.log, 'write') }
  }

  async #firstLog(): Promise<OpenedLog> {
    const { paths } = this
    const index = new MapIndex()
    const recovery = newRecovery('new')
    if (importMainFile(this.#fileSystem, paths, index, recovery, false)) {
      recovery.source = 'main-file'
      recovery.notes.push(`The state was taken over from ${paths.main}, which is kept as it was beside it.`)
      await keepOriginal(this.#fileSystem, paths.main, paths.directory, this.#slices)
    }
    return this.#publishAsFirst(index, 0, 0, recovery)
  }

  async #fromOlderLog(file: OpenFile, recovery: Recovery): Promise<OpenedLog> {
    const { paths } = this
    const { index, lastSeq } = await readOlderLog(
      this.#fileSystem,
      paths,
      file,
      recovery,
      this.#slices,
      this.options.times,
    )
    refuseIfStrict(this.options, recovery, paths)
    recovery.source = 'older-log'
    if (this.#fileSystem.status(paths.mark)) {
      addDamage(recovery, { file: `${paths.name}.mark`, line: 1, offset: 0, bytes: 0 })
      recovery.notes.push(`${paths.log} was replaced by one of the original system, which has no such mark.`)
    }
    recovery.notes.push(`${paths.log} is of the original system; it was taken over and is kept as it was beside it.`)
    file.close()
    await keepOriginal(this.#fileSystem, paths.log, paths.logDirectory, this.#slices)
    await keepOriginal(this.#fileSystem, paths.main, paths.directory, this.#slices)
    return this.#publishAsFirst(index, lastSeq, null, recovery)
  }

  async #publishAsFirst(
    index: MapIndex,
    seq: number,
    mainFileSeq: number | null,
    recovery: Recovery,
  ): Promise<OpenedLog> {
    const { paths } = this
    removeIfThere(this.#fileSystem, paths.first)
    const written = await writeNewGeneration(this.system, paths, {
      path: paths.first,
      source: index,
      seq,
      store: undefined,
      notBefore: '',
      times: this.options.times,
    })
    try {
      if (!this.#fileSystem.renamesOpenFiles) written.file.close()
      await publishFirst(this.#fileSystem, paths)
      const opened = { ...this.#reopened(written), recovery, mainFileSeq, markSeq: seq }
      await this.#mark(opened)
      return opened
    } catch (error) {
      written.file.close()
      throw error
    }
  }

  /** Says what is on disk now; the log has been synced. */
  async #mark({ store, lastSeq: seq, mainFileSeq, lastTimestamp }: OpenedLog): Promise<void> {
    await writeMark(this.#fileSystem, this.paths, lastTimestamp, { store, seq, mainFileSeq })
  }

  async #publishUnfinished(recovery: Recovery): Promise<void> {
    const { paths } = this
    this.#fileSystem.rename(paths.unfinished, paths.log)
    await this.#fileSystem.syncDirectory(paths.logDirectory)
    recovery.source = 'unfinished-generation'
    this.#noteMissingLog(recovery, `${paths.name}.log.new`)
  }

  /** A backup stays what it is: the log begins as a copy of it. */
  async #restore(path: string, fileName: string, recovery: Recovery): Promise<void> {
    const fileSystem = this.#fileSystem
    const { paths } = this
    removeIfThere(fileSystem, paths.first)
    await copyFile(fileSystem, path, paths.first, this.#slices)
    await publishFirst(fileSystem, paths)
    recovery.source = 'backup'
    this.#noteMissingLog(recovery, fileName)
  }

  #noteMissingLog(recovery: Recovery, healedFrom: string): void {
    addDamage(recovery, { file: `${this.paths.name}.log`, line: 1, offset: 0, bytes: 0, healedFrom })
    recovery.notes.push(`${this.paths.log} was gone or empty; ${healedFrom} took its place.`)
  }
}

/**
 * Writes the same bytes again. Where the last owner was killed between a sync that failed and its note of that, the
 * system takes their pages for written although the disk does not have them, and a sync alone would do nothing.
 */
async function rewrite(file: OpenFile, start: number, end: number, slices: Slices): Promise<void> {
  await copyBytes(file, file, start, end, start, slices)
}

function syncFailed(path: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_FAILED',
    `${path} could not be synced (${systemCode(cause) ?? String(cause)}), so what it shows may not be on disk. What to do: check ` +
      'the disk, then open the store again: what can be read is copied to a new file then.',
    { path, cause },
  )
}

function logMissing(paths: StorePaths): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${paths.log} is gone or empty, and recovery: 'strict' takes nothing else in its place. Nothing was touched. ` +
      "What to do: put the log back, or open with recovery: 'repair' to go on from the best of its backups.",
    { path: paths.log },
  )
}
