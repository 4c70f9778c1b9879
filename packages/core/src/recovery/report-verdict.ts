import { ANY_KEY, addDamage, addInDoubt, addUnknownEnd, type Recovery } from '../log/damage-report.js'
import type { MissingRun, Verdict } from './judge-tail.js'

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
