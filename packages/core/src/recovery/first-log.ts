import type { LegacyState } from '../legacy/legacy-state.js'
import { addDamage, newRecovery, type Recovery, refuseIfStrict } from '../log/damage-report.js'
import { publishFirst } from '../log/replace-log.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import type { Machine } from '../platform/machine.js'
import { removeIfThere } from '../platform/whole-file.js'
import type { StateValue } from '../state/types.js'
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
 * Makes the first log of a store: an empty one, or one with the state of files of format 0, which are kept.
 * Nothing is touched before the new log is whole: where there is no room for it, everything is as it was.
 */
export class FirstLogMaker {
  constructor(
    private readonly machine: Machine,
    private readonly paths: StorePaths,
    private readonly options: ResolvedOptions,
    private readonly slices: Slices,
  ) {}

  /** The state is that of the main file, if there is one. */
  async withoutLog(): Promise<FirstLog> {
    const { fileSystem } = this.machine
    const { paths, options, slices } = this
    if (!fileSystem.status(paths.main)) return await this.#empty()
    const { readLegacyMainFile } = await import('../legacy/read-legacy.js')
    const legacy = readLegacyMainFile(fileSystem, paths, options)
    const { recovery } = legacy
    recovery.notes.push(
      `The state was imported from ${paths.main}, which is kept as ${paths.name}.json.before-flatlog.`,
    )
    const written = await this.#write(recovery, legacy)
    await this.#publish(written, () => keepOriginal(fileSystem, paths.main, paths.directory, slices))
    return { written, recovery, mainFileSeq: 0 }
  }

  async #empty(): Promise<FirstLog> {
    const recovery = newRecovery('new')
    const written = await this.#write(recovery)
    await this.#publish(written, async () => {})
    return { written, recovery, mainFileSeq: 0 }
  }

  async fromLegacyLog(): Promise<FirstLog> {
    const { fileSystem } = this.machine
    const { paths, slices } = this
    const hasMark = fileSystem.status(paths.mark) !== undefined
    const legacy = await this.#readLegacyLog()
    const { recovery } = legacy
    const written = await this.#write(recovery, legacy)
    await this.#publish(written, async () => {
      await keepOriginal(fileSystem, paths.log, paths.logDirectory, slices)
      await keepOriginal(fileSystem, paths.main, paths.directory, slices)
    })
    if (hasMark) {
      addDamage(recovery, { file: `${paths.name}.mark`, line: 1, offset: 0, bytes: 0 })
      recovery.notes.push(`${paths.log} was replaced by a log of format 0, which has no mark.`)
    }
    recovery.notes.push(
      `${paths.log} was of format 0. It was imported, and is kept as ${paths.name}.log.before-flatlog.`,
    )
    return { written, recovery, mainFileSeq: null }
  }

  async #readLegacyLog(): Promise<LegacyState> {
    const { fileSystem } = this.machine
    const { paths, options, slices } = this
    const { readLegacyLog } = await import('../legacy/read-legacy.js')
    const file = fileSystem.open(paths.log, 'read')
    try {
      return await readLegacyLog(fileSystem, paths, file, options, slices)
    } finally {
      file.close()
    }
  }

  /** `legacy`: undefined for an empty log. */
  async #write(report: Recovery, legacy?: LegacyState): Promise<CleanGeneration> {
    const { machine, paths, options } = this
    refuseIfStrict(options, report, paths)
    return await writeNewGeneration(machine, paths, {
      path: paths.first,
      pairs: legacy ? this.#pairsOf(legacy) : nothing(),
      stateBytes: legacy?.sizeBytes ?? 0,
      seq: legacy?.lastSeq ?? 0,
      store: undefined,
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
