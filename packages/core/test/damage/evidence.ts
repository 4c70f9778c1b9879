import type { State } from './author.js'
import type { Damage } from './damages.js'
import { type FileLine, generationOf, isLineIn, isSameLine, splitLines } from './lines.js'
import type { MemoryDisk } from './memory-disk.js'
import { backupsOf, LOG, MARK, type Subject } from './subjects.js'

/**
 * What is left of a damaged store, and so what can be known of it. Everything that may go unnoticed, or be taken for
 * something else, has its reason here and nowhere else:
 *
 * 1. The log ends with a whole line, its owner was killed or its mark is damaged too, and nothing that is left names a
 *    later record (`isEndUnnoticed`, `lastKnownState`).
 * 2. Log, mark and backups are all gone (`isNothingLeft`): then a main file is that of the original system.
 * 3. The log is of another store: it counts, and what differs is reported (`isForeignLogInCharge`); or it has lost its
 *    header, and the mark is of another store (`isForeignMarkInCharge`); or header and mark are damaged, and the newest
 *    backup is of another store: that one is used, and all is in doubt (`isForeignBackupInCharge`).
 * 4. The mark is an older one of the same store (`isOldMark`).
 * 5. A backup is another whole generation of the same store that ends with the same record (`isAsGood`), or it is gone.
 * 6. The main file of a killed owner, or one whose mark or log is damaged too: nothing says what it was (`judge-reports`).
 */
export class Evidence {
  /** The files as they were found. */
  readonly found: MemoryDisk
  readonly changed: readonly string[]

  constructor(
    readonly subject: Subject,
    readonly foreign: MemoryDisk,
    disk: MemoryDisk,
    readonly damages: readonly Damage[],
  ) {
    this.found = disk.copy()
    const { disk: original } = subject
    this.changed = original.paths.filter(
      (path) => !disk.has(path) || !disk.bytesOf(path).equals(original.bytesOf(path)),
    )
  }

  isChanged(path: string): boolean {
    return this.changed.includes(path)
  }

  /** Undefined where the file is gone. */
  bytesOf(path: string): Buffer | undefined {
    return this.found.has(path) ? this.found.bytesOf(path) : undefined
  }

