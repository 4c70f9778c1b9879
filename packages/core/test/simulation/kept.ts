import type { Store } from '../support/core.js'
import { filesOf } from './files.js'
import type { SimulatedMachine } from './machine.js'

/** Checks that the files which must be kept next to the log exist. */

const LOG = 'logs/store.log'
const BACKUP = /^logs\/store\.log\.backup\.(.*)$/
const QUARANTINE = /^logs\/store\.log\.quarantine\./
/** A copy of a whole log that cannot be trusted. */
const DAMAGED = /^logs\/store\.log\.damaged\./
const SEQ = /-(\d+)$/

/** Checks that every byte that a recovery takes out of the log is kept. */
export class Kept {
  /** The torn tails that were cut off so far. */
  readonly #cut: Buffer[] = []
  #log: Buffer | undefined

  /** Checks after a crash that everything that was cut off before still exists. */
  lookBefore(machine: SimulatedMachine): void {
    const files = filesOf(machine)
    this.#log = files[LOG]
    for (const bytes of this.#cut) mustBeAside(files, [bytes])
  }

  /** Checks after an opening that every byte of the log is in it or in a file next to it. */
  lookAfter(machine: SimulatedMachine): void {
    const files = filesOf(machine)
    const [before, log] = [this.#log, files[LOG]]
    if (!before || !log || log.equals(before)) return
    // Of a log that was rewritten, all of it is kept; of one that was cut, its end.
    const isCut = log.equals(before.subarray(0, log.length))
    const end = before.subarray(log.length)
    // An opening that failed after its cut has kept the end, and the next one kept the rest.
    if (!isCut && isInTwoFiles(files, before)) return
    const path = mustBeAside(files, isCut ? [end, before] : [before])
    if (QUARANTINE.test(path)) this.#cut.push(end)
  }
}

/** The rest may have grown again by a power cut that undid the cut, with other bytes at its end. */
function isInTwoFiles(files: { [path: string]: Buffer }, wanted: Buffer): boolean {
  const inFiles = (name: RegExp) =>
    Object.keys(files).flatMap((path) => (name.test(path) ? [files[path] as Buffer] : []))
  return inFiles(QUARANTINE).some((end) => {
    const start = wanted.subarray(0, Math.max(0, wanted.length - end.length))
    const isEnd = wanted.subarray(start.length).equals(end)
    return isEnd && inFiles(DAMAGED).some((kept) => kept.subarray(0, start.length).equals(start))
  })
}

function mustBeAside(files: { [path: string]: Buffer }, wanted: readonly Buffer[]): string {
  const aside = Object.keys(files).filter((path) => QUARANTINE.test(path) || DAMAGED.test(path))
  const found = aside.find((path) => wanted.some((bytes) => files[path]?.equals(bytes)))
  if (found === undefined)
    throw new Error(`${wanted[0]?.length} bytes of the log are gone: they are in none of ${aside}`)
  return found
}

/**
 * Remembers the backups.
 * Call the returned check when a compaction has ended and no other is running.
 */
export function backupsBefore(machine: SimulatedMachine, store: Store, wanted: number): () => void {
  const { compactions, compacting, acknowledgedSeq } = statsOf(store)
  const before = backupsOf(machine)
  return () => {
    // A compaction that was running may have made its backup before.
    const made = statsOf(store).compactions - compactions - (compacting ? 1 : 0)
    const now = backupsOf(machine)
    const problem = made > 0 ? problemOf(before, now, acknowledgedSeq, wanted) : undefined
    if (problem) throw new Error(`${problem}: before ${made} compactions ${before}, now ${now}`)
  }
}

function problemOf(before: string[], now: string[], seq: number, wanted: number): string | undefined {
  if (now.length > wanted) return `there are more than ${wanted} backups`
  if (wanted > 0 && Math.max(...now.map(seqOf)) < seq) return `no backup reaches record ${seq}`
  const oldest = Math.min(...now.map(seqOf))
  const gone = before.filter((name) => !now.includes(name))
  if (gone.some((name) => seqOf(name) > oldest)) return 'a backup was removed before an older one'
  if (gone.length && now.length < wanted) return `a backup was removed although there are not ${wanted}`
  return undefined
}

const seqOf = (name: string) => Number(SEQ.exec(name)?.[1])

function statsOf(store: Store): { compactions: number; compacting: boolean; acknowledgedSeq: number } {
  return store.stats() as ReturnType<typeof statsOf>
}

function backupsOf(machine: SimulatedMachine): string[] {
  return Object.keys(filesOf(machine)).flatMap((path) => BACKUP.exec(path)?.[1] ?? [])
}
