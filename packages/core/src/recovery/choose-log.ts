import { readStoreId } from '../log/checkpoint-reader.js'
import { addDamage, noteForeignBackup, type Recovery } from '../log/damage-report.js'
import { lastSeqOfWhole } from '../log/generations.js'
import { readMark } from '../log/mark.js'
import type { StoreFiles } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { isLegacyLog } from './detect-legacy.js'

/** The file that the store continues from. */
export type Choice =
  | LogChoice
  /** The log is of format 0. */
  | { readonly from: 'legacy' }
  /** The store has no files yet, except perhaps a main file. */
  | { readonly from: 'nothing' }

/** The log, or the generation that replaces it. */
export type LogChoice =
  /** `store`: the store's id, from the other files if the log has lost its header. */
  { readonly from: 'log'; readonly store: string | undefined } | Replacement

/** The log is unusable; this is the newest usable generation. */
export interface Replacement extends Generation {
  /** What is wrong with the log, and its length. `unreadable`: no line of it can be read. */
  readonly lost: { readonly why: 'gone' | 'unreadable'; readonly bytes: number }
  /** Backups that belong to another store and were not considered. */
  readonly foreign: readonly string[]
}

interface Generation {
  readonly from: 'unfinished' | 'backup'
  readonly path: string
  readonly fileName: string
  readonly lastSeq: number
}

interface Candidate extends Generation {
  readonly isReadable: boolean
  /** Undefined if the file does not say. */
  readonly store: string | undefined
}

/**
 * Chooses the file to continue from. That is the log if any line of it can be read. If it is unusable, it is the newest
 * usable generation of the same store: the store in the mark or, without a mark, in the newest generation.
 */
export async function chooseLog(
  files: StoreFiles,
  fileNames: readonly string[],
  slices: Slices,
  /** The log was already read, and nothing in it can be used. */
  isLogUnusable = false,
): Promise<Choice> {
  const log = files.status(files.log)
  if (log && log.kind !== 'file') throw notAFile(files.log)
  // A broken link, for instance to a disk that is not mounted, is not a missing log.
  if (!log && fileNames.includes(files.logName)) throw leadsNowhere(files.log)
  const remains = remainsOf(files, fileNames)
  if (!log && remains.length === 0) return { from: 'nothing' }

  // A first log is whole when it gets its name, so an empty log beside other files of the store has lost its content.
  const bytes = log?.sizeBytes ?? 0
  const isLost = bytes === 0 && remains.length > 0
  const hasVersion1Files = files.version1FilesAmong(fileNames).length > 0
  const seen = isLost ? undefined : await withFile(files, files.log, (file) => lookInto(file, hasVersion1Files, slices))
  if (seen === 'legacy') return { from: 'legacy' }
  if (remains.length === 0) return { from: 'log', store: undefined }
  const found = isLogUnusable ? undefined : seen
  const known = found?.store ?? readMark(files)?.store
  // The usual case: no other file is opened.
  if (found && known !== undefined) return { from: 'log', store: known }

  const candidates = await candidatesAmong(files, fileNames)
  const store = known ?? candidates.find((each) => each.store !== undefined)?.store
  if (found) return { from: 'log', store }
  const isForeign = (each: Candidate) => each.store !== undefined && each.store !== store
  const foreign = candidates.filter(isForeign).map((each) => each.fileName)
  const own = candidates.filter((each) => !isForeign(each))
  const best = await bestOf(files, own, slices)
  if (best) return { ...best, lost: { why: bytes > 0 ? 'unreadable' : 'gone', bytes }, foreign }
  if (bytes > 0) return { from: 'log', store }
  throw logGone(files, remains, foreign)
}

async function lookInto(file: OpenFile, hasVersion1Files: boolean, slices: Slices) {
  return (await isLegacyLog(file, hasVersion1Files, slices)) ? 'legacy' : readStoreId(file)
}

