import type { SurveyLine, SurveyRecord } from '../log/record-reader.js'
import { MAX_RECORD_BYTES, MAX_TAIL_REPAIR_BYTES } from '../platform/limits.js'

/**
 * The verdict on the lines after a checkpoint: which records count, and whether the rest is a torn tail or damage.
 *
 * A crash tears only records that no returned sync covers. W is the last record that is known to be covered: the largest
 * `synced` in any whole line, or the mark. So bad or missing records up to W are damage, and the records around them
 * were acknowledged and are kept. The first bad record after W ends the log: it and everything after it was being
 * written at the crash, and is the torn tail.
 */
export interface Verdict {
  /** The records that count, sorted by seq, each once. */
  readonly kept: readonly SurveyRecord[]
  /** Where the torn tail starts; undefined if there is none. */
  readonly cut: { readonly offset: number; readonly line: number } | undefined
  /** Lines that are wrong or misplaced. Bad lines and repeated seqs do not count; the others do. */
  readonly damaged: readonly DamagedLine[]
  /** Runs of records that were on disk and are gone. */
  readonly missing: readonly MissingRun[]
  /** The last record that exists or is known to have existed. */
  readonly lastSeq: number
  /** The file is not what was written: lines are bad, missing, moved or repeated. */
  readonly isDamaged: boolean
  /** The bad tail is longer than a crash can leave, so it is damage with unknown content. */
  readonly isBeyondRepair: boolean
}

export interface DamagedLine {
  readonly line: SurveyLine
  readonly why: 'bad' | 'doubled' | 'conflict' | 'moved' | 'unended'
}

export interface MissingRun {
  readonly from: number
  readonly to: number
  /** The bad lines in the place of these records. */
  readonly lines: readonly SurveyLine[]
  /** Where in the file the run should be. */
  readonly offset: number
  /** The line there. */
  readonly number: number
}

export interface TailToJudge {
  readonly survey: readonly SurveyLine[]
  /** The record that the checkpoint covers. */
  readonly afterSeq: number
  /** W as far as the mark knows. Lines of the survey may raise it. */
  readonly markSeq: number
  readonly sizeBytes: number
  /** The number of the tail's first line, where records missing from an empty tail are reported. @default 1 */
  readonly firstLine?: number
  readonly maxTailRepairBytes?: number
}

export function judgeTail(tail: TailToJudge): Verdict {
  const verdict = new TailJudge(tail).verdict()
  const limit = tail.maxTailRepairBytes ?? MAX_TAIL_REPAIR_BYTES
  // One crash does not tear so much. Treat it as damage, and keep the readable records after it.
  if (verdict.cut && tail.sizeBytes - verdict.cut.offset > limit && !isOneTornRecord(tail.survey, verdict.cut)) {
    return { ...new TailJudge(tail, true).verdict(), isBeyondRepair: true }
  }
  return verdict
}

/** A single record can be longer than the limit and torn by a kill. */
function isOneTornRecord(survey: readonly SurveyLine[], cut: { readonly offset: number }): boolean {
  const last = survey.at(-1)
  const isBegun = last?.kind === 'bad' && last.begun && !last.ended
  return isBegun && last.offset === cut.offset && last.length <= MAX_RECORD_BYTES
}

class TailJudge {
  /** W, the last record that is known to have been on disk. */
  readonly #synced: number
  /** For each bad line, the number of the record that it may have been. */
  readonly #places = new Map<SurveyLine, number>()
  /** The records after the checkpoint, sorted by seq, each once. */
  readonly #records: readonly SurveyRecord[]
  readonly #damaged: DamagedLine[] = []

  constructor(
    private readonly tail: TailToJudge,
    /** Nothing is a torn tail: every bad or missing record is damage. */
    private readonly isAllDamage = false,
  ) {
    const { survey, afterSeq, markSeq } = tail
    this.#synced = survey.reduce((seq, line) => (line.kind === 'record' ? Math.max(seq, line.synced) : seq), markSeq)
    const records = new Map<number, SurveyRecord>()
    let highest = afterSeq
    for (const line of survey) {
      if (line.kind === 'bad') {
        this.#places.set(line, highest + 1)
        continue
      }
      const first = records.get(line.seq)
      if (first) this.#damaged.push({ line, why: first.crc === line.crc ? 'doubled' : 'conflict' })
      else if (line.seq <= afterSeq) this.#damaged.push({ line, why: 'doubled' })
      else records.set(line.seq, line)
      if (!first && line.seq > afterSeq && line.seq < highest) this.#damaged.push({ line, why: 'moved' })
      highest = Math.max(highest, line.seq)
    }
    this.#records = [...records.values()].sort((a, b) => a.seq - b.seq)
  }

