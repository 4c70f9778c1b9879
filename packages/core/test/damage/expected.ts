import type { State } from './author.js'
import type { Kind } from './damages.js'
import {
  type FileLine,
  type Generation,
  generationOf,
  isLineIn,
  isSameLine,
  type OriginalLine,
  splitLines,
} from './lines.js'
import type { MemoryDisk } from './memory-disk.js'
import { backupsOf, LOG, MARK, type Subject } from './subjects.js'

/** The expected result if only the log is damaged, computed without the engine. */
export interface Expected {
  /** Undefined if it is not computed here: then every key must be right or in doubt. */
  readonly state: State | undefined
  /** The log has no readable line, and there is no backup. */
  readonly isRefused: boolean
  readonly isInDoubt: boolean
  /** No byte shows that anything is missing. */
  readonly isSilent: boolean
  readonly isHealed: boolean
}

const AS_IT_WAS = { isRefused: false, isInDoubt: false, isSilent: false, isHealed: false }

export function expectedOf(subject: Subject, foreign: MemoryDisk, disk: MemoryDisk, kind: Kind): Expected | undefined {
  const bytes = disk.has(LOG) ? disk.bytesOf(LOG) : Buffer.alloc(0)
  // The log of another store counts, and the mark is reported.
  if (kind === 'replaced' && bytes.equals(foreign.bytesOf(LOG))) return undefined
  const earlier = [...backupsOf(subject.disk), LOG].map((path) => subject.disk.bytesOf(path))
  const copies = [subject.earlier.bytesOf(LOG), ...earlier]
  const written = generationOf(copies.find((each) => each.equals(bytes)) ?? subject.disk.bytesOf(LOG))
  const lines = splitLines(bytes)
  const holdsState = written.lines.filter((line) => line.kind !== 'index')
  if (!lines.some((line) => holdsState.some((each) => isSameLine(line, each)))) return withoutLog(subject)
  return new LogExpectation(subject, written, lines, bytes.length, kind).result()
}

/** The result for a log without a readable line: the backup that goes furthest replaces it. */
function withoutLog(subject: Subject): Expected {
  const reaches = backupsOf(subject.disk).map((path) => generationOf(subject.disk.bytesOf(path)).lastSeq)
  if (reaches.length === 0) return { ...AS_IT_WAS, state: undefined, isRefused: true }
  const reach = Math.max(...reaches)
  const isInDoubt = subject.isKilled || reach < markSeqOf(subject.disk)
  return { ...AS_IT_WAS, state: subject.author.stateAt(reach), isInDoubt, isHealed: true }
}

function markSeqOf(disk: MemoryDisk): number {
  return (JSON.parse(disk.bytesOf(MARK).toString()) as { seq: number }).seq
}

class LogExpectation {
  readonly #present: readonly OriginalLine[]
  /** The last record that is known to have been on disk. */
  readonly #synced: number

  constructor(
    private readonly subject: Subject,
    private readonly written: Generation,
    private readonly lines: readonly FileLine[],
    private readonly sizeBytes: number,
    private readonly kind: Kind,
  ) {
    this.#present = written.lines.filter((line) => lines.some((each) => isSameLine(each, line)))
    const backedUp = this.#backups().map((each) => each.lastSeq)
    const named = this.#records().map((line) => line.synced)
    // A backup is a copy of a former log.
    this.#synced = Math.max(markSeqOf(subject.disk), ...named, ...backedUp)
  }

