import { FlatlogError, systemCode } from '../base/errors.js'
import { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { freePath, removeIfThere } from '../fs/whole-file.js'
import { MapIndex } from '../index/map-index.js'
import { chooseGeneration, filesBeside, type Replacement } from '../log/choose.js'
import { keepDamagedMark, type Mark, readMark, writeMark } from '../log/mark.js'
import { backupsAmong, checkNeighbours, damagedPath, type StorePaths } from '../log/names.js'
import { isOlderLog } from '../log/older-log.js'
import { copyBytes, copyFile, keepAs, publishFirst, removeLeftovers, replaceLog } from '../log/publish.js'
import { type Loaded, Loader } from './load.js'
import { writeNewGeneration } from './new-generation.js'
import type { ResolvedOptions } from './options.js'
import { importMainFile, readOlderLog } from './original.js'
import {
  addDamage,
  addLostLog,
  addUnknownEnd,
  newRecovery,
  type Recovery,
  refuseIfLogIsLost,
  refuseIfStrict,
} from './recovery.js'
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
  /** What the mark on disk says. */
  readonly mark: Mark
}

/** The mark was not there, or not to be trusted. */
type Unmarked = Omit<OpenedLog, 'mark'> & { readonly mark: Mark | undefined }

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
    /** The last writer closed the log in order: it holds no more than its mark says. */
    private readonly wasReleased: boolean,
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
    if (choice.from !== 'log') {
      refuseIfLogIsLost(options, choice, paths)
      await this.#replace(choice)
      addLostLog(recovery, choice, paths)
    }

    // The last owner may have been killed between a rename and its sync: what is named here must stay named so.
    await fileSystem.syncDirectory(paths.logDirectory)
    const file = fileSystem.open(paths.log, 'write')
    let opened: Unmarked | undefined
    try {
      opened = isOlderLog(file, filesBeside(paths, fileNames).length > 0)
        ? await this.#fromOlderLog(file, recovery)
        : await this.#fromLog(file, recovery, choice.from === 'log' ? choice.store : undefined)
      if (choice.from !== 'log' && !(this.wasReleased && opened.mark)) addUnknownEnd(recovery)
      removeLeftovers(fileSystem, paths)
      // From its first moment on a log can be told from one that has lost its end, or is gone.
      return { ...opened, mark: opened.mark ?? (await this.#mark(opened, null)) }
    } catch (error) {
      opened?.file.close()
      file.close()
      throw error
    }
  }

  async #fromLog(file: OpenFile, recovery: Recovery, storeBeside: string | undefined): Promise<Unmarked> {
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
        storeBeside,
        times: options.times,
        recovery,
        onProgress: (phase, done, total) => options.onProgress({ phase, done, total }),
      },
      file,
    ).load()
    refuseIfStrict(options, recovery, paths)

    const known = { mark: loaded.needsMark ? undefined : (mark ?? undefined) }
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
  async #renew(file: OpenFile, loaded: Loaded, recovery: Recovery): Promise<Omit<OpenedLog, 'mark'>> {
    const { paths } = this
    const renewed = await writeNewGeneration(this.system, paths, {
      path: paths.unfinished,
      source: loaded.index,
      seq: loaded.lastSeq,
      store: loaded.store,
      notBefore: loaded.lastTimestamp,
      times: this.options.times,
      report: recovery,
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
      report: recovery,
    })
    try {
      if (!this.#fileSystem.renamesOpenFiles) written.file.close()
      await publishFirst(this.#fileSystem, paths)
      const opened = { ...this.#reopened(written), recovery }
      return { ...opened, mark: await this.#mark(opened, mainFileSeq) }
    } catch (error) {
      written.file.close()
      throw error
    }
  }

  /** Says what is on disk now; the log has been synced. */
  async #mark({ store, lastSeq, lastTimestamp }: Omit<OpenedLog, 'mark'>, mainFileSeq: number | null): Promise<Mark> {
    const fileSystem = this.#fileSystem
    const { paths } = this
    keepDamagedMark(fileSystem, paths)
    const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory)).map((backup) => backup.fileName)
    const mark = { store, seq: lastSeq, mainFileSeq, mainFileCrc: null, backups: backups.sort() }
    await writeMark(fileSystem, paths, lastTimestamp, mark)
    return mark
  }

  /** A generation takes the place of a log that is not to be had. What stands there is kept under another name. */
  async #replace({ from, path, lastSeq, lost }: Replacement): Promise<void> {
    const fileSystem = this.#fileSystem
    const { paths } = this
    if (lost.bytes > 0) {
      await keepAs(fileSystem, paths.log, freePath(fileSystem, damagedPath(paths, lastSeq)), this.#slices)
      await fileSystem.syncDirectory(paths.logDirectory)
    }
    if (from === 'unfinished') {
      fileSystem.rename(paths.unfinished, paths.log)
      await fileSystem.syncDirectory(paths.logDirectory)
      return
    }
    // A backup stays what it is: the log begins as a copy of it.
    removeIfThere(fileSystem, paths.first)
    await copyFile(fileSystem, path, paths.first, this.#slices)
    await publishFirst(fileSystem, paths)
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
