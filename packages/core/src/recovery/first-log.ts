import type { LegacyState } from '../legacy/legacy-state.js'
import { addDamage, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { publishFirst } from '../log/replace-log.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { removeIfThere } from '../platform/whole-file.js'
import type { StateValue } from '../state/types.js'
import { type CleanGeneration, writeNewGeneration } from './new-generation.js'
import { keepOriginal } from './repair.js'

/** A log that was made where none of version 1 was. */
export interface FirstLog {
  readonly written: CleanGeneration
  readonly recovery: Recovery
  /** The record at which the main file was written; null where it is of another time. */
  readonly mainFileSeq: number | null
}

/**
 * Makes the first log of a store: an empty one, or one with the state of files of format 0, which are kept.
 * Nothing is touched before the new log is whole: where there is no room for it, everything is as it was.
 */
export class FirstLogMaker {
  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  /** The state is that of the main file, if there is one. */
  async withoutLog(): Promise<FirstLog> {
    const { files, options, slices } = this
    if (!files.status(files.main)) return await this.#empty()
    const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
    const legacy = readLegacyMainFile(files, options)
    const { recovery } = legacy
    recovery.notes.push(
      `The state was imported from ${files.main}, which is kept as ${files.name}.json.before-flatlog.`,
    )
    const written = await this.#write(recovery, legacy)
    await this.#publish(written, () => keepOriginal(files, files.main, files.directory, slices))
    return { written, recovery, mainFileSeq: 0 }
  }

  async #empty(): Promise<FirstLog> {
    const recovery = newRecovery('new')
    const written = await this.#write(recovery)
    await this.#publish(written, async () => {})
    return { written, recovery, mainFileSeq: 0 }
  }

  async fromLegacyLog(): Promise<FirstLog> {
    const { files, slices } = this
    const hasMark = files.status(files.mark) !== undefined
    const legacy = await this.#readLegacyLog()
    const { recovery } = legacy
    const written = await this.#write(recovery, legacy)
    await this.#publish(written, async () => {
      await keepOriginal(files, files.log, files.logDirectory, slices)
      await keepOriginal(files, files.main, files.directory, slices)
    })
    if (hasMark) {
      addDamage(recovery, { file: `${files.name}.mark`, line: 1, offset: 0, bytes: 0 })
      recovery.notes.push(`${files.log} was replaced by a log of format 0, which has no mark.`)
    }
    recovery.notes.push(
      `${files.log} was of format 0. It was imported, and is kept as ${files.name}.log.before-flatlog.`,
    )
    return { written, recovery, mainFileSeq: null }
  }

  async #readLegacyLog(): Promise<LegacyState> {
    const { files, options, slices } = this
    const { readLegacyLog } = await import('../legacy/read-legacy.js')
    const file = files.open(files.log, 'read')
    try {
      return await readLegacyLog(files, file, options, slices)
    } finally {
      file.close()
    }
  }

  /** `legacy`: undefined for an empty log. */
  async #write(report: Recovery, legacy?: LegacyState): Promise<CleanGeneration> {
    const { files, options } = this
    refuseIfStrict(options, report, files)
    return await writeNewGeneration(files, {
      path: files.first,
      pairs: legacy ? this.#pairsOf(legacy) : nothing(),
      stateBytes: legacy?.sizeBytes ?? 0,
      seq: legacy?.lastSeq ?? 0,
      notBefore: '',
      options,
      report,
    })
  }

  async *#pairsOf({ pairs, sizeBytes: total }: LegacyState): AsyncGenerator<[key: string, value: StateValue]> {
    const { slices } = this
    const report = (done: number) => this.options.onProgress({ phase: 'write', done, total })
    let done = 0
    for (const { key, value, time } of pairs) {
      yield [key, { text: value.text, encoding: undefined, expires: undefined, time }]
      const length = key.length + value.text.length
      done += length
      if (!slices.isDue(length)) continue
      report(done)
      await slices.pause()
    }
    report(total)
  }

  async #publish(written: CleanGeneration, keepOriginals: () => Promise<void>): Promise<void> {
    const { fileSystem } = this.files
    try {
      await keepOriginals()
      if (!fileSystem.renamesOpenFiles) written.file.close()
      await publishFirst(this.files)
    } catch (error) {
      written.file.close()
      removeIfThere(this.files.fileSystem, this.files.first)
      throw error
    }
  }
}

async function* nothing(): AsyncGenerator<never> {}
