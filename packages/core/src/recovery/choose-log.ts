import { join } from 'node:path'
import { readCheckpoint, readStoreId } from '../log/checkpoint-reader.js'
import { addDamage, noteForeignBackup, type Recovery } from '../log/damage-report.js'
import { readMark } from '../log/mark.js'
import { newerVersion, readTailRun } from '../log/record-reader.js'
import { backupsAmong, type StorePaths, unfinishedAmong } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import { isLegacyLog } from './detect-legacy.js'

/** Which file the store goes on from. */
export type Choice =
  /** `store`: its id, from the files beside the log if the log has lost its header. */
  | { readonly from: 'log'; readonly store: string | undefined }
  | Replacement
  /** The log is of format 0. */
  | { readonly from: 'legacy' }
  /** There are no files of that name. */
  | { readonly from: 'nothing' }

/** The log is unusable; this is the generation beside it that reaches furthest. */
export interface Replacement extends Generation {
  readonly lost: LostLog
  /** Backups of another store, which were not considered. */
  readonly foreign: readonly string[]
}

interface Generation {
  readonly from: 'unfinished' | 'backup'
  readonly path: string
  readonly fileName: string
  readonly lastSeq: number
}

export interface LostLog {
  /** `unreadable`: no line of it can be read. */
  readonly why: 'gone' | 'unreadable'
  /** The length of the unreadable file. */
  readonly bytes: number
}

interface Candidate extends Generation {
  readonly isReadable: boolean
  /** Undefined if the file does not say. */
  readonly store: string | undefined
}

/**
 * A log of which anything can be read is the log, whatever the files beside it say. If it is unusable, the mark says
 * which store the others must be of; without a mark, the newest of them does.
 */
export async function chooseLog(
  fileSystem: FileSystem,
  paths: StorePaths,
  fileNames: readonly string[],
  slices: Slices,
  /** The log was read already, and nothing in it counts. */
  isLogUnusable = false,
): Promise<Choice> {
  const log = fileSystem.status(paths.log)
  if (log && log.kind !== 'file') throw notAFile(paths.log)
  // A link that leads nowhere (to a disk that is not mounted) is not a missing log.
  if (!log && fileNames.includes(`${paths.name}.log`)) throw leadsNowhere(paths.log)
  const remains = remainsOf(paths, fileNames)
  if (!log && remains.length === 0) return { from: 'nothing' }

  // A first log gets its name when it is whole, so an empty one beside other files of the store has lost its bytes.
  const bytes = log?.sizeBytes ?? 0
  const hasVersion1Files = filesBeside(paths, fileNames).length > 0
  const isLost = bytes === 0 && remains.length > 0
  const seen = isLost ? undefined : await lookInto(fileSystem, paths.log, hasVersion1Files, slices)
  if (seen === 'legacy') return { from: 'legacy' }
  if (remains.length === 0) return { from: 'log', store: undefined }
  const found = isLogUnusable ? undefined : seen
  const known = found?.store ?? readMark(fileSystem, paths)?.store
  // The usual case: no other file is opened.
  if (found && known !== undefined) return { from: 'log', store: known }

  const candidates = candidatesAmong(fileSystem, paths, fileNames)
  const store = known ?? candidates.find((each) => each.store !== undefined)?.store
  if (found) return { from: 'log', store }
  const isForeign = (each: Candidate) => each.store !== undefined && each.store !== store
  const foreign = candidates.filter(isForeign).map((each) => each.fileName)
  const best = await bestOf(
    fileSystem,
    candidates.filter((each) => !isForeign(each)),
    slices,
  )
  if (best) return { ...best, lost: { why: bytes > 0 ? 'unreadable' : 'gone', bytes }, foreign }
  if (bytes > 0) return { from: 'log', store }
  throw logGone(paths, remains, foreign)
}

async function lookInto(
  fileSystem: FileSystem,
  path: string,
  hasVersion1Files: boolean,
  slices: Slices,
): Promise<ReturnType<typeof readStoreId> | 'legacy'> {
  const file = fileSystem.open(path, 'read')
  try {
    return (await isLegacyLog(file, hasVersion1Files, slices)) ? 'legacy' : readStoreId(file)
  } finally {
    file.close()
  }
}

function candidatesAmong(fileSystem: FileSystem, paths: StorePaths, fileNames: readonly string[]): Candidate[] {
  const generations: Generation[] = [
    ...unfinishedAmong(paths, fileNames).map((fileName) => {
      return { from: 'unfinished' as const, path: join(paths.logDirectory, fileName), fileName, lastSeq: 0 }
    }),
    ...backupsAmong(paths, fileNames).map((backup) => ({ from: 'backup' as const, ...backup })),
  ]
  return generations.map((each) => {
    const file = fileSystem.open(each.path, 'read')
    try {
      const id = readStoreId(file)
      return { ...each, isReadable: id !== undefined, store: id?.store }
    } finally {
      file.close()
    }
  })
}

