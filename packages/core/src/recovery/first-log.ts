import { basename, dirname } from 'node:path'
import type { LegacyState } from '../legacy/legacy-state.js'
import { addDamage, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { keepAs, publishFirst } from '../log/replace-log.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'
import type { StateValue } from '../state/types.js'
import { type CleanGeneration, writeNewGeneration } from './new-generation.js'

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
    const { files, options } = this
    if (!files.status(files.main)) return await this.#empty()
    const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
    const legacy = readLegacyMainFile(files, options)
    const { recovery } = legacy
    const written = await this.#write(recovery, legacy)
    const kept = await this.#publish(written, [files.main])
    recovery.notes.push(`The state was imported from ${files.main}. The file is kept as ${kept}.`)
    return { written, recovery, mainFileSeq: 0 }
  }

  async #empty(): Promise<FirstLog> {
    const recovery = newRecovery('new')
    const written = await this.#write(recovery)
    await this.#publish(written, [])
    return { written, recovery, mainFileSeq: 0 }
  }

  /** Imports a log of format 0. */
  async fromLegacyLog(): Promise<FirstLog> {
    const { files } = this
    const hasMark = files.status(files.mark) !== undefined
    const legacy = await this.#readLegacyLog()
    const { recovery } = legacy
    const written = await this.#write(recovery, legacy)
    const kept = await this.#publish(written, [files.log, files.main])
    if (hasMark) {
      addDamage(recovery, { file: files.markName, line: 1, offset: 0, bytes: 0 })
      recovery.notes.push(
        `${files.log} was replaced by a log of format 0: there is a mark, and format 0 has none. The log was used.`,
      )
    }
    recovery.notes.push(`${files.log} had format 0 and was imported. What was read is kept as ${kept}.`)
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

  /** Gives the log its name. Returns under which names the files of format 0 are kept. */
  async #publish(written: CleanGeneration, originals: readonly string[]): Promise<string> {
    const { fileSystem } = this.files
    const kept: string[] = []
    try {
      for (const path of originals) if (this.files.status(path)) kept.push(await this.#keepLegacyFile(path))
      if (!fileSystem.renamesOpenFiles) written.file.close()
      await publishFirst(this.files)
      return kept.join(' and ')
    } catch (error) {
      written.file.close()
      removeIfThere(this.files.fileSystem, this.files.first)
      throw error
    }
  }

  /** Gives a file of format 0 a second name before another file takes its first one. Returns the name. */
  async #keepLegacyFile(path: string): Promise<string> {
    const { files, slices } = this
    const name = files.originalOf(path)
    // After a crash between this and the naming of the new log, the second name is there already.
    if (files.status(name)?.identity === files.status(path)?.identity) return basename(name)
    const keptAs = freePath(files.fileSystem, name)
    await keepAs(files, path, keptAs, slices)
    await files.fileSystem.syncDirectory(dirname(path))
    return basename(keptAs)
  }
}

async function* nothing(): AsyncGenerator<never> {}
