import { keepDamagedMark, type Mark, NO_MARK, readMark, writeMark } from '../log/mark.js'
import { copyFile, dropSecondName, keepAs, publishFirst, syncFile } from '../log/replace-log.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { isNoSpace } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { markHandled } from '../platform/promises.js'
import { removeIfThere } from '../platform/whole-file.js'
import { chooseLog, type LogChoice, type Replacement, refuseIfLogIsLost } from './choose-log.js'
import { type FirstLog, FirstLogMaker } from './first-log.js'
import type { CleanGeneration } from './new-generation.js'
import { type LogContent, NothingReadable, readLog } from './read-log.js'
import { LogRepair } from './repair.js'

/** A log that is ready for the next record. */
export interface OpenedLog extends CleanGeneration {
  /** The mark on disk; `NO_MARK` where there is none, and no room for one. */
  readonly mark: Mark
}

/** How the last writer has left the log. */
export interface LastWriter {
  /** It met a failure: the page cache may show bytes that the disk does not hold. */
  readonly hasFailed: boolean
  /** It closed the log in order: the log holds no more than its mark says. */
  readonly wasReleased: boolean
}

/**
 * Opens the log for writing, whatever is on disk: choose, read, repair, ready. The lock is held.
 *
 * Every step leaves the files so that the next opening can begin from the start again: what is set aside is copied or
 * gets a second name first, and a generation takes the log's name only when it is whole and on disk.
 */
