import { ANY_KEY, addDamage, addInDoubt, addUnknownEnd, type Recovery } from '../log/damage-report.js'
import type { SurveyLine, SurveyRecord } from '../log/record-reader.js'
import { MAX_RECORD_BYTES, MAX_TAIL_REPAIR_BYTES } from '../platform/limits.js'

/**
 * Tells a torn tail from damage.
 *
 * A crash tears only what no returned sync had covered, and W is the highest record that is known to have been covered
 * (the largest `synced` in any whole line, or the mark). So what is bad or missing up to W is damage: its neighbours
 * on both sides were acknowledged and are kept. The first bad record above W ends the log: it and all behind it was
 * under way when the power went, and is the torn tail.
 */
export interface Verdict {
  /** The records that count, by seq, each once. */
  readonly kept: readonly SurveyRecord[]
  /** Where the torn tail starts; undefined if there is none. */
  readonly cut: { readonly offset: number; readonly line: number } | undefined
  /** Lines that are not what or where they should be: bad ones and second ones of a seq do not count, the others do. */
  readonly damaged: readonly DamagedLine[]
  /** Runs of records that were on disk and are not there any more. */
  readonly missing: readonly MissingRun[]
  /** The last record that there is or was. */
  readonly lastSeq: number
  /** A line moved or doubled, or anything else by which the file is no longer what was written. */
  readonly isDamaged: boolean
  /** The tail is longer than one that a crash leaves: nobody can say what it held. */
  readonly isBeyondRepair: boolean
}

export interface DamagedLine {
  readonly line: SurveyLine
  readonly why: 'bad' | 'doubled' | 'conflict' | 'moved' | 'unended'
}

export interface MissingRun {
  readonly from: number
  readonly to: number
  /** The bad lines that stand where these records stood. */
  readonly lines: readonly SurveyLine[]
  /** Where in the file the run would be. */
  readonly offset: number
  readonly number: number
}

export interface TailToJudge {
  readonly survey: readonly SurveyLine[]
  /** The record that the checkpoint covers. */
  readonly afterSeq: number
  /** W, as far as the mark knows it; the lines add what they know. */
  readonly markSeq: number
  readonly sizeBytes: number
  /** The number of the tail's first line; what is missing from an empty tail is reported there. @default 1 */
  readonly firstLine?: number
  readonly maxTailRepairBytes?: number
}

export function judgeTail(input: TailToJudge): Verdict {
  let synced = input.markSeq
  for (const line of input.survey) if (line.kind === 'record') synced = Math.max(synced, line.synced)
  const verdict = judgeAbove(input, synced)
  const limit = input.maxTailRepairBytes ?? MAX_TAIL_REPAIR_BYTES
  // So much is not lost in one crash: then it is damage, and what can be read behind it is kept.
  if (verdict.cut && input.sizeBytes - verdict.cut.offset > limit && !isOneTornRecord(input.survey, verdict.cut)) {
    return { ...judgeAbove(input, Number.POSITIVE_INFINITY), isBeyondRepair: true }
  }
  return verdict
}

/** A single record can be longer than the limit, and be cut short by a kill. */
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
  // A record that is whole but for its newline would have the next one glued to it.
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
 * The first line that is bad above W, that stands behind a gap above W, or that lacks its newline above W. What is cut
 * there can leave a gap behind a record ahead of it, where lines were moved: then the log ends before that one.
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
  // `expected` is now behind the last record that is there without a gap above W.
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

/** What was judged of the records of a log, put into the words of a report. */
export interface Judged {
  readonly recovery: Recovery
  readonly file: string
  readonly sizeBytes: number
  readonly verdict: Verdict
  /** Where each missing record was found, by its number. */
  readonly found: ReadonlyMap<number, { readonly from: string }>
  /** The log went no further than is known. */
  readonly isEndKnown: boolean
}

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
    recovery.notes.push(`Line ${number} of ${file} has the number of another record; the first of them counts.`)
  }
  if (verdict.isDamaged) recovery.clean = false
  if (verdict.isBeyondRepair) {
    addInDoubt(recovery, [ANY_KEY])
    recovery.notes.push(
      `What cannot be read in ${file} is longer than the tail that a crash leaves, so it is taken for damage.`,
    )
  }
  recovery.damage.sort((a, b) => (a.file === b.file ? a.offset - b.offset : 0))
  if (verdict.cut) reportCut(judged, verdict.cut)
}

/** Returns the file that all of the run was healed from, if it was. */
function reportMissing({ recovery, file, verdict, found, isEndKnown }: Judged, run: MissingRun): string | undefined {
  const { from, to, lines, number, offset } = run
  const sources = [...found].filter(([seq]) => seq >= from && seq <= to).map((each) => each[1].from)
  const healedFrom = sources.length === to - from + 1 ? sources.at(-1) : undefined
  if (lines.length === 0) {
    addDamage(recovery, { file, line: number, offset, bytes: 0, ...(healedFrom !== undefined && { healedFrom }) })
  }
  const which = from === to ? `Record ${from}` : `Records ${from} to ${to}`
  if (healedFrom !== undefined) {
    recovery.notes.push(`${which} of ${file} could not be read and came from ${healedFrom}.`)
    // Where the end is gone, nobody can say that there was not more of it.
    if (to === verdict.lastSeq && !isEndKnown) addUnknownEnd(recovery)
    return healedFrom
  }
  addInDoubt(recovery, [...lines.map((line) => line.key), ANY_KEY])
  const held = sources.length === 0 ? 'no backup holds it' : `backups hold ${sources.length} of them, which were taken`
  recovery.notes.push(`${which} of ${file} had been on disk and cannot be read any more; ${held}.`)
  return undefined
}

function reportCut({ recovery, file, sizeBytes }: Judged, { offset, line }: NonNullable<Verdict['cut']>): void {
  recovery.clean = false
  recovery.cutBytes = sizeBytes - offset
  recovery.notes.push(
    `The last ${recovery.cutBytes} bytes of ${file}, from line ${line} on, are a torn tail: writes that were under way ` +
      'when the process or the power stopped. Nothing proves that they were ever on disk; if they were, this is damage. ' +
      'They are set aside.',
  )
}
