import { addInDoubt, newRecovery } from '../log/damage-report.js'
import { copyBytes, dropSecondName, replaceLog } from '../log/replace-log.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError, systemCode } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { removeIfThere } from '../platform/whole-file.js'
import { walkState } from '../state/write-state.js'
import { type CleanGeneration, writeNewGeneration } from './new-generation.js'
import type { LogContent } from './read-log.js'

/**
 * Makes a log that was read ready for new records. Nothing that is taken out of use is deleted: it is kept beside the
 * log, and on disk there before anything is cut. A repair that fails leaves the files so that it can be tried again.
 */
export class LogRepair {
  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  /**
   * Brings everything that the log holds to disk, after setting a torn tail aside and cutting it off. `synced`: a sync of
   * the log as it was found, which is enough if nothing of it changes.
   */
  async makeEndDurable(file: OpenFile, log: LogContent, synced: Promise<void> | undefined): Promise<void> {
    // After a failed sync, a later sync may falsely succeed.
    await this.#throwing(synced)
    if (synced && !log.cut && log.unprovenOffset === log.endOffset) return
    if (log.cut) {
      const keptAs = await this.#cutTail(file, log.cut.offset)
      log.recovery.notes.push(`The torn tail was cut off. It is kept as ${this.files.nameOf(keptAs)}.`)
    }
    // The last owner may have been killed between a failed sync and its note of that. The system then takes those pages
    // for written although the disk does not have them, and a sync alone does nothing: write the same bytes again.
    const { unprovenOffset: start, endOffset: end } = log
    await copyBytes({ from: file, start, end }, { to: file, at: start }, this.slices)
    await this.#throwing(file.sync())
  }

  async #throwing(sync: Promise<void> | undefined): Promise<void> {
    try {
      await sync
    } catch (cause) {
      throw syncFailed(this.files.log, cause)
    }
  }

  /** Returns where the tail is kept. */
  async #cutTail(file: OpenFile, offset: number): Promise<string> {
    const kept = await this.#setAside(file, offset)
    try {
      file.truncate(offset)
      return kept
    } catch (error) {
      // The next attempt would keep the same bytes once more.
      removeIfThere(this.files.fileSystem, kept)
      throw error
    }
  }

  /** Copies the end of the log, from `offset` on, to a file of its own, and returns its path. */
  async #setAside(file: OpenFile, offset: number): Promise<string> {
    const { files } = this
    const path = files.newQuarantinePath(offset)
    const aside = files.open(path, 'create')
    try {
      const end = file.status().sizeBytes
      await copyBytes({ from: file, start: offset, end }, { to: aside, at: 0 }, this.slices)
      await aside.sync()
      aside.close()
      await files.syncNames()
      return path
    } catch (error) {
      aside.close()
      // A part of it is useless: the log still has all of it.
      removeIfThere(files.fileSystem, path)
      throw error
    }
  }

  /** Writes the state to a clean generation, and keeps the file that is damaged or not trusted beside it. */
  async renew(file: OpenFile, log: LogContent): Promise<CleanGeneration> {
    const { files } = this
    const { recovery, mark } = log
    const { renamesOpenFiles } = files.fileSystem
    const keptAs = files.newDamagedPath(log.lastSeq)
    const report = newRecovery('log')
    // The kept file should have its last bytes on disk. If the disk refuses, the new generation has the state all the same.
    await file.sync().catch(() => {})
    const renewed = await writeNewGeneration(files, {
      path: files.unfinished,
      pairs: walkState(log.state, files.clock.now(), this.slices),
      stateBytes: file.status().sizeBytes,
      seq: log.lastSeq,
      store: log.store,
      notBefore: log.lastTimestamp,
      options: this.options,
      report,
    })
    try {
      if (!renamesOpenFiles) {
        renewed.file.close()
        file.close()
      }
      await replaceLog(files, keptAs, this.slices)
    } catch (error) {
      renewed.file.close()
      // The new name may not survive a power cut: the noted failure makes the next owner copy the log once more.
      throw this.#isUndone(keptAs) ? error : syncFailed(files.log, error)
    }
    // Only now, because an attempt that failed would report it, too.
    recovery.clean &&= report.clean
    addInDoubt(recovery, report.inDoubt)
    recovery.notes.push(...report.notes, `The former log is kept as ${files.nameOf(keptAs)}.`)
    return { ...this.reopened(renewed), recovery, mark }
  }

  /** As long as the log is the old file, removes its second name and the generation that was to replace it. */
  #isUndone(keptAs: string): boolean {
    const { files } = this
    if (!dropSecondName(files, files.log, keptAs)) return false
    removeIfThere(files.fileSystem, files.unfinished)
    return true
  }

  /** Opens a generation that has become the log again, on systems where it had to be closed for that. */
  reopened(written: CleanGeneration): CleanGeneration {
    const { files } = this
    if (files.fileSystem.renamesOpenFiles) return written
    const file = files.open(files.log, 'write')
    written.state.useFile(file)
    return { ...written, file }
  }
}

function syncFailed(path: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_FAILED',
    `${path} could not be synced (${systemCode(cause) ?? String(cause)}), so what it shows may not be on disk. What to do: ` +
      'check the disk, then open the store again: whatever can be read is then copied to a new file.',
    { path, cause },
  )
}
