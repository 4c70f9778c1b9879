import type { OriginalContext, OriginalState } from '../legacy/legacy-state.js'
import { readMainFile, readOlderLog } from '../legacy/read-legacy.js'
import { addDamage, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { publishFirst } from '../log/replace-log.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { removeIfThere } from '../platform/whole-file.js'
import { type CleanGeneration, writeNewGeneration } from './new-generation.js'
import { keepOriginal } from './set-aside.js'

/** A log that was made where none of version 1 was. */
export interface FirstLog {
  readonly written: CleanGeneration
  readonly recovery: Recovery
  /** The record at which the main file was written; null where it is of another time. */
  readonly mainFileSeq: number | null
}

/**
 * Makes the first log of a store: an empty one, or one of what the original system has left, whose files are kept.
 * Nothing is touched before the new log is whole: where there is no room for it, everything is as it was.
 */
export class FirstLogMaker {
  constructor(
    private readonly machine: Machine,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  async fromMainFile(): Promise<FirstLog> {
    const { fileSystem } = this.machine
    const { paths, slices } = this
    const recovery = newRecovery('new')
    const original = await readMainFile(this.#context(recovery))
    if (original) {
      recovery.source = 'main-file'
      recovery.notes.push(`The state was taken over from ${paths.main}, which is kept as it was beside it.`)
    }
    const written = await this.#write(original, recovery)
    await this.#publish(written, async () => {
      if (original) await keepOriginal(fileSystem, paths.main, paths.directory, slices)
    })
    return { written, recovery, mainFileSeq: 0 }
  }

  /** Undefined where the log is none of the original system: then nothing was done. Otherwise it is closed in the end. */
  async fromOlderLog(file: OpenFile, recovery: Recovery, hasVersion1Files: boolean): Promise<FirstLog | undefined> {
    const { fileSystem } = this.machine
    const { paths, slices } = this
    const hasMark = fileSystem.status(paths.mark) !== undefined
    const original = await readOlderLog(this.#context(recovery), file, hasVersion1Files)
    if (!original) return undefined
    const written = await this.#write(original, recovery)
    file.close()
    await this.#publish(written, async () => {
      await keepOriginal(fileSystem, paths.log, paths.logDirectory, slices)
      await keepOriginal(fileSystem, paths.main, paths.directory, slices)
    })
    recovery.source = 'older-log'
    if (hasMark) {
      addDamage(recovery, { file: `${paths.name}.mark`, line: 1, offset: 0, bytes: 0 })
      recovery.notes.push(`${paths.log} was replaced by one of the original system, which has no such mark.`)
    }
    recovery.notes.push(`${paths.log} is of the original system; it was taken over and is kept as it was beside it.`)
    return { written, recovery, mainFileSeq: null }
  }

  #context(recovery: Recovery): OriginalContext {
    const { fileSystem } = this.machine
    const { times, onProgress } = this.options
    const { paths, slices } = this
    return { fileSystem, paths, recovery, slices, times, onProgress, isReadOnly: false }
  }

  async #write(original: OriginalState | undefined, recovery: Recovery): Promise<CleanGeneration> {
    const { machine, paths, options } = this
    try {
      refuseIfStrict(options, recovery, paths)
      return await writeNewGeneration(machine, paths, {
        path: paths.first,
        pairs: original?.pairs() ?? nothing(),
        stateBytes: original?.sizeBytes ?? 0,
        seq: original?.lastSeq ?? 0,
        store: undefined,
        notBefore: '',
        options,
        report: recovery,
      })
    } finally {
      original?.dispose()
    }
  }

  async #publish(written: CleanGeneration, keepOriginals: () => Promise<void>): Promise<void> {
    const { fileSystem } = this.machine
    try {
      await keepOriginals()
      if (!fileSystem.renamesOpenFiles) written.file.close()
      await publishFirst(fileSystem, this.paths)
    } catch (error) {
      written.file.close()
      removeIfThere(fileSystem, this.paths.first)
      throw error
    }
  }
}

async function* nothing(): AsyncGenerator<never> {}
