import { FlatlogError } from '../platform/errors.js'
import type { StoreFiles } from './store-files.js'

/** A place in a file that is not what was written there. */
export interface Damage {
  /** The file's name. */
  file: string
  /** 1 is the first line. */
  line: number
  /** Bytes from the start of the file. */
  offset: number
  /** How many bytes are bad; 0 where lines are missing. */
  bytes: number
  /** The key that the line was about, as far as its bytes can still be read: a guess. */
  key?: string
  /** The file that the content was restored from. Without it, and if content was lost, `inDoubt` says what is. */
  healedFrom?: string
}

/** What opening found. */
export interface Recovery {
  /** True when the files were as a clean close or an ordinary crash between two writes leaves them. */
  clean: boolean
  /** Where the state was taken from. */
  source: RecoverySource
  /** The torn tail: bytes of writes that were under way at a crash, set aside and cut off. */
  cutBytes: number
  damage: Damage[]
  /** Keys whose value may be older than their last acknowledged one; `any` stands for keys that nobody can name. */
  inDoubt: string[]
  /** The same in sentences, and what else there is to say. */
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

/** With `recovery: 'strict'` the first damage ends the opening, before anything is written. */
export function refuseIfStrict(options: { recovery: 'repair' | 'strict' }, found: Recovery, files: StoreFiles): void {
  const [first] = found.damage
  if (options.recovery !== 'strict' || !first) return
  const { file, line, offset } = first
  throw new FlatlogError(
    'FLATLOG_CORRUPT',
    `${file} is damaged at line ${line}, byte ${offset} (${found.damage.length} places in all), and recovery: 'strict' refuses ` +
      "to go on. Nothing was touched. What to do: look at the place, or open with recovery: 'repair'.",
    { path: `${files.logDirectory}/${file}`, offset },
  )
}

/** The log has lost its end, and only of one that was closed in order, and has its mark, is it known how far it went. */
export function addUnknownEnd(recovery: Recovery): void {
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push('Nothing says how far the log went, so any key may have had a later value.')
}

/** A backup has healed the log, and nothing but backups says that it is one of this very store. */
export function addUnprovenStore(recovery: Recovery, file: string): void {
  if (recovery.inDoubt.includes(ANY_KEY)) return
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push(
    `Neither ${file} nor its mark says any more which store it is: that the backups are of the same one is likely, not proved.`,
  )
}

/** Only noted: the state is whole without that backup. `verify` names it as damage. */
export function noteForeignBackup(recovery: Recovery, fileName: string): void {
  const note = `The backup ${fileName} is of another store and was not used.`
  if (!recovery.notes.includes(note)) recovery.notes.push(note)
}

/** What the log held as a value is none, and a checkpoint has no place for such a text. */
export function addUnwritable(recovery: Recovery, key: string): void {
  recovery.clean = false
  addInDoubt(recovery, [key])
  recovery.notes.push(
    `What the log held as the value of ${JSON.stringify(key)} is no value; only the former log has it.`,
  )
}
