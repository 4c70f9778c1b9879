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

/** The first log of version 1 of a store. */
export interface FirstLog {
  readonly written: CleanGeneration
  readonly recovery: Recovery
  /** The last record in the main file; null if there is no main file of this state. */
  readonly mainFileSeq: number | null
}

/**
 * Writes the first log of a store: an empty one, or one with the state of format 0 files, which are kept.
 * No other file is changed until the new log is complete, so a full disk changes nothing.
 */
export class FirstLogMaker {
  constructor(
    private readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  /** Imports the main file, if there is one. */
  async withoutLog(): Promise<FirstLog> {
    const { files, options, slices } = this
    if (!files.status(files.main)) return await this.#empty()
    const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
    const legacy = readLegacyMainFile(files, options)
    const { recovery } = legacy
    recovery.notes.push(
      `The state was imported from ${files.main}. The file was kept as ${files.name}.json.before-flatlog.`,
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

  /** Imports a log of format 0. */
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
      recovery.notes.push(
        `${files.log} was replaced by a log of format 0: there is a mark, and format 0 has none. The log was used.`,
      )
    }
    recovery.notes.push(`${files.log} had format 0. It was imported, and kept as ${files.name}.log.before-flatlog.`)
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
