import { FlatlogError } from '../support/core.js'
import type { Damage } from './damages.js'
import { Evidence } from './evidence.js'
import { type Expected, expectedOf } from './expected.js'
import { judgeReports } from './judge-reports.js'
import type { MemoryDisk } from './memory-disk.js'
import { DIR, LOGS, openAgain, stateOf } from './opening.js'
import { differences, type Outcome, openAndVerify } from './outcome.js'
import { backupsOf, LOG, MAIN, MARK, type Subject } from './subjects.js'

/** What opening made of damaged files, and whether that is what was promised. Each complaint is a sentence. */
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
    if (this.#expected?.isRefused) this.#complain('it opened, though nothing of the log is left and there is no backup')
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

  /** Only where no line of the log can be read, and no backup can take its place. */
  #judgeRefusal(error: unknown): void {
    if (!(error instanceof FlatlogError)) {
      this.#complain(`a raw exception: ${error}\n${(error as Error).stack}`)
      return
    }
    const evidence = this.#evidence
    if (error.code !== 'FLATLOG_CORRUPT') this.#complain(`refused with ${error.code}: ${error.message}`)
    const left = [LOG, ...backupsOf(this.subject.disk)].filter((path) => evidence.hasWholeLine(path))
    // Where the log cannot say it, the mark says which store this is: backups of another one are not used.
    const isExcused = this.#expected ? this.#expected.isRefused : evidence.isMarkForeign
    if (!isExcused && left.length > 0) this.#complain(`refused, though there is ${left.join()}: ${error.message}`)
    if (evidence.isTouched(this.disk)) this.#complain('refused, and something was touched')
  }

  #judgeState(): void {
    const evidence = this.#evidence
    const { state, recovery } = this.#first
    const { truth, history } = this.subject.author
    const isInDoubt = (key: string) => recovery.inDoubt.includes('any') || recovery.inDoubt.includes(key)
    const expected = evidence.isChanged(LOG) ? this.#expected : { state: truth, isInDoubt: false, isSilent: false }
    if (expected?.state) {
      const wrong = differences(expected.state, state)
      if (wrong.length) this.#complain(`another state than the one that can be saved: ${wrong}`)
      const isAnyInDoubt = recovery.inDoubt.length > 0
      if (expected.isInDoubt !== isAnyInDoubt) this.#complain(`in doubt: ${JSON.stringify(recovery.inDoubt)}`)
    } else if (evidence.isForeignLogInCharge || evidence.isNothingLeft) {
      return
    }
    const { isStoreKnown } = evidence
    const isUnnoticed = expected ? expected.isSilent : evidence.isEndUnnoticed
    const known = expected ? truth : evidence.lastKnownState
    for (const key of differences(truth, state)) {
      const value = state.get(key)
      const never = value !== undefined && !history.get(key)?.has(value)
      if (never && isStoreKnown) this.#complain(`${key} never was ${value}`)
      const isTold = recovery.cutBytes > 0 || isInDoubt(key) || isUnnoticed
      if (!isTold && value !== known.get(key)) this.#complain(`${key} is wrong in silence`)
    }
  }

  /** Nothing of what was found is gone but what is written anew by rule: the main file, and a mark of no use. */
  #judgeKept(): void {
    const evidence = this.#evidence
    for (const path of evidence.changed) {
      const bytes = evidence.bytesOf(path)
      const isRenewed = path === MAIN || (path === MARK && (evidence.isOldMark || evidence.isStrange))
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
      this.#complain(`the second opening: ${second.error}`)
      return
    }
    const wrong = differences(this.#first.state, second.state)
    if (wrong.length) this.#complain(`another state at the second opening: ${wrong}`)
    const { clean, damage, inDoubt, notes } = second.recovery
    const isQuiet = clean && damage.length === 0 && inDoubt.length === 0
    // Backups of another store than the log are noted for as long as they are there.
    const isNoted = notes.length > 0 && evidence.changed.length === 1 && !evidence.isForeignLogInCharge
    if (!isQuiet || isNoted) {
      this.#complain(`the second opening finds ${JSON.stringify(second.recovery)}`)
    }
    // Nobody writes a backup anew.
    const isOld = (file: string) => evidence.isChanged(`${LOGS}/${file}`) && file.includes('.log.backup.')
    const unexpected = second.verified.damage.filter(({ file }) => !isOld(file) || !this.disk.has(`${LOGS}/${file}`))
    if (unexpected.length && !evidence.isStrange) {
      this.#complain(`verify at the second opening: ${JSON.stringify(unexpected)}`)
    }
  }

  /** `recovery: 'strict'` refuses what is not as it was written, and touches nothing. */
  async judgeStrict(): Promise<void> {
    const disk = this.#evidence.found.copy()
    const { error: refused, recovery } = this.#first
    const isOther = recovery.source === 'backup' || recovery.source === 'unfinished-generation'
    const isWanted = recovery.damage.length > 0 || isOther || refused !== undefined
    try {
      const store = await openAgain(disk, { ...this.subject.options, recovery: 'strict' })
      await store.close()
      if (isWanted) this.#complain('strict opens it')
    } catch (error) {
      const { code, message } = error as FlatlogError
      if (!isWanted || code !== 'FLATLOG_CORRUPT') this.#complain(`strict refuses: ${code} ${message}`)
      if (this.#evidence.isTouched(disk)) this.#complain('strict refused, and touched something')
    }
  }

  /** `readOnly` sees the same, and writes nothing at all. */
  async judgeReadOnly(): Promise<void> {
    const disk = this.#evidence.found.copy()
    const paths = disk.paths.join()
    const { error: refused, state, recovery } = this.#first
    try {
      const store = await openAgain(disk, { ...this.subject.options, readOnly: true })
      const wrong = differences(state, stateOf(store))
      if (wrong.length) this.#complain(`readOnly sees another state: ${wrong}`)
      const { clean, inDoubt } = store.recovery
      if (clean !== recovery.clean || inDoubt.join() !== recovery.inDoubt.join()) {
        this.#complain(`readOnly reports ${JSON.stringify(store.recovery)}`)
      }
      await store.close()
    } catch (error) {
      // It makes no new store where there is none.
      const isExpected = error instanceof FlatlogError && (refused !== undefined || recovery.source === 'new')
      if (!isExpected) this.#complain(`readOnly refuses: ${error}`)
    }
    if (disk.paths.join() !== paths || this.#evidence.isTouched(disk)) this.#complain('readOnly wrote something')
  }
}