  #records(): OriginalLine[] {
    return this.#present.filter((line) => line.kind === 'record')
  }

  result(): Expected | undefined {
    const { subject, written } = this
    if (this.#isOutOfOrder()) return undefined
    const [first] = this.#records()
    const isPlaced = this.#has('header') || this.#has('index') || first?.seq === written.checkpointSeq + 1
    if (!isPlaced) return undefined

    const lostKeys = this.#lostKeys()
    const isCheckpointHealed = lostKeys.size > 0 && this.#backups().some((each) => this.#reaches(each))
    const end = this.#end()
    const present = new Set(this.#records().map((line) => line.seq))
    const missing = range(written.checkpointSeq + 1, Math.max(written.lastSeq, this.#synced)).filter(
      (seq) => !present.has(seq),
    )
    const lost = missing.filter((seq) => seq <= this.#synced)
    const healed = lost.filter((seq) => this.#backups().some((each) => each.records.some((line) => line.seq === seq)))
    const kept = [...present].filter((seq) => seq <= this.#synced || seq <= end)
    const state = subject.author.stateOf(written.checkpointSeq, isCheckpointHealed ? new Set() : lostKeys, [
      ...kept,
      ...healed,
    ])
    const hasLostEnd = lost.length > 0 && lost.at(-1) === this.#synced && !kept.some((seq) => seq > this.#synced)
    const isCheckpointLost = (lostKeys.size > 0 && !isCheckpointHealed) || this.#endsInCheckpoint()
    const isUnchanged = this.lines.every((line) => isLineIn(line, written.lines))
    return {
      state,
      isRefused: false,
      isInDoubt: isCheckpointLost || healed.length < lost.length || (hasLostEnd && subject.isKilled),
      isSilent: isUnchanged && lost.length === 0 && this.#isWholeUpTo(end),
      isHealed: isCheckpointHealed || (healed.length > 0 && healed.length === lost.length),
    }
  }

  #backups(): Generation[] {
    return backupsOf(this.subject.disk).map((path) => generationOf(this.subject.disk.bytesOf(path)))
  }

  #reaches(backup: Generation): boolean {
    const { checkpointSeq } = this.written
    return backup.checkpointSeq <= checkpointSeq && backup.lastSeq >= checkpointSeq
  }

  #has(kind: OriginalLine['kind']): boolean {
    return this.#present.some((line) => line.kind === kind)
  }

  /**
   * True if moved lines of the checkpoint are among the records.
   * The result of that is not computed.
   */
  #isOutOfOrder(): boolean {
    if (this.kind !== 'swapped lines' && this.kind !== 'doubled line') return false
    const kinds = this.lines.map((line) => this.written.lines.find((each) => each.bytes.equals(line.bytes))?.kind)
    return (
      kinds.lastIndexOf('index') > kinds.indexOf('record') ||
      kinds.some((kind, at) => kind !== 'record' && at > kinds.indexOf('record'))
    )
  }

  #lostKeys(): Set<string> {
    const lost = this.written.checkpoint.filter((line) => !this.#present.includes(line))
    return new Set(lost.flatMap((line) => line.keys))
  }

  #endsInCheckpoint(): boolean {
    const index = this.written.checkpoint.find((line) => line.kind === 'index')
    const isCut = index !== undefined && !this.#has('index') && this.#has('header') && this.sizeBytes <= index.offset
    const isLastBad = !isLineIn(this.lines.at(-1) as FileLine, this.written.lines)
    const isComplete = this.lines.some((line) => line.bytes.equals(this.written.checkpoint.at(-1)?.bytes as Buffer))
    return isCut || (isLastBad && !isComplete && this.#records().length === 0)
  }

  /**
   * The last record before the first one after `synced` that is not whole.
   * A record is whole if it is good, present and ends with its newline.
   */
  #end(): number {
    const { written } = this
    const present = new Set(this.#records().map((line) => line.seq))
    const last = this.lines.at(-1)?.bytes
    // The torn record is the last one written, which has no newline yet.
    for (const { seq, bytes } of this.#records()) if (last && bytes.subarray(0, -1).equals(last)) present.delete(seq)
    const above = range(this.#synced + 1, written.lastSeq).find((seq) => !present.has(seq)) ?? Number.POSITIVE_INFINITY
    return Math.min(above, this.#firstStranger()) - 1
  }

  /** The first number after `synced` at whose place the log has a line that is not its own. */
  #firstStranger(): number {
    let highest = this.written.checkpointSeq
    let isAfterCheckpoint = false
    for (const line of this.lines) {
      const own = this.#present.find((each) => isSameLine(line, each))
      isAfterCheckpoint ||= own?.kind === 'record' || own === this.written.checkpoint.at(-1)
      if (own?.kind === 'record') highest = Math.max(highest, own.seq)
      if (!own && isAfterCheckpoint && highest + 1 > this.#synced) return highest + 1
    }
    return Number.POSITIVE_INFINITY
  }

  #isWholeUpTo(end: number): boolean {
    const last = Math.min(end, this.written.lastSeq)
    return this.#present.length === this.written.checkpoint.length + last - this.written.checkpointSeq
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, step) => from + step)
}