export class LogOpener {
  readonly #slices: Slices
  readonly #repair: LogRepair
  readonly #first: FirstLogMaker

  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly last: LastWriter,
  ) {
    this.#slices = files.slices()
    this.#repair = new LogRepair(files, options, this.#slices)
    this.#first = new FirstLogMaker(files, options, this.#slices)
  }

  /** `isLogUnusable`: the log was read already, and nothing in it counts. */
  async open(isLogUnusable = false): Promise<OpenedLog> {
    const { files } = this
    const fileNames = files.list()
    files.checkNeighbours(fileNames)
    const choice = await chooseLog(files, fileNames, this.#slices, isLogUnusable)
    if (choice.from === 'nothing') return await this.#begin(await this.#first.withoutLog())
    if (choice.from === 'legacy') return await this.#begin(await this.#first.fromLegacyLog())
    if (choice.from !== 'log') {
      refuseIfLogIsLost(this.options, choice, files)
    }
    const replacing = choice.from === 'log' ? undefined : await this.#replace(choice)
    let file: OpenFile | undefined
    try {
      file = files.open(files.log, 'write')
      return await this.#fromLog(file, choice, replacing?.notes ?? [])
    } catch (error) {
      file?.close()
      replacing?.undo()
      if (error instanceof NothingReadable && !isLogUnusable) return await this.open(true)
      throw error
    }
  }

  /** `notes`: the repairs so far. */
  async #fromLog(file: OpenFile, choice: LogChoice, notes: readonly string[]): Promise<OpenedLog> {
    const { files } = this
    // The last owner may have been killed between a rename and its sync: the names that we see must stay.
    const named = markHandled(files.syncNames())
    // The disk brings the log up to date while we read it; nothing is written to it meanwhile.
    const synced = this.last.hasFailed ? undefined : markHandled(file.sync())
    const before = { choice, mark: readMark(files), wasReleased: this.last.wasReleased }
    let found = await readLog(files, file, { ...before, isWhole: this.last.hasFailed }, this.options)
    // All of the state is written again, so all of it must be read and healed first.
    if (this.#needsNewFile(found) && !this.last.hasFailed) {
      found = await readLog(files, file, { ...before, isWhole: true }, this.options)
    }
    found.recovery.notes.push(...notes)
    await named
    // An unfinished compaction may be what fills the disk: the log is there, and was read.
    files.removeLeftovers()
    const repaired = await this.#repaired(file, found, synced)
    try {
      const opened = await this.#ready(repaired)
      const isNewMark = !found.mark && opened.mark !== NO_MARK && opened.lastSeq > 0
      if (isNewMark) found.recovery.notes.push(`${files.markName} was written again.`)
      if (opened.file !== file) file.close()
      return opened
    } catch (error) {
      if (repaired.file !== file) repaired.file.close()
      throw error
    }
  }

  /** A log that does not name its store is damaged, too. */
  #needsNewFile({ isDamaged, store }: LogContent): boolean {
    return this.last.hasFailed || isDamaged || store === undefined
  }

  async #repaired(file: OpenFile, found: LogContent, synced: Promise<void> | undefined): Promise<CleanGeneration> {
    const { store } = found
    if (!this.#needsNewFile(found) && store !== undefined) {
      await this.#repair.makeEndDurable(file, found, synced)
      return { ...found, file, store }
    }
    const renewed = await this.#repair.renew(file, found)
    if (this.last.hasFailed) {
      found.recovery.notes.push(
        'The last writer met a failure, or lost its lock to another process. Its records were copied to a new file.',
      )
    }
    return renewed
  }

  /** Every log has a mark from its first moment on: the mark shows when the log has lost its end, or is gone. */
  async #ready(opened: CleanGeneration, mainFileSeq: number | null = null): Promise<OpenedLog> {
    return { ...opened, mark: opened.mark ?? (await this.#newMark(opened, mainFileSeq)) }
  }

  /** Writes a mark of the present log, which has been synced. */
  async #newMark(opened: CleanGeneration, mainFileSeq: number | null): Promise<Mark> {
    const { files } = this
    const { store, lastSeq: seq, lastTimestamp: timestamp } = opened
    const keptAs = keepDamagedMark(files)
    if (keptAs) opened.recovery.notes.push(`The former mark is kept as ${files.nameOf(keptAs)}.`)
    const mark = { timestamp, store, seq, mainFileSeq, mainFileCrc: null }
    try {
      await writeMark(files, mark)
      return mark
    } catch (error) {
      if (!isNoSpace(error)) throw error
      // A log can do without a mark for a while: it is written at the next checkpoint, or at close.
      return NO_MARK
    }
  }

  async #begin({ written, recovery, mainFileSeq }: FirstLog): Promise<OpenedLog> {
    const opened = { ...this.#repair.reopened(written), recovery }
    try {
      this.files.removeLeftovers()
      return await this.#ready(opened, mainFileSeq)
    } catch (error) {
      opened.file.close()
      throw error
    }
  }

  /** Puts another generation in the place of an unusable log. The file that is there is kept under another name. */
  async #replace({ from, path, fileName, lastSeq, lost }: Replacement): Promise<Replaced> {
    const { files } = this
    const { fileSystem } = files
    const keptAs = lost.bytes > 0 ? files.newDamagedPath(lastSeq) : undefined
    const isUnfinished = from === 'unfinished'
    try {
      if (keptAs) {
        await keepAs(files, files.log, keptAs, this.#slices)
        await files.syncNames()
      }
      if (isUnfinished) {
        await syncFile(files, path)
        fileSystem.rename(path, files.log)
        await files.syncNames()
      } else {
        // The backup stays: the log begins as a copy of it.
        removeIfThere(fileSystem, files.first)
        await copyFile(files, path, files.first, this.#slices)
        await publishFirst(files)
      }
    } catch (error) {
      if (keptAs) dropSecondName(files, files.log, keptAs)
      removeIfThere(fileSystem, files.first)
      throw error
    }
    const done = isUnfinished
      ? `${fileName} was renamed to ${files.logName}.`
      : `${files.logName} was replaced by a copy of ${fileName}.`
    return {
      notes: [done, ...(keptAs ? [`The former log is kept as ${files.nameOf(keptAs)}.`] : [])],
      undo: () => {
        try {
          if (isUnfinished) fileSystem.rename(files.log, path)
          if (keptAs) fileSystem.rename(keptAs, files.log)
          else removeIfThere(fileSystem, files.log)
        } catch {
          // Report the first error. The replacement is a whole log, so the store opens without its report.
        }
      },
    }
  }
}

interface Replaced {
  /** What was done to the files. */
  readonly notes: readonly string[]
  /** Puts the former log back, so that the next opening finds the same loss and reports it. */
  undo(): void
}
