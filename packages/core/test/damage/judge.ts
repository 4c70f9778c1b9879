import { FlatlogError } from '../support/core.js'
import type { Damage } from './damages.js'
import { Evidence } from './evidence.js'
import { type Expected, expectedOf } from './expected.js'
import { judgeReports } from './judge-reports.js'
import type { MemoryDisk } from './memory-disk.js'
import { DIR, LOGS, openAgain, stateOf } from './opening.js'
import { differences, type Outcome, openAndVerify } from './outcome.js'
import { backupsOf, LOG, MAIN, MARK, type Subject } from './subjects.js'

/**
 * Opens a damaged store and checks the result against the promises.
 * Each complaint is a sentence.
 */
export class Judge {
  readonly complaints: string[] = []
  readonly #evidence: Evidence
  readonly #expected: Expected | undefined
  #first!: Outcome

  constructor(
    private readonly subject: Subject,
    foreign: MemoryDisk,
    private readonly disk: MemoryDisk,
    damages: readonly Damage[],
  ) {
    this.#evidence = new Evidence(subject, foreign, disk, damages)
    const [only] = damages
    const isLogAlone = this.#evidence.changed.join() === LOG && damages.length === 1
    this.#expected = only && isLogAlone ? expectedOf(subject, foreign, disk, only.kind) : undefined
  }

  async run(): Promise<void> {
    this.#first = await openAndVerify(this.disk, this.subject)
    if (this.#first.error !== undefined) {
      this.#judgeRefusal(this.#first.error)
      return
    }
    if (this.#expected?.isRefused)
      this.#complain('it opened, although the log has no readable line and there is no backup')
    this.#judgeState()
    this.complaints.push(...judgeReports(this.#evidence, this.#first, this.#expected))
    this.#judgeKept()
    await this.#judgeSecondOpening()
  }

  describe(): string {
    const { recovery, verified } = this.#first
    return `${JSON.stringify(recovery)}\n  ${JSON.stringify(verified.damage)}`
  }

  #complain(what: string): void {
    this.complaints.push(what)
  }

  /**
   * Checks that opening was refused for a good reason.
   * That is: no line of the log is readable, and no backup can replace it.
   */
  #judgeRefusal(error: unknown): void {
    if (!(error instanceof FlatlogError)) {
      this.#complain(`a raw exception: ${error}\n${(error as Error).stack}`)
      return
    }
    const evidence = this.#evidence
    if (error.code !== 'FLATLOG_CORRUPT') this.#complain(`refused with ${error.code}: ${error.message}`)
    const left = [LOG, ...backupsOf(this.subject.disk)].filter((path) => evidence.hasWholeLine(path))
    // Without a header in the log, the mark names the store: backups of another store are not used.
    const isExcused = this.#expected ? this.#expected.isRefused : evidence.isMarkForeign
    if (!isExcused && left.length > 0) this.#complain(`refused, although there is ${left.join()}: ${error.message}`)
    if (evidence.hasChanged(this.disk)) this.#complain('refused, but a file has changed')
  }

  #judgeState(): void {
    const evidence = this.#evidence
    const { state, recovery } = this.#first
    const { truth, history } = this.subject.author
    const isInDoubt = (key: string) => recovery.inDoubt.includes('any') || recovery.inDoubt.includes(key)
    const expected = evidence.isChanged(LOG) ? this.#expected : { state: truth, isInDoubt: false, isSilent: false }
    if (expected?.state) {
      const wrong = differences(expected.state, state)
      if (wrong.length) this.#complain(`not the state that can be recovered: ${wrong}`)
      const isAnyInDoubt = recovery.inDoubt.length > 0
      if (expected.isInDoubt !== isAnyInDoubt) this.#complain(`in doubt: ${JSON.stringify(recovery.inDoubt)}`)
    } else if (evidence.isForeignLogUsed || evidence.isNothingLeft) {
      return
    }
    const { isStoreKnown } = evidence
    const isUnnoticed = expected ? expected.isSilent : evidence.isEndUnnoticed
    const known = expected ? truth : evidence.lastKnownState
    for (const key of differences(truth, state)) {
      const value = state.get(key)
      const never = value !== undefined && !history.get(key)?.has(value)
      if (never && isStoreKnown) this.#complain(`${key} never had the value ${value}`)
      const isReported = recovery.cutBytes > 0 || isInDoubt(key) || isUnnoticed
      if (!isReported && value !== known.get(key)) this.#complain(`${key} is wrong and not reported`)
    }
  }