  #linesOf(path: string): FileLine[] {
    return splitLines(this.bytesOf(path) ?? Buffer.alloc(0))
  }

  hasWholeLine(path: string): boolean {
    const { lines } = generationOf(this.subject.disk.bytesOf(path))
    return this.#linesOf(path).some((line) => isLineIn(line, lines))
  }

  /** The log's own, which names the store; its parts and records do not. After one of those it does not count. */
  get hasHeader(): boolean {
    const { lines } = generationOf(this.subject.disk.bytesOf(LOG))
    const others = lines.filter((line) => line.kind === 'part' || line.kind === 'record')
    const first = this.#linesOf(LOG).find((line) => isSameLine(line, lines[0] as FileLine) || isLineIn(line, others))
    return first !== undefined && isSameLine(first, lines[0] as FileLine)
  }

  isTouched(disk: MemoryDisk): boolean {
    const files = (each: MemoryDisk) => each.paths.filter((path) => !path.includes('.lock'))
    const [now, then] = [files(disk), files(this.found)]
    return now.join() !== then.join() || then.some((path) => !disk.bytesOf(path).equals(this.found.bytesOf(path)))
  }

  /** Whether a file is left as it was that says which store this is, and that the engine goes by. */
  get isStoreKnown(): boolean {
    const isAnyLeft = [MARK, ...backupsOf(this.subject.disk)].some((path) => !this.isChanged(path))
    return this.hasHeader || (isAnyLeft && !this.isForeignBackupInCharge)
  }

  /** What was a whole log of this store at some time. */
  get #generations(): Buffer[] {
    const { disk, earlier } = this.subject
    return [disk, earlier].flatMap((each) => [...backupsOf(each), LOG].map((path) => each.bytesOf(path)))
  }

  get #isEndUnknown(): boolean {
    return this.subject.isKilled || this.isChanged(MARK)
  }

  get isEndUnnoticed(): boolean {
    const bytes = this.bytesOf(LOG)
    if (this.isNothingLeft) return true
    if (!this.#isEndUnknown || bytes?.at(-1) !== 0x0a) return false
    return this.#generations.some((each) => each.subarray(0, bytes.length).equals(bytes))
  }

  /** The state at the last record that anything speaks of that is left; the true one where the mark says how far it went. */
  get lastKnownState(): State {
    const { author, disk, earlier } = this.subject
    if (!this.#isEndUnknown || this.bytesOf(LOG) === undefined) return author.truth
    const written = [earlier, disk].flatMap((each) => generationOf(each.bytesOf(LOG)).lines)
    const left = this.#linesOf(LOG)
    const told = written.filter((line) => isLineIn(line, left)).flatMap((line) => [line.seq, line.synced])
    const reaches = backupsOf(disk)
      .filter((path) => !this.isChanged(path))
      .map((path) => generationOf(disk.bytesOf(path)).lastSeq)
    const mark = this.isChanged(MARK) ? 0 : (JSON.parse(disk.bytesOf(MARK).toString()) as { seq: number }).seq
    return author.stateAt(Math.max(mark, ...told, ...reaches))
  }

  get isNothingLeft(): boolean {
    const isThere = (path: string) => (path === LOG ? this.hasWholeLine(LOG) : path.startsWith(LOG) || path === MARK)
    return !this.found.paths.some(isThere)
  }

  get isForeignLogInCharge(): boolean {
    const own = this.#generations.flatMap((bytes) => generationOf(bytes).lines)
    // Records do not say which store they are of: some are the same in both.
    const generations = [...backupsOf(this.foreign), LOG].map((path) => generationOf(this.foreign.bytesOf(path)))
    const foreign = generations.flatMap(({ lines }) => lines).filter((line) => !isLineIn(line, own))
    return this.#linesOf(LOG).some((line) => isLineIn(line, foreign))
  }

  /** Neither log nor mark says which store this is, and the newest backup that has a header is of the other one. */
  get isForeignBackupInCharge(): boolean {
    if (this.hasHeader || !this.isChanged(MARK) || this.isOldMark) return false
    const headersOf = (files: readonly Buffer[]) => files.map((each) => generationOf(each).lines[0] as FileLine)
    const theirs = headersOf([...backupsOf(this.foreign), LOG].map((path) => this.foreign.bytesOf(path)))
    const headers = [...headersOf(this.#generations), ...theirs]
    const newest = backupsOf(this.found)
      .map((path) => this.#linesOf(path).find((line) => isLineIn(line, headers)))
      .findLast((header) => header !== undefined)
    return newest !== undefined && isLineIn(newest, theirs)
  }

  get isMarkForeign(): boolean {
    return this.bytesOf(MARK)?.equals(this.foreign.bytesOf(MARK)) === true
  }

  get isForeignMarkInCharge(): boolean {
    return this.isMarkForeign && !this.hasHeader
  }

  /** The files disagree about which store they are of, and the engine goes by the wrong one. */
  get isStrange(): boolean {
    return this.isForeignLogInCharge || this.isForeignMarkInCharge || this.isForeignBackupInCharge
  }

  get isOldMark(): boolean {
    return this.isChanged(MARK) && this.bytesOf(MARK)?.equals(this.subject.earlier.bytesOf(MARK)) === true
  }

  isAsGood(path: string): boolean {
    const other = this.#generations.find((each) => this.bytesOf(path)?.equals(each))
    return other !== undefined && generationOf(other).lastSeq === generationOf(this.subject.disk.bytesOf(path)).lastSeq
  }

  /** Another file as a whole stands in its place. */
  isOtherFile(path: string): boolean {
    if (!this.found.has(path)) return true
    const wasReplaced = this.damages.some((each) => each.kind === 'replaced')
    const [first] = splitLines(this.subject.disk.bytesOf(path))
    return wasReplaced && !this.#linesOf(path)[0]?.bytes.equals(first?.bytes as Buffer)
  }
}