  verdict(): Verdict {
    const { survey, afterSeq } = this.tail
    const cut = this.#endOfLog()
    const isBeforeCut = (line: SurveyLine) => !cut || line.offset < cut.offset
    const kept = this.#records.filter((line) => isBeforeCut(line) || this.#mustExist(line.seq))
    const lastSeq = Math.max(kept.at(-1)?.seq ?? afterSeq, this.#synced)
    const damaged = [...this.#damaged]
    // Without the newline, the next record would continue this line.
    for (const line of kept) if (!line.ended) damaged.push({ line, why: 'unended' })
    for (const line of survey) if (line.kind === 'bad' && isBeforeCut(line)) damaged.push({ line, why: 'bad' })
    const counts = new Set<SurveyLine>(kept)
    const setAside = damaged.filter(({ line }) => isBeforeCut(line) || counts.has(line))
    const missing = this.#missingRuns(kept, lastSeq, isBeforeCut)
    return {
      kept,
      cut: cut && { offset: cut.offset, line: cut.number },
      damaged: setAside,
      missing,
      lastSeq,
      isDamaged: setAside.length > 0 || missing.length > 0,
      isBeyondRepair: false,
    }
  }

  /** True if a crash cannot have torn the record with this number. */
  #mustExist(seq: number): boolean {
    return this.isAllDamage || seq <= this.#synced
  }

  /**
   * The first line after W that is bad, follows a gap, or lacks its newline. If lines were moved, cutting there can open
   * a gap before an earlier line. Then the log ends before that line.
   */
  #endOfLog(): SurveyLine | undefined {
    let cut: SurveyLine | undefined
    for (;;) {
      const end = cut?.offset ?? Number.POSITIVE_INFINITY
      const next = this.#firstTorn(this.#records.filter((line) => line.offset < end || this.#mustExist(line.seq)))
      if (!next || next.offset >= end) return cut
      cut = next
    }
  }

  #firstTorn(records: readonly SurveyRecord[]): SurveyLine | undefined {
    let expected = this.tail.afterSeq + 1
    for (const { seq } of records) {
      if (seq > expected && !this.#mustExist(seq - 1)) break
      expected = seq + 1
    }
    // `expected` is now the seq after the last record before the first gap after W.
    return this.tail.survey.find((line) => {
      if (line.kind === 'bad') return !this.#mustExist(this.#places.get(line) as number)
      return !this.#mustExist(line.seq) && (line.seq > expected || !line.ended)
    })
  }

  #missingRuns(
    kept: readonly SurveyRecord[],
    lastSeq: number,
    isBeforeCut: (line: SurveyLine) => boolean,
  ): MissingRun[] {
    const { survey, afterSeq, sizeBytes, firstLine = 1 } = this.tail
    const runs: MissingRun[] = []
    const lastLine = survey.at(-1)
    // In the order of the file, in which places never fall.
    const bad = [...this.#places].filter(([line]) => isBeforeCut(line))
    let begin = 0
    const add = (from: number, to: number, next: SurveyLine | undefined) => {
      let end = begin
      while (end < bad.length && (bad[end]?.[1] as number) <= to) end++
      const lines = bad.slice(begin, end).flatMap(([line, place]) => (place >= from ? [line] : []))
      begin = end
      const first = lines[0] ?? next
      runs.push({
        from,
        to,
        lines,
        offset: first?.offset ?? sizeBytes,
        number: first?.number ?? (lastLine ? lastLine.number + 1 : firstLine),
      })
    }
    let expected = afterSeq + 1
    for (const record of kept) {
      if (record.seq > expected) add(expected, record.seq - 1, record)
      expected = record.seq + 1
    }
    if (expected <= lastSeq) add(expected, lastSeq, undefined)
    return runs
  }
}