  /**
   * Checks that damaged bytes are kept.
   * The main file and a useless mark are exceptions: they are always rewritten.
   */
  #judgeKept(): void {
    const evidence = this.#evidence
    for (const path of evidence.changed) {
      const bytes = evidence.bytesOf(path)
      const isRenewed = path === MAIN || (path === MARK && (evidence.isOldMark || evidence.isForeignFileUsed))
      if (isRenewed || !bytes || this.#isKept(bytes)) continue
      this.#complain(`the bytes of ${path.slice(DIR.length + 1)} are gone`)
    }
  }

  #isKept(bytes: Buffer): boolean {
    const files = this.disk.paths.map((path) => this.disk.bytesOf(path))
    const isThere = (wanted: Buffer) => files.some((each) => each.equals(wanted))
    if (bytes.length === 0 || isThere(bytes)) return true
    const end = bytes.length - this.#first.recovery.cutBytes
    return end < bytes.length && isThere(bytes.subarray(0, end)) && isThere(bytes.subarray(end))
  }

  async #judgeSecondOpening(): Promise<void> {
    const evidence = this.#evidence
    const second = await openAndVerify(this.disk, this.subject)
    if (second.error !== undefined) {
      this.#complain(`the second opening rejects: ${second.error}`)
      return
    }
    const wrong = differences(this.#first.state, second.state)
    if (wrong.length) this.#complain(`wrong state at the second opening: ${wrong}`)
    const { clean, damage, inDoubt, notes } = second.recovery
    const isQuiet = clean && damage.length === 0 && inDoubt.length === 0
    // Backups of another store are noted for as long as they exist.
    const isNoted = notes.length > 0 && evidence.changed.length === 1 && !evidence.isForeignLogUsed
    if (!isQuiet || isNoted) {
      this.#complain(`the second opening finds ${JSON.stringify(second.recovery)}`)
    }
    // A damaged backup is never rewritten.
    const isOld = (file: string) => evidence.isChanged(`${LOGS}/${file}`) && file.includes('.log.backup.')
    const unexpected = second.verified.damage.filter(({ file }) => !isOld(file) || !this.disk.has(`${LOGS}/${file}`))
    if (unexpected.length && !evidence.isForeignFileUsed) {
      this.#complain(`verify at the second opening: ${JSON.stringify(unexpected)}`)
    }
  }

  /** `recovery: 'strict'` must refuse any damage and change no file. */
  async judgeStrict(): Promise<void> {
    const disk = this.#evidence.found.copy()
    const { error: refused, recovery } = this.#first
    const isOther = recovery.source === 'backup' || recovery.source === 'unfinished-generation'
    const isWanted = recovery.damage.length > 0 || isOther || refused !== undefined
    try {
      const store = await openAgain(disk, { ...this.subject.options, recovery: 'strict' })
      await store.close()
      if (isWanted) this.#complain('strict opened it')
    } catch (error) {
      const { code, message } = error as FlatlogError
      if (!isWanted || code !== 'FLATLOG_CORRUPT') this.#complain(`strict refused: ${code} ${message}`)
      if (this.#evidence.hasChanged(disk)) this.#complain('strict refused, but a file has changed')
    }
  }

  /** `readOnly` must read the same state and change no file. */
  async judgeReadOnly(): Promise<void> {
    const disk = this.#evidence.found.copy()
    const paths = disk.paths.join()
    const { error: refused, state, recovery } = this.#first
    try {
      const store = await openAgain(disk, { ...this.subject.options, readOnly: true })
      const wrong = differences(state, stateOf(store))
      if (wrong.length) this.#complain(`readOnly read a wrong state: ${wrong}`)
      const { clean, inDoubt } = store.recovery
      if (clean !== recovery.clean || inDoubt.join() !== recovery.inDoubt.join()) {
        this.#complain(`readOnly reports ${JSON.stringify(store.recovery)}`)
      }
      await store.close()
    } catch (error) {
      // A reader does not create a store.
      const isExpected = error instanceof FlatlogError && (refused !== undefined || recovery.source === 'new')
      if (!isExpected) this.#complain(`readOnly refuses: ${error}`)
    }
    if (disk.paths.join() !== paths || this.#evidence.hasChanged(disk)) this.#complain('readOnly changed a file')
  }
}
