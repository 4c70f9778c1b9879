import { join } from 'node:path'
import { FlatlogError } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'

/** Which names a store can have, and which files belong to it. Nothing else in the directory is ever touched. */

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/
/** Names that would read as another store's file. */
const OWN_ENDINGS = /\.(log|json|lock|mark)/i
/** Windows opens a device under these names, whatever follows the first dot. */
const WINDOWS_DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i

export function checkName(name: unknown): string {
  const fault = faultOfName(name)
  if (fault === undefined) return name as string
  throw new FlatlogError(
    'FLATLOG_INVALID_NAME',
    `${JSON.stringify(name) ?? String(name)} cannot be the name of a store: ${fault}. What to do: use 1 to 100 of ` +
      'A-Z a-z 0-9 . _ - and begin with no dot, such as "players".',
  )
}

export function isName(name: string): boolean {
  return faultOfName(name) === undefined
}

function faultOfName(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'it is no string'
  if (!NAME.test(name)) return 'it is empty, too long, begins with a dot or has a character that is not safe in a path'
  if (name.endsWith('.')) return 'it ends with a dot'
  if (OWN_ENDINGS.test(name)) return 'it has an ending that Flatlog gives to its own files'
  if (WINDOWS_DEVICES.test(name)) return 'Windows keeps that name for a device'
  return undefined
}

/** 20250115T130000Z: sorts by time, and stands in a file name on every system. */
export function fileTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')
}

const SEQ_DIGITS = 16
const OWN_TOKEN_DIGITS = 8
const UNFINISHED_ENDING = /^\.log\.new(-[0-9a-f]{8})?$/

export interface StorePaths {
  readonly name: string
  readonly directory: string
  readonly logDirectory: string
  readonly log: string
  /** A generation that is being written; it becomes the log by a rename. */
  readonly unfinished: string
  /** The very first log, or one that is made of files of format 0, while it is being written. */
  readonly first: string
  readonly mark: string
  readonly lock: string
  readonly main: string
}

export function storePaths(directory: string, name: string): StorePaths {
  const logDirectory = join(directory, 'logs')
  const log = join(logDirectory, `${name}.log`)
  return {
    name,
    directory,
    logDirectory,
    log,
    unfinished: `${log}.new`,
    first: `${log}.first`,
    mark: join(logDirectory, `${name}.mark`),
    lock: join(logDirectory, `${name}.lock`),
    main: join(directory, `${name}.json`),
  }
}

/**
 * For an owner behind one that may still be at work, robbed of its lock or failed in the middle: with a name of its own
 * for what it writes, so that neither can rename or remove what the other has made.
 */
export function besideFormerOwner(paths: StorePaths, token: string): StorePaths {
  return { ...paths, unfinished: `${paths.log}.new-${token.slice(0, OWN_TOKEN_DIGITS)}` }
}

export function backupPath(paths: StorePaths, unixMs: number, lastSeq: number): string {
  return `${paths.log}.backup.${fileTime(unixMs)}-${String(lastSeq).padStart(SEQ_DIGITS, '0')}`
}

export function quarantinePath(paths: StorePaths, unixMs: number, offset: number): string {
  return `${paths.log}.quarantine.${fileTime(unixMs)}-${offset}`
}

export function damagedPath(paths: StorePaths, lastSeq: number): string {
  return `${paths.log}.damaged.${lastSeq}`
}

export interface Backup {
  readonly path: string
  readonly fileName: string
  readonly lastSeq: number
}

const BACKUP_ENDING = /^\.log\.backup\.\d{8}T\d{6}Z-(\d{16})$/

/** The backups of a store among the names of its log directory, the newest first. */
export function backupsAmong(paths: StorePaths, fileNames: readonly string[]): Backup[] {
  const backups: Backup[] = []
  for (const fileName of fileNames) {
    if (!fileName.startsWith(`${paths.name}.log.backup.`)) continue
    const lastSeq = BACKUP_ENDING.exec(fileName.slice(paths.name.length))?.[1]
    if (lastSeq !== undefined) {
      backups.push({ path: join(paths.logDirectory, fileName), fileName, lastSeq: Number(lastSeq) })
    }
  }
  return backups.sort((a, b) => b.lastSeq - a.lastSeq || (a.fileName < b.fileName ? 1 : -1))
}

/** Generations that were never finished, or were about to become the log, whoever wrote them. */
export function unfinishedAmong(paths: StorePaths, fileNames: readonly string[]): string[] {
  return fileNames.filter(
    (fileName) => fileName.startsWith(paths.name) && UNFINISHED_ENDING.test(fileName.slice(paths.name.length)),
  )
}

/** Where letters' case makes no difference to the system, two such stores would be one. */
export function checkNeighbours(paths: StorePaths, fileNames: readonly string[]): void {
  const own = `${paths.name}.log`
  const clash = fileNames.find((name) => name !== own && name.toLowerCase() === own.toLowerCase())
  if (clash === undefined) return
  throw new FlatlogError(
    'FLATLOG_INVALID_NAME',
    `The store name ${JSON.stringify(paths.name)} differs only by case from ${join(paths.logDirectory, clash)}. ` +
      'What to do: open the store by the name that is there, or choose another.',
    { path: join(paths.logDirectory, clash) },
  )
}

/** Neither the main file nor one that was put out of the way. */
export function isMainFileGone(fileSystem: FileSystem, paths: StorePaths): boolean {
  return !fileSystem.status(paths.main) && !fileSystem.status(`${paths.main}.stale`)
}
