import type { State } from './author.js'
import type { Damage } from './damages.js'
import { type FileLine, generationOf, isLineIn, isSameLine, splitLines } from './lines.js'
import type { MemoryDisk } from './memory-disk.js'
import { backupsOf, LOG, MARK, type Subject } from './subjects.js'

/**
 * The evidence that is left in a damaged store, which limits what recovery can know. This class
 * has every reason for which damage may go unnoticed or be mistaken for something else:
 *
 * 1. The log ends with a whole line, its owner was killed or its mark is damaged too, and no remaining line names a
 *    later record (`isEndUnnoticed`, `lastKnownState`).
 * 2. Log, mark and backups are all missing (`isNothingLeft`): then a main file is treated as one of format 0.
 * 3. The log is of another store: it counts, and the differences are reported (`isForeignLogUsed`); or it lost its
 *    header, and the mark is of another store (`isForeignMarkUsed`); or header and mark are damaged, and the newest
 *    backup is of another store: it is used, and every key is in doubt (`isForeignBackupUsed`).
 * 4. The mark is an older one of the same store (`isOldMark`).
 * 5. A backup is another whole generation of the same store that ends with the same record (`isAsGood`), or is missing.
 * 6. The main file of a killed owner, or with a damaged mark or log: its contents are unknown (`judge-reports`).
 */
export class Evidence {
  /** The files before the store was opened. */
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

  /** The bytes of a file; undefined if it is missing. */
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

  /**
   * True if the log has its own header before any of its parts and records.
   * Only the header names the store.
   */
  get hasHeader(): boolean {
    const { lines } = generationOf(this.subject.disk.bytesOf(LOG))
    const others = lines.filter((line) => line.kind === 'part' || line.kind === 'record')
    const first = this.#linesOf(LOG).find((line) => isSameLine(line, lines[0] as FileLine) || isLineIn(line, others))
    return first !== undefined && isSameLine(first, lines[0] as FileLine)
  }

  hasChanged(disk: MemoryDisk): boolean {
    const files = (each: MemoryDisk) => each.paths.filter((path) => !path.includes('.lock'))
    const [now, then] = [files(disk), files(this.found)]
    return now.join() !== then.join() || then.some((path) => !disk.bytesOf(path).equals(this.found.bytesOf(path)))
  }

  /** True if an undamaged file, which the engine uses, says which store this is. */
  get isStoreKnown(): boolean {
    const isAnyLeft = [MARK, ...backupsOf(this.subject.disk)].some((path) => !this.isChanged(path))
    return this.hasHeader || (isAnyLeft && !this.isForeignBackupUsed)
  }

  /** Every file that was a whole log of this store at some time. */
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

  /**
   * The state at the last record that a remaining file names.
   * It is the true state if the mark names the last record.
   */
  get lastKnownState(): State {
    const { author, disk, earlier } = this.subject
    if (!this.#isEndUnknown || this.bytesOf(LOG) === undefined) return author.truth
    const written = [earlier, disk].flatMap((each) => generationOf(each.bytesOf(LOG)).lines)
    const left = this.#linesOf(LOG)
    const named = written.filter((line) => isLineIn(line, left)).flatMap((line) => [line.seq, line.synced])
    const reaches = backupsOf(disk)
      .filter((path) => !this.isChanged(path))
      .map((path) => generationOf(disk.bytesOf(path)).lastSeq)
    const mark = this.isChanged(MARK) ? 0 : (JSON.parse(disk.bytesOf(MARK).toString()) as { seq: number }).seq
    return author.stateAt(Math.max(mark, ...named, ...reaches))
  }

  get isNothingLeft(): boolean {
    const isThere = (path: string) => (path === LOG ? this.hasWholeLine(LOG) : path.startsWith(LOG) || path === MARK)
    return !this.found.paths.some(isThere)
  }

  get isForeignLogUsed(): boolean {
    const own = this.#generations.flatMap((bytes) => generationOf(bytes).lines)
    // Records do not name their store: some are the same in both stores.
    const generations = [...backupsOf(this.foreign), LOG].map((path) => generationOf(this.foreign.bytesOf(path)))
    const foreign = generations.flatMap(({ lines }) => lines).filter((line) => !isLineIn(line, own))
    return this.#linesOf(LOG).some((line) => isLineIn(line, foreign))
  }

  /**
   * True if the engine has to take the name of the store from a backup of the other store.
   * Neither log nor mark names the store, and the newest backup with a header is of the other one.
   */
  get isForeignBackupUsed(): boolean {
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

  get isForeignMarkUsed(): boolean {
    return this.isMarkForeign && !this.hasHeader
  }

  /** True if the files disagree about their store, and the engine uses the wrong one. */
  get isForeignFileUsed(): boolean {
    return this.isForeignLogUsed || this.isForeignMarkUsed || this.isForeignBackupUsed
  }

  get isOldMark(): boolean {
    return this.isChanged(MARK) && this.bytesOf(MARK)?.equals(this.subject.earlier.bytesOf(MARK)) === true
  }

  isAsGood(path: string): boolean {
    const other = this.#generations.find((each) => this.bytesOf(path)?.equals(each))
    return other !== undefined && generationOf(other).lastSeq === generationOf(this.subject.disk.bytesOf(path)).lastSeq
  }

  /** True if the file is missing or replaced by another whole file. */
  isOtherFile(path: string): boolean {
    if (!this.found.has(path)) return true
    const wasReplaced = this.damages.some((each) => each.kind === 'replaced')
    const [first] = splitLines(this.subject.disk.bytesOf(path))
    return wasReplaced && !this.#linesOf(path)[0]?.bytes.equals(first?.bytes as Buffer)
  }
}