/** The whole one that reaches furthest; if none is whole, the newest backup, of which most can be saved. */
async function bestOf(
  fileSystem: FileSystem,
  candidates: readonly Candidate[],
  slices: Slices,
): Promise<Generation | undefined> {
  let best: Generation | undefined
  for (const candidate of candidates) {
    const { from, path, fileName } = candidate
    const lastSeq = await lastSeqOfWhole(fileSystem, path, slices)
    if (lastSeq !== undefined && (!best || lastSeq > best.lastSeq)) best = { from, path, fileName, lastSeq }
  }
  if (best) return best
  const newest = candidates.find((each) => each.from === 'backup' && each.isReadable)
  return newest && { from: newest.from, path: newest.path, fileName: newest.fileName, lastSeq: newest.lastSeq }
}

/** The last record of a generation without a fault; undefined for any other file. */
async function lastSeqOfWhole(fileSystem: FileSystem, path: string, slices: Slices): Promise<number | undefined> {
  const file = fileSystem.open(path, 'read')
  try {
    const checkpoint = await readCheckpoint(file, slices)
    if (checkpoint.newer) throw newerVersion(path, checkpoint.newer.offset, checkpoint.newer.what)
    if (!checkpoint.header || checkpoint.bad.length) return undefined
    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
    const tail = await readTailRun(file, start, slices)
    return tail.complete ? tail.lastSeq : undefined
  } finally {
    file.close()
  }
}

/** The files of a log that is in version 1, beside the log itself. */
function filesBeside(paths: StorePaths, fileNames: readonly string[]): string[] {
  const { name } = paths
  const isOurs = (fileName: string) =>
    fileName === `${name}.mark` ||
    fileName.startsWith(`${name}.mark.damaged`) ||
    fileName.startsWith(`${name}.log.damaged.`) ||
    fileName.startsWith(`${name}.log.quarantine.`)
  const backups = backupsAmong(paths, fileNames).map((backup) => backup.fileName)
  return [...backups, ...unfinishedAmong(paths, fileNames), ...fileNames.filter(isOurs)]
}

/** Files that show that there was a log: those, and a log of format 0 that was taken over. */
function remainsOf(paths: StorePaths, fileNames: readonly string[]): string[] {
  const original = `${paths.name}.log.before-flatlog`
  return [...filesBeside(paths, fileNames), ...fileNames.filter((fileName) => fileName.startsWith(original))]
}

function notAFile(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is no file. What to do: move it away, or open the store under another name or directory.`,
    { path },
  )
}

function leadsNowhere(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is a link to something that is not there. What to do: mount what it leads to, or mend the link.`,
    { path },
  )
}

function logGone(paths: StorePaths, remains: readonly string[], foreign: readonly string[]): FlatlogError {
  const strangers = foreign.length ? ` ${foreign.join(', ')} is of another store than ${paths.mark}.` : ''
  const stranger = foreign.length ? `if those files are the right ones, move ${paths.mark} away; ` : ''
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${paths.log} is gone or empty, and nothing beside it can take its place (${remains.join(', ')}).${strangers} Opening ` +
      `would make an empty store of one that had data. What to do: put the log or one of its backups back; ${stranger}or, if ` +
      `the data is to be given up, move those files away too (then ${paths.main} is imported, if it is there).`,
    { path: paths.log },
  )
}

const LOST: Readonly<Record<LostLog['why'], string>> = {
  gone: 'is gone or empty',
  unreadable: 'has nothing in it that can be made use of',
}

/** With `recovery: 'strict'` nothing takes the place of the log. */
export function refuseIfLogIsLost(
  options: { recovery: 'repair' | 'strict' },
  { fileName, lost }: Replacement,
  paths: StorePaths,
): void {
  if (options.recovery !== 'strict') return
  throw new FlatlogError(
    'FLATLOG_CORRUPT',
    `${paths.log} ${LOST[lost.why]}, and recovery: 'strict' takes nothing else in its place. Nothing was touched. ` +
      `What to do: put the log back, or open with recovery: 'repair' to go on from ${fileName}.`,
    { path: paths.log },
  )
}

/** Another generation took the log's place. */
export function addLostLog(
  recovery: Recovery,
  { from, fileName, lost, foreign }: Replacement,
  paths: StorePaths,
): void {
  recovery.source = from === 'backup' ? 'backup' : 'unfinished-generation'
  addDamage(recovery, { file: `${paths.name}.log`, line: 1, offset: 0, bytes: lost.bytes, healedFrom: fileName })
  recovery.notes.push(`${paths.log} ${LOST[lost.why]}; ${fileName} took its place.`)
  for (const each of foreign) noteForeignBackup(recovery, each)
}
