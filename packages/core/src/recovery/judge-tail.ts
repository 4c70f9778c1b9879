import { ANY_KEY, addDamage, addInDoubt, addUnknownEnd, type Recovery } from '../log/damage-report.js'
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

export function judgeTail(input: TailToJudge): Verdict {
  let synced = input.markSeq
  for (const line of input.survey) if (line.kind === 'record') synced = Math.max(synced, line.synced)
  const verdict = judgeAbove(input, synced)
  const limit = input.maxTailRepairBytes ?? MAX_TAIL_REPAIR_BYTES
  // One crash does not tear so much. Treat it as damage, and keep the readable records after it.
  if (verdict.cut && input.sizeBytes - verdict.cut.offset > limit && !isOneTornRecord(input.survey, verdict.cut)) {
    return { ...judgeAbove(input, Number.POSITIVE_INFINITY), isBeyondRepair: true }
  }
  return verdict
}

/** A single record can be longer than the limit and torn by a kill. */
function isOneTornRecord(survey: readonly SurveyLine[], cut: { readonly offset: number }): boolean {
  const last = survey.at(-1)
  const isBegun = last?.kind === 'bad' && last.begun && !last.ended
  return isBegun && last.offset === cut.offset && last.length <= MAX_RECORD_BYTES
}

function judgeAbove({ survey, afterSeq, markSeq, sizeBytes, firstLine = 1 }: TailToJudge, synced: number): Verdict {
  const damaged: DamagedLine[] = []
  const places = new Map<SurveyLine, number>()
  const records = new Map<number, SurveyRecord>()
  let highest = afterSeq
  for (const line of survey) {
    if (line.kind === 'bad') {
      places.set(line, highest + 1)
      continue
    }
    const first = records.get(line.seq)
    if (first) damaged.push({ line, why: first.crc === line.crc ? 'doubled' : 'conflict' })
    else if (line.seq <= afterSeq) damaged.push({ line, why: 'doubled' })
    else records.set(line.seq, line)
    if (!first && line.seq > afterSeq && line.seq < highest) damaged.push({ line, why: 'moved' })
    highest = Math.max(highest, line.seq)
  }

  const present = [...records.values()].sort((a, b) => a.seq - b.seq)
  const cut = endOfLog(survey, places, present, afterSeq, synced)
  const isKept = (line: SurveyLine) => !cut || line.offset < cut.offset
  const kept = present.filter((line) => isKept(line) || line.seq <= synced)
  const lastKept = kept.at(-1)?.seq ?? afterSeq
  const lastSeq = Math.max(lastKept, Number.isFinite(synced) ? synced : markSeq)
  // Without the newline, the next record would continue this line.
  for (const line of kept) if (!line.ended) damaged.push({ line, why: 'unended' })
  for (const line of survey) if (line.kind === 'bad' && isKept(line)) damaged.push({ line, why: 'bad' })
  const counts = new Set<SurveyLine>(kept)
  const setAside = damaged.filter(({ line }) => isKept(line) || counts.has(line))
  const missing = missingRuns(kept, afterSeq, lastSeq, places, isKept, survey, sizeBytes, firstLine)
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

/**
 * The first line after W that is bad, follows a gap, or lacks its newline. If lines were moved, cutting there can open
 * a gap before an earlier line. Then the log ends before that line.
 */
function endOfLog(
  survey: readonly SurveyLine[],
  places: ReadonlyMap<SurveyLine, number>,
  present: readonly SurveyRecord[],
  afterSeq: number,
  synced: number,
): SurveyLine | undefined {
  let cut: SurveyLine | undefined
  for (;;) {
    const end = cut?.offset ?? Number.POSITIVE_INFINITY
    const left = present.filter((line) => line.offset < end || line.seq <= synced)
    const next = firstBeyond(survey, places, left, afterSeq, synced)
    if (!next || next.offset >= end) return cut
    cut = next
  }
}

function firstBeyond(
  survey: readonly SurveyLine[],
  places: ReadonlyMap<SurveyLine, number>,
  present: readonly SurveyRecord[],
  afterSeq: number,
  synced: number,
): SurveyLine | undefined {
  let expected = afterSeq + 1
  for (const record of present) {
    if (record.seq > expected && record.seq - 1 > synced) break
    expected = record.seq + 1
  }
  // `expected` is now the seq after the last record before the first gap after W.
  return survey.find((line) => {
    if (line.kind === 'bad') return (places.get(line) as number) > synced
    return line.seq > synced && (line.seq > expected || !line.ended)
  })
}

function missingRuns(
  kept: readonly SurveyRecord[],
  afterSeq: number,
  lastSeq: number,
  places: ReadonlyMap<SurveyLine, number>,
  isKept: (line: SurveyLine) => boolean,
  survey: readonly SurveyLine[],
  sizeBytes: number,
  firstLine: number,
): MissingRun[] {
  const runs: MissingRun[] = []
  const lastLine = survey.at(-1)
  const add = (from: number, to: number, next: SurveyLine | undefined) => {
    const lines = [...places]
      .filter(([line, place]) => isKept(line) && place >= from && place <= to)
      .map(([line]) => line)
    const at = lines[0] ?? next
    runs.push({
      from,
      to,
      lines,
      offset: at?.offset ?? sizeBytes,
      number: at?.number ?? (lastLine ? lastLine.number + 1 : firstLine),
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

/** A verdict with everything that its report needs. */
export interface Judged {
  readonly recovery: Recovery
  readonly file: string
  readonly sizeBytes: number
  readonly verdict: Verdict
  /** The file in which each missing record was found, by seq. */
  readonly found: ReadonlyMap<number, { readonly from: string }>
  /** It is known where the log ended. */
  readonly isEndKnown: boolean
}

/** Adds the verdict to the recovery report: damage, keys in doubt and notes. */
export function reportVerdict(judged: Judged): void {
  const { recovery, file, verdict } = judged
  const healedLines = new Map<unknown, string>()
  for (const run of verdict.missing) {
    const healedFrom = reportMissing(judged, run)
    if (healedFrom !== undefined) for (const line of run.lines) healedLines.set(line, healedFrom)
  }
  for (const { line, why } of verdict.damaged) {
    const { number, offset, length: bytes, key } = line
    const healedFrom = healedLines.get(line)
    const about = { ...(key !== undefined && { key }), ...(healedFrom !== undefined && { healedFrom }) }
    addDamage(recovery, { file, line: number, offset, bytes, ...about })
    if (why !== 'conflict') continue
    addInDoubt(recovery, [key ?? ANY_KEY])
    recovery.notes.push(
      `Line ${number} of ${file} repeats the number of an earlier record. The earlier record was used.`,
    )
  }
  if (verdict.isDamaged) recovery.clean = false
  if (verdict.isBeyondRepair) {
    addInDoubt(recovery, [ANY_KEY])
    recovery.notes.push(`The unreadable part of ${file} is longer than a crash can leave, so it was treated as damage.`)
  }
  recovery.damage.sort((a, b) => (a.file === b.file ? a.offset - b.offset : 0))
  if (verdict.cut) reportCut(judged, verdict.cut)
}

/** Returns the file that the whole run was healed from, if any. */
function reportMissing({ recovery, file, verdict, found, isEndKnown }: Judged, run: MissingRun): string | undefined {
  const { from, to, lines, number, offset } = run
  const sources = [...found].filter(([seq]) => seq >= from && seq <= to).map((each) => each[1].from)
  const healedFrom = sources.length === to - from + 1 ? sources.at(-1) : undefined
  if (lines.length === 0) {
    addDamage(recovery, { file, line: number, offset, bytes: 0, ...(healedFrom !== undefined && { healedFrom }) })
  }
  const which = from === to ? `Record ${from}` : `Records ${from} to ${to}`
  if (healedFrom !== undefined) {
    recovery.notes.push(`${which} of ${file} could not be read. Restored from ${healedFrom}.`)
    // If the end of the log was lost, more records may have followed it.
    if (to === verdict.lastSeq && !isEndKnown) addUnknownEnd(recovery)
    return healedFrom
  }
  addInDoubt(recovery, [...lines.map((line) => line.key), ANY_KEY])
  const rest =
    sources.length === 0 ? 'No backup has a copy.' : `Backups had ${sources.length} of them, which were restored.`
  recovery.notes.push(`${which} of ${file} ${from === to ? 'was' : 'were'} on disk and can no longer be read. ${rest}`)
  return undefined
}

function reportCut({ recovery, file, sizeBytes }: Judged, { offset, line }: NonNullable<Verdict['cut']>): void {
  recovery.clean = false
  recovery.cutBytes = sizeBytes - offset
  recovery.notes.push(
    `The last ${recovery.cutBytes} bytes of ${file}, from line ${line} on, are a torn tail: writes that were interrupted ` +
      'when the process or the power stopped. Nothing proves that they were acknowledged.',
  )
}
