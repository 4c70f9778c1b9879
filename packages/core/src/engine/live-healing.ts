import type { PartSummary } from '../format/record.js'
import { describeRange, type KeyRange } from '../log/checkpoint-reader.js'
import { ANY_KEY, addDamage, addInDoubt } from '../log/damage-report.js'
import { Generations } from '../log/generations.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import { healState } from '../recovery/heal.js'
import type { State } from '../state/state.js'
import type { LiveLog } from './live-log.js'

interface BadPart {
  /** The state that found it. */
  readonly state: State
  /** Where it is: another checkpoint does not have it. */
  readonly checkpoint: LiveLog['checkpoint']
  readonly part: PartSummary
  readonly range: KeyRange
  readonly line: number
}

/**
 * Heals parts of the checkpoint that are found damaged while the store is open, one after the other, from the backups.
 * Until then, or if no backup can restore a part, its keys cannot be read. Then the next open reads the whole log,
 * repairs it and reports what is lost.
 */
export class LiveHealing {
  readonly #found: BadPart[] = []
  #running: Promise<void> | undefined
  /** Damaged parts in the log file, healed or not. */
  #bad = 0

  constructor(
    private readonly log: LiveLog,
    /** Called after parts were healed. They are only in memory until the log is compacted. */
    private readonly onHealed: () => void,
  ) {}

  /** True if the log file has a damaged part. Healed parts are only in memory until the log is compacted. */
  get isLogDamaged(): boolean {
    return this.#bad > 0
  }

  /** Called when the log is another file that was read completely: after a compaction, or `reopen`. */
  reset(): void {
    this.#bad = 0
  }

  add(part: PartSummary, range: KeyRange, line: number): void {
    this.#bad++
    const { state, checkpoint } = this.log
    this.#found.push({ state, checkpoint, part, range, line })
    this.#running ??= this.#run()
      .catch((error: unknown) => this.log.report(error))
      .finally(() => {
        this.#running = undefined
      })
  }

  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    let healed = 0
    for (let bad = this.#found.shift(); bad; bad = this.#found.shift()) {
      const from = await this.#heal(bad)
      if (!this.#isInUse(bad)) continue
      this.#report(bad, from)
      if (from !== undefined) healed++
    }
    if (healed > 0) this.onHealed()
  }

  /** False if the log was compacted or opened again since: the new one was read completely. */
  #isInUse({ state, checkpoint }: BadPart): boolean {
    return this.log.state === state && this.log.checkpoint === checkpoint
  }

  /** Returns the name of the backup that the part was healed from; undefined if it was not healed. */
  async #heal(bad: BadPart): Promise<string | undefined> {
    const { log } = this
    const { files, storeId } = log
    const { state, checkpoint, range } = bad
    if (!this.#isInUse(bad)) return undefined
    try {
      const generations = new Generations(files, storeId)
      const healed = await healState(generations, checkpoint.seq, [range], files.slices())
      if (!healed || !this.#isInUse(bad)) return undefined
      const { times } = log.options
      state.heal(range, times ? healed.state : healed.state.map((pair) => ({ ...pair, time: undefined })))
      return healed.from
    } catch (error) {
      // A backup that cannot be read cannot heal anything.
      log.report(ioError('heal', files.log, error))
      return undefined
    }
  }

  #report({ part, range, line }: BadPart, healedFrom: string | undefined): void {
    const { recovery, files } = this.log
    const file = files.logName
    const { offset, bytes } = part
    addDamage(recovery, { file, line, offset, bytes: bytes + 1, ...(healedFrom !== undefined && { healedFrom }) })
    const keys = describeRange(range)
    if (healedFrom === undefined) addInDoubt(recovery, [range.from, ANY_KEY])
    const note =
      healedFrom === undefined
        ? `${file} is damaged at line ${line}, and the backups cannot restore it. The ${keys} cannot be read. The next ` +
          'open reads the whole log, keeps this file, and continues without the lost keys.'
        : `${file} was damaged at line ${line}. The ${keys} were restored from ${healedFrom}.`
    recovery.notes.push(note)
    this.log.report(new FlatlogError('FLATLOG_CORRUPT', note, { path: files.log, offset }))
  }
}
