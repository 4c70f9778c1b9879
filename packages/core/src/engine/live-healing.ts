import type { PartSummary } from '../format/record.js'
import type { KeyRange } from '../log/checkpoint-reader.js'
import { ANY_KEY, addDamage, addInDoubt } from '../log/damage-report.js'
import { Generations } from '../log/generations.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import { healState } from '../recovery/heal.js'
import type { LiveLog } from './live-log.js'

interface BadPart {
  readonly part: PartSummary
  readonly range: KeyRange
  readonly line: number
}

/**
 * Parts of the checkpoint that turn out damaged while the store is open: each is looked for in the backups, one after
 * the other, and what proves to have stood there is put in its place. Meanwhile, and where nothing proves it, its keys
 * cannot be read; the next opening reads the whole log, and repairs it with a report.
 */
export class LiveHealing {
  readonly #found: BadPart[] = []
  #running: Promise<void> | undefined
  /** Parts that could not be healed. */
  #unhealed = 0
  /** Parts whose bytes in the log are not what was written, healed or not. */
  #bad = 0

  constructor(
    private readonly log: LiveLog,
    /** What was healed is in memory only, until it is written. */
    private readonly onHealed: () => void,
  ) {}

  /** Something is damaged and not healed, yet or at all. */
  get isNeeded(): boolean {
    return this.#found.length > 0 || this.#unhealed > 0
  }

  /** The log has a line that is not what was written. */
  get isLogDamaged(): boolean {
    return this.#bad > 0
  }

  /** Another generation is the log now, and all of it was read back. */
  reset(): void {
    this.#bad = 0
  }

  add(part: PartSummary, range: KeyRange, line: number): void {
    this.#bad++
    this.#found.push({ part, range, line })
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
    const { log } = this
    let healed = 0
    for (let bad = this.#found[0]; bad; bad = this.#found[0]) {
      const { state, checkpoint } = log
      const from = await this.#heal(bad)
      this.#found.shift()
      // Another generation is the log now, and was read back whole: the part went bad behind the compaction.
      if (log.state !== state || log.checkpoint !== checkpoint) continue
      this.#report(bad, from)
      if (from === undefined) this.#unhealed++
      else healed++
    }
    if (healed > 0) this.onHealed()
  }

  /** The backup that it was healed from. */
  async #heal({ range }: BadPart): Promise<string | undefined> {
    const { log } = this
    const { files, checkpoint, storeId, state } = log
    try {
      const generations = new Generations(files, storeId)
      const healed = await healState(generations, checkpoint.seq, [range], files.slices())
      if (!healed || log.state !== state || log.checkpoint !== checkpoint) return undefined
      const { times } = log.options
      state.heal(range, times ? healed.state : healed.state.map((pair) => ({ ...pair, time: undefined })))
      return healed.from
    } catch (error) {
      // A backup that cannot be read proves nothing.
      log.report(ioError('heal', files.log, error))
      return undefined
    }
  }

  #report({ part, range, line }: BadPart, healedFrom: string | undefined): void {
    const { recovery, files } = this.log
    const file = `${files.name}.log`
    const { offset, bytes } = part
    addDamage(recovery, { file, line, offset, bytes: bytes + 1, ...(healedFrom !== undefined && { healedFrom }) })
    const keys = `keys from ${JSON.stringify(range.from ?? '')} to ${range.to === undefined ? 'the last' : `before ${JSON.stringify(range.to)}`}`
    if (healedFrom === undefined) addInDoubt(recovery, [range.from, ANY_KEY])
    const note =
      healedFrom === undefined
        ? `${file} is damaged at line ${line}, and no backup reaches it without a gap: ${keys} cannot be read. The next ` +
          'opening reads all of it, keeps the file, and goes on without what is lost.'
        : `${file} was found damaged at line ${line}; ${keys} were restored from ${healedFrom}.`
    recovery.notes.push(note)
    this.log.report(new FlatlogError('FLATLOG_CORRUPT', note, { path: files.log, offset }))
  }
}
