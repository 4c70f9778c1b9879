import { isDeepStrictEqual } from 'node:util'
import type { Recovery } from '../support/core.js'
import type { Evidence } from './evidence.js'
import type { Expected } from './expected.js'
import { firstChange, generationOf, splitLines } from './lines.js'
import { LOGS } from './opening.js'
import type { Outcome } from './outcome.js'
import { LOG, MAIN, MARK } from './subjects.js'

/**
 * Checks that exactly the damaged files are reported, with their places.
 * Returns complaints.
 */
export function judgeReports(evidence: Evidence, outcome: Outcome, expected: Expected | undefined): string[] {
  return [
    ...evidence.changed.flatMap((path) => {
      if (path === LOG) return reportOfLog(evidence, outcome, expected)
      if (path === MARK) return reportOfMark(evidence, outcome)
      if (path === MAIN) return reportOfMain(evidence, outcome)
      return path.includes('.log.backup.') ? reportOfBackup(evidence, outcome, path) : []
    }),
    ...falseAlarms(evidence, outcome),
  ]
}

function reportOfLog(evidence: Evidence, { recovery }: Outcome, expected: Expected | undefined): string[] {
  const { clean, cutBytes, damage, source } = recovery
  if (evidence.isForeignLogUsed) {
    return clean && !evidence.isChanged(MARK) ? ['the log of another store is not reported'] : []
  }
  const places = damage.filter((each) => each.file === 'store.log')
  const isUnnoticed = expected ? expected.isSilent : evidence.isEndUnnoticed
  if (places.length === 0 && cutBytes === 0) return isUnnoticed ? [] : ['the damage of the log is not reported']
  if (expected?.isHealed && !damage.some((each) => each.healedFrom)) return ['it was not healed']
  // A tail that was cut off and a file that was replaced are reported as a whole.
  const isWhole = cutBytes > 0 || source !== 'log' || evidence.isOtherFile(LOG)
  return isWhole ? [] : faultsOfPlaces(evidence, LOG, places)
}

function reportOfMark(evidence: Evidence, { recovery, verified }: Outcome): string[] {
  if (evidence.isOldMark || evidence.isNothingLeft || evidence.isForeignFileUsed) return []
  const isNamed = [...recovery.damage, ...verified.damage].some((each) => each.file === 'store.mark')
  const isNoted = recovery.notes.some((note) => note.includes('store.mark'))
  const isGone = evidence.bytesOf(MARK) === undefined
  return (isGone ? isNoted : isNamed) ? [] : ['the damage of the mark is not reported']
}

function reportOfMain(evidence: Evidence, { verified }: Outcome): string[] {
  const places = verified.damage.filter((each) => each.file === 'store.json')
  const bytes = evidence.bytesOf(MAIN)
  const isMarkGood = !evidence.isChanged(MARK) && !evidence.isForeignLogUsed
  const isKnown = isMarkGood && !evidence.subject.isKilled
  if (places.length === 0) {
    if (!bytes) return isMarkGood ? ['the missing main file is not reported'] : []
    // If the mark does not name the last record of the log, the contents of the main file are unknown.
    return isKnown && !evidence.isChanged(LOG) ? ['the damage of the main file is not reported'] : []
  }
  const whole = { file: 'store.json', line: 1, offset: 0, bytes: bytes?.length ?? 0 }
  const isNamedAsAWhole = places.length === 1 && isDeepStrictEqual(places[0], whole)
  return isNamedAsAWhole ? [] : [`the main file is named as ${JSON.stringify(places)}`]
}

function reportOfBackup(evidence: Evidence, { verified }: Outcome, path: string): string[] {
  const file = path.slice(LOGS.length + 1)
  const places = verified.damage.filter((each) => each.file === file)
  // A backup may be removed: that is not damage.
  if (!evidence.found.has(path)) return places.length > 0 ? [`the removed ${file} is reported`] : []
  // Which backups count as those of another store depends on the file that the engine uses.
  if (evidence.isForeignFileUsed) return []
  if (places.length > 0) return evidence.isOtherFile(path) ? [] : faultsOfPlaces(evidence, path, places)
  return evidence.isAsGood(path) ? [] : [`the damage of ${file} is not reported`]
}

/** Checks that the first changed line is reported with its offset and any readable key. */
function faultsOfPlaces(evidence: Evidence, path: string, places: Recovery['damage']): string[] {
  const bytes = evidence.bytesOf(path) ?? Buffer.alloc(0)
  const original = evidence.subject.disk.bytesOf(path)
  const change = firstChange(original, bytes)
  // Of several places in one file at least one is reported; which one is not checked.
  if (!change || evidence.damages.filter((each) => each.path === path).length !== 1) return []
  const offsets = [...splitLines(bytes).map((line) => line.offset), bytes.length]
  const misplaced = places.filter((each) => offsets[each.line - 1] !== each.offset)
  const faults = misplaced.map((each) => `line ${each.line} does not begin at byte ${each.offset}`)
  // A lost newline joins two lines, and an added one splits a line.
  if (!places.some((each) => Math.abs(each.line - change.number) <= 1)) {
    faults.push(`line ${change.number} is not reported: ${JSON.stringify(places)}`)
  }
  const exact = places.find((each) => each.line === change.number && each.bytes > 0)
  const key = keyOf(change.bytes, original)
  if (exact && key !== undefined && exact.key !== key) faults.push(`the key of line ${exact.line} is ${key}`)
  return faults
}

/** The key of a damaged record that was changed in place, outside its number and its key. */
function keyOf(line: Buffer, original: Buffer): string | undefined {
  const text = line.toString('latin1')
  const named = generationOf(original).records.find(({ key, seq, bytes }) => {
    const isInPlace = bytes.length === line.length && text.includes(`"seq":${seq},`)
    return key !== undefined && isInPlace && text.includes(`,"key":${JSON.stringify(key)},`)
  })
  return named?.key
}

function falseAlarms(evidence: Evidence, { recovery, verified }: Outcome): string[] {
  if (evidence.isForeignFileUsed) return []
  const changed = evidence.changed.map((path) => path.slice(path.lastIndexOf('/') + 1))
  const named = [...recovery.damage, ...verified.damage].map((each) => each.file)
  const strangers = named.filter((file) => !changed.includes(file) && !isOfOldMark(evidence, file))
  return strangers.map((file) => `a false alarm about ${file}`)
}

/** True for the main file if the mark is an older one, which does not match it. */
function isOfOldMark(evidence: Evidence, file: string): boolean {
  return evidence.isOldMark && file === 'store.json'
}
