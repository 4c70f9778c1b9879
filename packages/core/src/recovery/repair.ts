import { addInDoubt, newRecovery, type Recovery } from '../log/damage-report.js'
import { copyBytes, replaceLog } from '../log/replace-log.js'
import { damagedPath, type StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError, systemCode } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'
import { walkState } from '../state/write-state.js'
import { type CleanGeneration, writeNewGeneration } from './new-generation.js'
import type { Loaded } from './read-log.js'
import { dropSecondName, setAside } from './set-aside.js'

/**
 * Makes a log that was read one that records can be appended to. Where there is no room for that, everything is as it
 * was before, so that it can be tried again.
 */
export class LogRepair {
  constructor(
    private readonly machine: Machine,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  /**
   * The torn tail is kept beside the log and cut off; from then on what the log holds is known to be on disk. `synced`: a
   * sync of the log as it was found, which says enough where nothing of it is changed.
   */
  async cut(file: OpenFile, loaded: Loaded, synced: Promise<void> | undefined): Promise<void> {
    // What it could not bring to disk, a later one would report as being there.
    const isSynced = await Promise.resolve(synced).then(
      () => synced !== undefined,
      (cause: unknown) => {
        throw syncFailed(this.paths.log, cause)
      },
    )
    if (isSynced && !loaded.cut && loaded.unprovenOffset === loaded.endOffset) return
    if (loaded.cut) {
      const { offset } = loaded.cut
      const kept = await setAside(this.machine, this.paths, file, offset, this.slices)
      try {
        file.truncate(offset)
      } catch (error) {
        // The next try would keep the same bytes once more.
        removeIfThere(this.machine.fileSystem, kept)
        throw error
      }
    }
    // Where the last owner was killed between a sync that failed and its note of that, the system takes those pages for
    // written although the disk does not have them, and a sync alone would do nothing: the same bytes are written again.
    await copyBytes(file, file, loaded.unprovenOffset, loaded.endOffset, loaded.unprovenOffset, this.slices)
    await file.sync().catch((cause: unknown) => {
      throw syncFailed(this.paths.log, cause)
    })
  }

  /** The state goes into a clean generation, and the file that is not to be trusted is kept beside it. */
  async renew(file: OpenFile, loaded: Loaded, recovery: Recovery): Promise<CleanGeneration> {
    const { paths } = this
    const { fileSystem } = this.machine
    const keptAs = freePath(fileSystem, damagedPath(paths, loaded.lastSeq))
    const report = newRecovery('log')
    await this.#keepBytes(file)
    const renewed = await writeNewGeneration(this.machine, paths, {
      path: paths.unfinished,
      pairs: walkState(loaded.index, this.machine.clock.now(), this.slices),
      stateBytes: file.status().sizeBytes,
      seq: loaded.lastSeq,
      store: loaded.store,
      notBefore: loaded.lastTimestamp,
      options: this.options,
      report,
    })
    try {
      if (!fileSystem.renamesOpenFiles) {
        renewed.file.close()
        file.close()
      }
      await replaceLog(fileSystem, paths, keptAs, this.slices)
    } catch (error) {
      renewed.file.close()
      // Whether the new name outlives a power cut is not known; the note of that makes the next owner copy it once more.
      throw this.#isDropped(keptAs) ? error : syncFailed(paths.log, error)
    }
    // Only now: what has to be tried again would be said again.
    recovery.clean &&= report.clean
    addInDoubt(recovery, report.inDoubt)
    recovery.notes.push(...report.notes, `The former log is kept as ${keptAs.slice(paths.logDirectory.length + 1)}.`)
    return this.reopened(renewed)
  }

  /**
   * What is kept under another name has its last bytes on disk, too, as far as the disk takes them: where it does not,
   * the state is in the new generation all the same.
   */
  async #keepBytes(file: OpenFile): Promise<void> {
    try {
      await file.sync()
    } catch {
      // See above.
    }
  }

  /** As long as the log is the old one, its second name and what was to take its place are of no use. */
  #isDropped(keptAs: string): boolean {
    const { fileSystem } = this.machine
    if (!dropSecondName(fileSystem, this.paths.log, keptAs)) return false
    removeIfThere(fileSystem, this.paths.unfinished)
    return true
  }

  /** A generation that has become the log, where it had to be closed for that. */
  reopened(written: CleanGeneration): CleanGeneration {
    const { fileSystem } = this.machine
    if (fileSystem.renamesOpenFiles) return written
    const file = fileSystem.open(this.paths.log, 'write')
    written.index.useFile(file)
    return { ...written, file }
  }
}

function syncFailed(path: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_FAILED',
    `${path} could not be synced (${systemCode(cause) ?? String(cause)}), so what it shows may not be on disk. What to do: check ` +
      'the disk, then open the store again: what can be read is copied to a new file then.',
    { path, cause },
  )
}
