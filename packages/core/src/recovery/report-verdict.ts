import { ANY_KEY, addDamage, addInDoubt, addUnknownEnd, type Recovery } from '../log/damage-report.js'
import type { MissingRun, Verdict } from './judge-tail.js'

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
  const found = [...judged.found].sort(([a], [b]) => a - b)
  let begin = 0
  for (const run of verdict.missing) {
    let end = begin
    while (end < found.length && (found[end]?.[0] as number) <= run.to) end++
    const sources = found.slice(begin, end).map(([, { from }]) => from)
    begin = end
    const healedFrom = reportMissing(judged, run, sources)
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

/** `sources` has a file for each record that was found. Returns one if the whole run was healed. */
function reportMissing(
  { recovery, file, verdict, isEndKnown }: Judged,
  { from, to, lines, number, offset }: MissingRun,
  sources: readonly string[],
): string | undefined {
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
