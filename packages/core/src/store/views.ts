import { ioError } from '../base/errors.js'
import { writeMark } from '../log/mark.js'
import type { StorePaths } from '../log/names.js'
import type { StateSource } from './checkpoint.js'
import { MainFile } from './main-file.js'
import type { System } from './system.js'

/** What is derived from the log and written beside it, when something has changed since the last time. */
export class Views {
  readonly #mainFile: MainFile
  /** The record that the main file was last written at; null where that is not known. */
  #mainFileSeq: number | null
  #markSeq: number | undefined

  constructor(
    private readonly system: System,
    private readonly paths: StorePaths,
    mode: 'auto' | boolean,
    found: { readonly mainFileSeq: number | null; readonly markSeq: number | undefined },
  ) {
    this.#mainFile = new MainFile(system.fileSystem, system.clock, paths, mode)
    // A main file that somebody removed is written again.
    this.#mainFileSeq = this.#mainFile.isMissing() ? null : found.mainFileSeq
    this.#markSeq = found.markSeq
  }

  async write(
    source: StateSource,
    { store, lastSeq, syncedSeq }: { store: string; lastSeq: number; syncedSeq: number },
    timestamp: string,
    flush: () => Promise<void>,
  ): Promise<void> {
    let mainFileError: unknown
    if (this.#mainFileSeq !== lastSeq) {
      try {
        await this.#mainFile.write(source, flush)
        // What is written meanwhile may be in the file too, so the older number is the safe one.
        this.#mainFileSeq = syncedSeq
        this.#markSeq = undefined
      } catch (error) {
        // The mark is more than a view: it is written whatever became of this.
        mainFileError = error
      }
    }
    if (this.#markSeq !== syncedSeq) {
      const mark = { store, seq: syncedSeq, mainFileSeq: this.#mainFileSeq }
      await writeMark(this.system.fileSystem, this.paths, timestamp, mark)
      this.#markSeq = syncedSeq
    }
    if (mainFileError) throw ioError('write', this.paths.main, mainFileError)
  }
}
