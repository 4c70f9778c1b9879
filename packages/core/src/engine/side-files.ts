import { Generations } from '../log/generations.js'
import { isSameMark, type Mark, writeMark } from '../log/mark.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { ioError } from '../platform/errors.js'
import type { OpenedLog } from '../recovery/open-log.js'
import type { State } from '../state/state.js'
import { MainFile } from './main-file.js'

/** The position that the side files are to describe. */
interface SideFileUpdate {
  readonly store: string
  readonly lastSeq: number
  readonly syncedSeq: number
  /** Damage was found, so the next open must read the whole log. */
  readonly isToBeChecked: boolean
  /** False: the main file stays as it is for now. */
  readonly withMainFile: boolean
}

/**
 * Writes the files that are derived from the log, if something has changed: the mark and the main file. Rotates backups.
 *
 * The mark contains the checksum of the main file, so that `verify` finds a main file that was damaged, replaced or
 * removed. A crash between the two writes must not look like that. So the main file is compared with the mark only if
 * this process wrote both, or if the log ends at the record at which both were written. Before the main file is replaced
 * at the same record, its checksum is removed from the mark.
 */
export class SideFiles {
  readonly #mainFile: MainFile
  /** The mark on disk. */
  #mark: Mark
  /** The last record in the main file; null if there is none or it is not known. */
  #mainFileSeq: number | null
  /** The main file is missing or damaged: write it next time even if nothing has changed. */
  #isMainFileToBeRenewed: boolean
  #mainFileCrc: string | null
  #isMainFileKnown: boolean
  /** The mark is damaged: write it next time even if nothing has changed. */
  #isMarkToBeRenewed = false
  #writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly opened: Pick<OpenedLog, 'mark' | 'lastSeq' | 'recovery' | 'store'>,
  ) {
    const { mark, lastSeq } = opened
    this.#mainFile = new MainFile(files, options.mainFile)
    this.#mark = mark
    this.#mainFileCrc = mark.mainFileCrc
    this.#isMainFileKnown = mark.seq === lastSeq && mark.mainFileSeq === lastSeq
    this.#mainFileSeq = mark.mainFileSeq
    this.#isMainFileToBeRenewed = this.#mainFile.isMissing()
  }

  /** The mark on disk, as it was read or last written. */
  get mark(): Mark {
    return this.#mark
  }

  /** The main file as it should be. `crc` is null if there is none, and counts only if `isKnown`. */
  get mainFile(): { readonly crc: string | null; readonly isKnown: boolean } {
    return { crc: this.#mainFileCrc, isKnown: this.#isMainFileKnown }
  }

  /** Resolves when no write is running, so that the files match this object. */
  settled(): Promise<void> {
    return this.#writing.catch(() => {})
  }

  renewMark(): void {
    this.#isMarkToBeRenewed = true
  }

  renewMainFile(): void {
    this.#isMainFileToBeRenewed = true
  }

  /**
   * Removes surplus backups of this store, the oldest first. Keeps all while keys are in doubt: an old backup may still
   * have them.
   */
  async rotateBackups(): Promise<void> {
    const { files, opened } = this
    if (opened.recovery.inDoubt.length > 0) return
    const generations = new Generations(files, opened.store)
    // Another store's log may have taken the place of ours. Then these backups are all that is left of ours.
    const surplus = generations.backups.filter((backup) => generations.isOwn(backup)).slice(this.options.backups)
    for (const { path } of surplus.reverse()) await files.fileSystem.removeLong(path)
    if (surplus.length > 0) await files.syncNames()
  }

  write(source: State, update: SideFileUpdate, timestamp: string, flush: () => Promise<void>): Promise<void> {
    this.#writing = this.#write(source, update, timestamp, flush)
    return this.#writing
  }

  async #write(
    source: State,
    { store, lastSeq, syncedSeq, isToBeChecked, withMainFile }: SideFileUpdate,
    timestamp: string,
    flush: () => Promise<void>,
  ): Promise<void> {
    let mainFileError: unknown
    if (withMainFile && (this.#isMainFileToBeRenewed || this.#mainFileSeq !== lastSeq)) {
      try {
        if (this.#mark.mainFileCrc !== null && this.#mark.seq >= syncedSeq) {
          await this.#writeMark({ ...this.#mark, timestamp, mainFileCrc: null })
        }
        this.#isMainFileKnown = false
        this.#mainFileCrc = await this.#mainFile.write(source, flush)
        this.#isMainFileKnown = true
        // The file may contain even later records, so the older seq is the safe one.
        this.#mainFileSeq = syncedSeq
        this.#isMainFileToBeRenewed = false
      } catch (error) {
        // Write the mark even so: unlike the main file, recovery needs it.
        mainFileError = error
      }
    }
    const mark = {
      timestamp,
      store,
      seq: syncedSeq,
      // Null also makes the next process write the main file, if this one does not live to do it.
      mainFileSeq: this.#isMainFileToBeRenewed ? null : this.#mainFileSeq,
      mainFileCrc: this.#isMainFileKnown ? this.#mainFileCrc : null,
      ...(isToBeChecked && { isToBeChecked }),
    }
    if (this.#isMarkToBeRenewed || !isSameMark(mark, this.#mark)) await this.#writeMark(mark)
    if (mainFileError) throw ioError('write', this.files.main, mainFileError)
  }

  async #writeMark(mark: Mark): Promise<void> {
    await writeMark(this.files, mark)
    this.#mark = mark
    this.#isMarkToBeRenewed = false
  }
}
