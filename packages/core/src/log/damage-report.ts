import { FlatlogError } from '../platform/errors.js'
import type { StoreFiles } from './store-files.js'

/** A place in a file whose bytes are not the ones that were written. */
export interface Damage {
  /** The name of the file. */
  file: string
  /** The line, from 1. */
  line: number
  /** Bytes from the start of the file. */
  offset: number
  /** How many bytes are bad; 0 if lines are missing. */
  bytes: number
  /** The key of the line, if its bytes can still be read. A guess. */
  key?: string
  /** The file that the content was restored from. If it is missing and content was lost, `inDoubt` has the keys. */
  healedFrom?: string
}

/** The findings of an opening, and the repairs of a writer. */
export interface Recovery {
  /** True if the files are as a clean close, or a crash between two writes, leaves them. */
  clean: boolean
  /** Where the state was read from. */
  source: RecoverySource
  /** Length of the torn tail: bytes of writes that a crash interrupted. A writer sets them aside and cuts them off. */
  cutBytes: number
  damage: Damage[]
  /** Keys that may have lost acknowledged writes. `any` means that other keys may have, too. */
  inDoubt: string[]
  /** The same as sentences, and anything else worth knowing. */
  notes: string[]
}

export type RecoverySource = 'new' | 'log' | 'older-log' | 'main-file' | 'backup' | 'unfinished-generation'

export const ANY_KEY = 'any'

export function newRecovery(source: RecoverySource): Recovery {
  return { clean: true, source, cutBytes: 0, damage: [], inDoubt: [], notes: [] }
}

export function addInDoubt(recovery: Recovery, keys: Iterable<string | undefined>): void {
  for (const key of keys) {
    if (key !== undefined && !recovery.inDoubt.includes(key)) recovery.inDoubt.push(key)
  }
}

export function addDamage(recovery: Recovery, damage: Damage): void {
  recovery.clean = false
  recovery.damage.push(damage)
}

/** The first of `places` damaged places, for a message. */
export function describeDamage({ file, line, offset }: Damage, places: number): string {
  return `${file} is damaged at line ${line}, byte ${offset} (${places} damaged places in all)`
}

/** With `recovery: 'strict'`, throws if damage was found, before anything is written. */
export function refuseIfStrict(options: { recovery: 'repair' | 'strict' }, found: Recovery, files: StoreFiles): void {
  const [first] = found.damage
  if (options.recovery !== 'strict' || !first) return
  const { file, offset } = first
  throw new FlatlogError(
    'FLATLOG_CORRUPT',
    `${describeDamage(first, found.damage.length)}. Nothing was changed, ` +
      "because of recovery: 'strict'. What to do: inspect the file, or open the store with recovery: 'repair'.",
    { path: `${files.logDirectory}/${file}`, offset },
  )
}

/** The log has lost its end, and without a clean close and its mark we do not know how long it was. */
export function addUnknownEnd(recovery: Recovery): void {
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push('It is not known where the log ended, so any key may have lost later writes.')
}

/** Lost content was taken from backups, but only these themselves say that they belong to this store. */
export function addUnprovenStore(recovery: Recovery, file: string): void {
  if (recovery.inDoubt.includes(ANY_KEY)) return
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push(
    `Content that ${file} has lost was taken from backups that probably belong to the same store. Neither the log nor its ` +
      'mark can confirm it.',
  )
}

/** Only a note: the state is complete without that backup. `verify` reports it as damage. */
export function noteForeignBackup(recovery: Recovery, fileName: string): void {
  const note = `The backup ${fileName} belongs to another store and was not used.`
  if (!recovery.notes.includes(note)) recovery.notes.push(note)
}

/** The log contains text that is not a valid value, so a checkpoint cannot contain it. */
export function addUnwritable(recovery: Recovery, key: string): void {
  recovery.clean = false
  addInDoubt(recovery, [key])
  recovery.notes.push(
    `The log had no valid value for ${JSON.stringify(key)}. The key was removed; its text is only in the former log.`,
  )
}
