import { join } from 'node:path'
import { readCheckpoint } from '../log/checkpoint-reader.js'
import { addDamage, type Recovery } from '../log/damage-report.js'
import { readMark } from '../log/mark.js'
import { newerVersion, readTailRun } from '../log/record-reader.js'
import { backupsAmong, type StorePaths, unfinishedAmong } from '../log/store-files.js'
import { FlatlogError } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { Slices } from '../platform/slices.js'
import { isLegacyLog } from './detect-legacy.js'
import { type Glimpse, glimpse, Votes } from './votes.js'

/** Which file the store goes on from. */
export type Choice =
  /** `store`: which one the files beside it say that it is, where it may not be able to say so itself. */
  | { readonly from: 'log'; readonly store: string | undefined }
  | Replacement
  /** The log is of format 0. */
  | { readonly from: 'legacy' }
  /** There is nothing of that name. */
  | { readonly from: 'nothing' }

/** The log is not to be had; this generation reaches furthest of those that stand beside it. */
export interface Replacement {
  readonly from: 'unfinished' | 'backup'
  readonly path: string
  readonly fileName: string
  readonly lastSeq: number
  readonly lost: LostLog
}

export interface LostLog {
  /** `unreadable`: no line of it can be read. `replaced`: it is of another store than all that stands beside it. */
  readonly why: 'gone' | 'unreadable' | 'replaced'
  /** How long the file is that stands in its place. */
  readonly bytes: number
}

type Candidate = Omit<Replacement, 'lost'> & Glimpse

export async function chooseLog(
  fileSystem: FileSystem,
  paths: StorePaths,
  fileNames: readonly string[],
  slices: Slices,
  /** The log was read, and holds nothing that counts. */
  isLogUnusable = false,
): Promise<Choice> {
  const log = fileSystem.status(paths.log)
  if (log && log.kind !== 'file') throw notAFile(paths.log)
  // A name that leads nowhere (a link to a disk that is not mounted) is no log that is missing.
  if (!log && fileNames.includes(`${paths.name}.log`)) throw leadsNowhere(paths.log)
  const remains = remainsOf(paths, fileNames)
  if (!log && remains.length === 0) return { from: 'nothing' }

  // A first log is made whole and then named, so an empty one beside other files of the store has lost its bytes.
  const bytes = log?.sizeBytes ?? 0
  const hasVersion1Files = filesBeside(paths, fileNames).length > 0
  const isLost = bytes === 0 && remains.length > 0
  const seen = isLost ? undefined : await lookInto(fileSystem, paths.log, hasVersion1Files, slices)
  if (seen === 'legacy') return { from: 'legacy' }
  if (remains.length === 0) return { from: 'log', store: undefined }
  const found = seen && isLogUnusable ? { isReadable: false, store: undefined } : seen
  const mark = readMark(fileSystem, paths)
  // As it should be; nothing else need be opened.
  if (found?.store !== undefined && found.store === mark?.store) return { from: 'log', store: found.store }

  const candidates = candidatesAmong(fileSystem, paths, fileNames)
  const votes = new Votes(mark?.store, candidates)
  const asItIs = { from: 'log', store: found?.store ?? mark?.store ?? votes.store } as const
  if (found?.isReadable && !votes.outvote(found.store)) return asItIs
  const best = await bestOf(fileSystem, candidates, votes.store, slices)
  const why = found === undefined ? 'gone' : found.isReadable ? 'replaced' : 'unreadable'
  if (best) return { ...best, lost: { why, bytes } }
  if (found) return asItIs
  throw logGone(paths, remains)
}

async function lookInto(
  fileSystem: FileSystem,
  path: string,
  hasVersion1Files: boolean,
  slices: Slices,
): Promise<Glimpse | 'legacy'> {
  const file = fileSystem.open(path, 'read')
  try {
    return (await isLegacyLog(file, hasVersion1Files, slices)) ? 'legacy' : glimpse(file)
  } finally {
    file.close()
  }
}

function candidatesAmong(fileSystem: FileSystem, paths: StorePaths, fileNames: readonly string[]): Candidate[] {
  const names: Omit<Candidate, keyof Glimpse>[] = [
    ...unfinishedAmong(paths, fileNames).map((fileName) => {
      return { from: 'unfinished' as const, path: join(paths.logDirectory, fileName), fileName, lastSeq: 0 }
    }),
    ...backupsAmong(paths, fileNames).map((backup) => ({ from: 'backup' as const, ...backup })),
  ]
  return names.map((each) => {
    const file = fileSystem.open(each.path, 'read')
    try {
      return { ...each, ...glimpse(file) }
    } finally {
      file.close()
    }
  })
}

/** The whole one that reaches furthest; if none is whole, the newest backup is what most can be saved of. */
async function bestOf(
  fileSystem: FileSystem,
  candidates: readonly Candidate[],
  store: string | undefined,
  slices: Slices,
): Promise<Omit<Replacement, 'lost'> | undefined> {
  let best: Omit<Replacement, 'lost'> | undefined
  for (const candidate of candidates) {
    if (store !== undefined && candidate.store !== undefined && candidate.store !== store) continue
    const { from, path, fileName } = candidate
    const lastSeq = await lastSeqOfWhole(fileSystem, path, slices)
    if (lastSeq !== undefined && (!best || lastSeq > best.lastSeq)) best = { from, path, fileName, lastSeq }
  }
  if (best) return best
  const newest = candidates.find(
    (each) => each.from === 'backup' && each.isReadable && (each.store === undefined || each.store === store),
  )
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

function logGone(paths: StorePaths, remains: readonly string[]): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${paths.log} is gone or empty, and nothing beside it can take its place (${remains.join(', ')}). Opening would make ` +
      'an empty store of one that had data. What to do: put the log or one of its backups back; or, if the data is to be ' +
      `given up, move those files away too (then ${paths.main} is imported, if it is there).`,
    { path: paths.log },
  )
}

const LOST: Readonly<Record<LostLog['why'], string>> = {
  gone: 'is gone or empty',
  unreadable: 'has nothing in it that can be made use of',
  replaced: 'is of another store than the files beside it',
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
export function addLostLog(recovery: Recovery, { from, fileName, lost }: Replacement, paths: StorePaths): void {
  recovery.source = from === 'backup' ? 'backup' : 'unfinished-generation'
  addDamage(recovery, { file: `${paths.name}.log`, line: 1, offset: 0, bytes: lost.bytes, healedFrom: fileName })
  recovery.notes.push(`${paths.log} ${LOST[lost.why]}; ${fileName} took its place.`)
}
