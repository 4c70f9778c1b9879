import { isSameMark, type Mark, writeMark } from '../log/mark.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { ioError } from '../platform/errors.js'
import type { OpenedLog } from '../recovery/open-log.js'
import type { State } from '../state/state.js'
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
 * The mark contains the checksum of the main file, so that `verify` finds one that was damaged, replaced or removed. A
 * crash between two writes must never look like that. So the main file is compared with the mark only if this process
 * wrote both, or if the log ended at the very record that both were written at: then nothing has been written since. And
 * before a main file is replaced at that record again, the mark forgets its checksum.
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
  #writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly opened: Pick<OpenedLog, 'mark' | 'lastSeq' | 'recovery'>,
  ) {
    const { mark, lastSeq } = opened
    this.#mainFile = new MainFile(files, options.mainFile)
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

  /** Removes all but the newest backups, the oldest first. None while anything is in doubt: an older one may still heal it. */
  async rotateBackups(): Promise<void> {
    const { files } = this
    if (this.opened.recovery.inDoubt.length > 0) return
    const surplus = files.backups().slice(this.options.backups)
    for (const { path } of surplus.reverse()) await files.fileSystem.removeLong(path)
    if (surplus.length > 0) await files.syncNames()
  }

  fitsMainFile(checkpointBytes: number): boolean {
    return this.#mainFile.fits(checkpointBytes)
  }

  write(source: State, place: Place, timestamp: string, flush: () => Promise<void>): Promise<void> {
    this.#writing = this.#write(source, place, timestamp, flush)
    return this.#writing
  }

  async #write(
    source: State,
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
