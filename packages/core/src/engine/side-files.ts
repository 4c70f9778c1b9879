import { isSameMark, type Mark, writeMark } from '../log/mark.js'
import { type Backup, backupsAmong, type StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { ioError } from '../platform/errors.js'
import type { Machine } from '../platform/machine.js'
import type { OpenedLog } from '../recovery/opened-log.js'
import type { StateSource } from '../state/types.js'
import { MainFile } from './main-file.js'

/** Whether the main file is written, stays as it is for now, or is put aside because the state is too long for it. */
export type MainFileStep = 'write' | 'keep' | 'put aside'

/** The moment that is written. */
interface Place {
  readonly store: string
  readonly lastSeq: number
  readonly syncedSeq: number
  /** Damage was found: the next opening reads the whole log. */
  readonly isToBeChecked: boolean
  readonly mainFileStep: MainFileStep
}

/**
 * What is derived from the log and written beside it, when something has changed since the last time.
 *
 * The mark names the checksum of the main file and the backups, so that `verify` can tell what was damaged, replaced
 * or removed. A crash between two writes must never look like that:
 * - The main file is measured by the mark only if this process wrote both, or if the log ended at the very record that
 *   both were written at: then nothing has been written since. Before a main file is replaced at that record again, the
 *   mark forgets its checksum.
 * - A backup is removed only once the mark on disk does not name it any more.
 */
export class SideFiles {
  readonly #mainFile: MainFile
  /** What the mark on disk says. */
  #mark: Mark
  /** The record that the main file was last written at; null where that is not known. */
  #mainFileSeq: number | null
  #mainFileCrc: string | null
  #isMainFileKnown: boolean
  #isMarkToBeRenewed = false
  readonly #reportedGone = new Set<string>()
  #writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly machine: Machine,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    private readonly opened: Pick<OpenedLog, 'mark' | 'lastSeq' | 'recovery'>,
  ) {
    const { mark, lastSeq } = opened
    this.#mainFile = new MainFile(machine.fileSystem, machine.clock, paths, options.mainFile)
    this.#mark = mark
    this.#mainFileCrc = mark.mainFileCrc
    this.#isMainFileKnown = mark.seq === lastSeq && mark.mainFileSeq === lastSeq
    // A main file that somebody removed is written again.
    this.#mainFileSeq = this.#mainFile.isMissing() ? null : mark.mainFileSeq
  }

  /** What the mark on disk was found to say, or was written with. */
  get mark(): Mark {
    return this.#mark
  }

  /** The main file as it should be: with that checksum, where it is known; of that record; null where there is none. */
  get mainFile(): { readonly crc: string | null; readonly isKnown: boolean; readonly seq: number | null } {
    return { crc: this.#mainFileCrc, isKnown: this.#isMainFileKnown, seq: this.#mainFileSeq }
  }

  /** Resolves when nothing is being written: then what is on disk is what this object says. */
  settled(): Promise<void> {
    return this.#writing.catch(() => {})
  }

  /** What was found damaged is written the next time, though nothing has changed. */
  renewMark(): void {
    this.#isMarkToBeRenewed = true
  }

  renewMainFile(): void {
    this.#mainFileSeq = null
  }

  /** A backup that is gone stays named until somebody was told. */
  forgetBackup(fileName: string): void {
    this.#reportedGone.add(fileName)
  }

  /** Backups beyond those that are to be kept, the oldest first; not those that the mark on disk still names. */
  surplusBackups(): Backup[] {
    const present = this.#presentBackups()
    const staying = new Set([...this.#kept(present).map((backup) => backup.fileName), ...(this.#mark.backups ?? [])])
    return present.filter((backup) => !staying.has(backup.fileName)).reverse()
  }

  #presentBackups(): Backup[] {
    return backupsAmong(this.paths, this.machine.fileSystem.list(this.paths.logDirectory))
  }

  #kept(backups: readonly Backup[]): readonly Backup[] {
    // An older backup may be what heals the damage yet.
    const isAllKept = this.opened.recovery.inDoubt.length > 0
    return isAllKept ? backups : backups.slice(0, this.options.backups)
  }

  #backupsToName(): string[] {
    const kept = this.#kept(this.#presentBackups()).map((backup) => backup.fileName)
    const gone = (this.#mark.backups ?? []).filter((name) => !kept.includes(name) && !this.#reportedGone.has(name))
    // One of those that are gone would have been rotated out at some time: then nobody misses it any more.
    const named = this.#kept(backupsAmong(this.paths, [...kept, ...gone])).map((backup) => backup.fileName)
    return [...new Set([...kept, ...named])].sort()
  }

  fitsMainFile(checkpointBytes: number): boolean {
    return this.#mainFile.fits(checkpointBytes)
  }

  write(source: StateSource, place: Place, timestamp: string, flush: () => Promise<void>): Promise<void> {
    this.#writing = this.#write(source, place, timestamp, flush)
    return this.#writing
  }

  async #write(
    source: StateSource,
    { store, lastSeq, syncedSeq, isToBeChecked, mainFileStep }: Place,
    timestamp: string,
    flush: () => Promise<void>,
  ): Promise<void> {
    let mainFileError: unknown
    if (this.#mainFileSeq !== lastSeq && mainFileStep !== 'keep') {
      try {
        if (this.#mark.mainFileCrc !== null && this.#mark.seq >= syncedSeq) {
          await this.#writeMark({ ...this.#mark, timestamp, mainFileCrc: null })
        }
        this.#isMainFileKnown = false
        const isWritten = mainFileStep === 'write'
        this.#mainFileCrc = await (isWritten ? this.#mainFile.write(source, flush) : this.#mainFile.putAside())
        this.#isMainFileKnown = true
        // What is written meanwhile may be in the file too, so the older number is the safe one.
        this.#mainFileSeq = syncedSeq
      } catch (error) {
        // The mark is more than a view: it is written whatever became of this.
        mainFileError = error
      }
    }
    const mark = {
      timestamp,
      store,
      seq: syncedSeq,
      mainFileSeq: this.#mainFileSeq,
      mainFileCrc: this.#isMainFileKnown ? this.#mainFileCrc : null,
      ...(isToBeChecked && { isToBeChecked }),
      backups: this.#backupsToName(),
    }
    if (this.#isMarkToBeRenewed || !isSameMark(mark, this.#mark)) await this.#writeMark(mark)
    if (mainFileError) throw ioError('write', this.paths.main, mainFileError)
  }

  async #writeMark(mark: Mark): Promise<void> {
    await writeMark(this.machine.fileSystem, this.paths, mark)
    this.#mark = mark
    this.#isMarkToBeRenewed = false
  }
}