async function candidatesAmong(files: StoreFiles, fileNames: readonly string[]): Promise<Candidate[]> {
  const generations: Generation[] = [
    ...files.unfinishedAmong(fileNames).map((fileName) => {
      return { from: 'unfinished' as const, path: files.pathOf(fileName), fileName, lastSeq: 0 }
    }),
    ...files.backups(fileNames).map((backup) => ({ from: 'backup' as const, ...backup })),
  ]
  const candidates: Candidate[] = []
  for (const each of generations) {
    const id = await withFile(files, each.path, readStoreId)
    candidates.push({ ...each, isReadable: id !== undefined, store: id?.store })
  }
  return candidates
}

/** The whole generation with the highest seq. If none is whole, the newest readable backup. */
async function bestOf(
  files: StoreFiles,
  candidates: readonly Candidate[],
  slices: Slices,
): Promise<Generation | undefined> {
  let best: Generation | undefined
  for (const { from, path, fileName } of candidates) {
    const lastSeq = await withFile(files, path, (file) => lastSeqOfWhole(file, slices))
    if (lastSeq !== undefined && (!best || lastSeq > best.lastSeq)) best = { from, path, fileName, lastSeq }
  }
  if (best) return best
  const newest = candidates.find((each) => each.from === 'backup' && each.isReadable)
  return newest && { from: newest.from, path: newest.path, fileName: newest.fileName, lastSeq: newest.lastSeq }
}

async function withFile<T>(files: StoreFiles, path: string, use: (file: OpenFile) => T | Promise<T>): Promise<T> {
  const file = files.open(path, 'read')
  try {
    return await use(file)
  } finally {
    file.close()
  }
}

/** Files that prove that there was a log: those of version 1, and a format 0 log that was imported. */
function remainsOf(files: StoreFiles, fileNames: readonly string[]): string[] {
  const imported = files.nameOf(files.originalOf(files.log))
  return [...files.version1FilesAmong(fileNames), ...fileNames.filter((fileName) => fileName.startsWith(imported))]
}

function notAFile(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is not a file. What to do: move it away, or use another dir or name.`,
    { path },
  )
}

function leadsNowhere(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is a broken link. What to do: mount the disk that it points to, or correct the link.`,
    { path },
  )
}

function logGone(files: StoreFiles, remains: readonly string[], foreign: readonly string[]): FlatlogError {
  const strangers = foreign.length ? ` According to ${files.mark}, other stores own ${foreign.join(', ')}.` : ''
  const stranger = foreign.length ? ` If those files belong to this store, move ${files.mark} away.` : ''
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${files.log} is gone or empty, and none of ${remains.join(', ')} can replace it.${strangers} The store had data, so it ` +
      `was not opened as an empty one. What to do: put back the log or one of its backups.${stranger} To give up the data, ` +
      `move the other files away too; if ${files.main} exists, it is imported then.`,
    { path: files.log },
  )
}

const LOST: Readonly<Record<Replacement['lost']['why'], string>> = {
  gone: 'is gone or empty',
  unreadable: 'has no readable line',
}

/** With `recovery: 'strict'`, throws instead of replacing a lost log. */
export function refuseIfLogIsLost(
  options: { recovery: 'repair' | 'strict' },
  { fileName, lost }: Replacement,
  files: StoreFiles,
): void {
  if (options.recovery !== 'strict') return
  throw new FlatlogError(
    'FLATLOG_CORRUPT',
    `${files.log} ${LOST[lost.why]}. Nothing was changed, because of recovery: 'strict'. What to do: put the log back, or ` +
      `open the store with recovery: 'repair' to continue from ${fileName}.`,
    { path: files.log },
  )
}

/** Adds to the report that the log is unusable, and which generation was read instead. */
export function addLostLog(
  recovery: Recovery,
  { from, fileName, lost, foreign }: Replacement,
  files: StoreFiles,
): void {
  recovery.source = from === 'backup' ? 'backup' : 'unfinished-generation'
  addDamage(recovery, { file: files.logName, line: 1, offset: 0, bytes: lost.bytes, healedFrom: fileName })
  recovery.notes.push(`${files.log} ${LOST[lost.why]}. The state was read from ${fileName}.`)
  for (const each of foreign) noteForeignBackup(recovery, each)
}
