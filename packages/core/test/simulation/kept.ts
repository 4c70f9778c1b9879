import type { Store } from '../support/core.js'
import { filesOf } from './files.js'
import type { SimulatedMachine } from './machine.js'

/** What has to be kept on the disk beside the log, as a person finds it there. */

const LOG = 'logs/store.log'
const BACKUP = /^logs\/store\.log\.backup\.(.*)$/
const QUARANTINE = /^logs\/store\.log\.quarantine\./
/** A whole log that is not to be trusted keeps its bytes as far as the disk has them. */
const DAMAGED = /^logs\/store\.log\.damaged\./
const SEQ = /-(\d+)$/

/** That nothing is ever lost of what a recovery takes out of the log. */
export class Kept {
  /** What was cut off, each time that the log was opened. */
  readonly #cut: Buffer[] = []
  #log: Buffer | undefined

  /** As a crash has left it: what was cut off is there still. */
  lookBefore(machine: SimulatedMachine): void {
    const files = filesOf(machine)
    this.#log = files[LOG]
    for (const bytes of this.#cut) mustBeAside(files, [bytes])
  }

  /** When it has been opened, whatever crashes that took: every byte of the log is in it still, or aside. */
  lookAfter(machine: SimulatedMachine): void {
    const files = filesOf(machine)
    const [before, log] = [this.#log, files[LOG]]
    if (!before || !log || log.equals(before)) return
    // Where the log was written anew, all of it is kept; where it was cut, its end.
    const isCut = log.equals(before.subarray(0, log.length))
    const end = before.subarray(log.length)
    const path = mustBeAside(files, isCut ? [end, before] : [before])
    if (QUARANTINE.test(path)) this.#cut.push(end)
  }
}

function mustBeAside(files: { [path: string]: Buffer }, wanted: readonly Buffer[]): string {
  const aside = Object.keys(files).filter((path) => QUARANTINE.test(path) || DAMAGED.test(path))
  const found = aside.find((path) => wanted.some((bytes) => files[path]?.equals(bytes)))
  if (found === undefined)
    throw new Error(`${wanted[0]?.length} bytes of the log are gone: they are in none of ${aside}`)
  return found
}

/** Takes note of the backups. What it returns is to be called when a compaction has ended and no other is under way. */
export function backupsBefore(machine: SimulatedMachine, store: Store, wanted: number): () => void {
  const { compactions, compacting, acknowledgedSeq } = statsOf(store)
  const before = backupsOf(machine)
  return () => {
    // One that was under way may have made its backup before.
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
