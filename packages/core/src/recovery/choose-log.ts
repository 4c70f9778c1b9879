import { readStoreId } from '../log/checkpoint-reader.js'
import { addDamage, noteForeignBackup, type Recovery } from '../log/damage-report.js'
import { lastSeqOfWhole } from '../log/generations.js'
import { readMark } from '../log/mark.js'
import type { StoreFiles } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { isLegacyLog } from './detect-legacy.js'

/** Which file the store continues from. */
export type Choice =
  | LogChoice
  /** The log is of format 0. */
  | { readonly from: 'legacy' }
  /** There are no files of that name. */
  | { readonly from: 'nothing' }

/** The log, or a generation of version 1 in its place. */
export type LogChoice =
  /** `store`: its id, from the files beside the log if the log has lost its header. */
  { readonly from: 'log'; readonly store: string | undefined } | Replacement

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
  files: StoreFiles,
  fileNames: readonly string[],
  slices: Slices,
  /** The log was read already, and nothing in it counts. */
  isLogUnusable = false,
): Promise<Choice> {
  const log = files.status(files.log)
  if (log && log.kind !== 'file') throw notAFile(files.log)
  // A link that leads nowhere (to a disk that is not mounted) is not a missing log.
  if (!log && fileNames.includes(`${files.name}.log`)) throw leadsNowhere(files.log)
  const remains = remainsOf(files, fileNames)
  if (!log && remains.length === 0) return { from: 'nothing' }

  // A first log gets its name when it is whole, so an empty one beside other files of the store has lost its bytes.
  const bytes = log?.sizeBytes ?? 0
  const isLost = bytes === 0 && remains.length > 0
  const hasVersion1Files = files.version1FilesAmong(fileNames).length > 0
  const seen = isLost ? undefined : await using(files, files.log, (file) => lookInto(file, hasVersion1Files, slices))
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
    const id = await using(files, each.path, readStoreId)
    candidates.push({ ...each, isReadable: id !== undefined, store: id?.store })
  }
  return candidates
}

/** The whole one that reaches furthest; if none is whole, the newest backup, of which most can be saved. */
async function bestOf(
  files: StoreFiles,
  candidates: readonly Candidate[],
  slices: Slices,
): Promise<Generation | undefined> {
  let best: Generation | undefined
  for (const { from, path, fileName } of candidates) {
    const lastSeq = await using(files, path, (file) => lastSeqOfWhole(file, slices))
    if (lastSeq !== undefined && (!best || lastSeq > best.lastSeq)) best = { from, path, fileName, lastSeq }
  }
  if (best) return best
  const newest = candidates.find((each) => each.from === 'backup' && each.isReadable)
  return newest && { from: newest.from, path: newest.path, fileName: newest.fileName, lastSeq: newest.lastSeq }
}

async function using<T>(files: StoreFiles, path: string, use: (file: OpenFile) => T | Promise<T>): Promise<T> {
  const file = files.open(path, 'read')
  try {
    return await use(file)
  } finally {
    file.close()
  }
}

/** Files that show that there was a log: those, and a log of format 0 that was taken over. */
function remainsOf(files: StoreFiles, fileNames: readonly string[]): string[] {
  const original = `${files.name}.log.before-flatlog`
  return [...files.version1FilesAmong(fileNames), ...fileNames.filter((fileName) => fileName.startsWith(original))]
}

function notAFile(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is not a file. What to do: move it away, or open the store under another name or directory.`,
    { path },
  )
}

function leadsNowhere(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} is a link to something that is not there. What to do: mount what it leads to, or repair the link.`,
    { path },
  )
}

function logGone(files: StoreFiles, remains: readonly string[], foreign: readonly string[]): FlatlogError {
  const strangers = foreign.length ? ` ${foreign.join(', ')} is of another store than ${files.mark}.` : ''
  const stranger = foreign.length ? `if those files are the right ones, move ${files.mark} away; ` : ''
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${files.log} is gone or empty, and nothing beside it can take its place (${remains.join(', ')}).${strangers} Opening ` +
      `would make an empty store of one that had data. What to do: put the log or one of its backups back; ${stranger}or, if ` +
      `the data is to be given up, move those files away too (then ${files.main} is imported, if it is there).`,
    { path: files.log },
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
  files: StoreFiles,
): void {
  if (options.recovery !== 'strict') return
  throw new FlatlogError(
    'FLATLOG_CORRUPT',
    `${files.log} ${LOST[lost.why]}, and recovery: 'strict' takes nothing else in its place. Nothing was touched. ` +
      `What to do: put the log back, or open with recovery: 'repair' to go on from ${fileName}.`,
    { path: files.log },
  )
}

/** Another generation took the log's place. */
export function addLostLog(
  recovery: Recovery,
  { from, fileName, lost, foreign }: Replacement,
  files: StoreFiles,
): void {
  recovery.source = from === 'backup' ? 'backup' : 'unfinished-generation'
  addDamage(recovery, { file: `${files.name}.log`, line: 1, offset: 0, bytes: lost.bytes, healedFrom: fileName })
  recovery.notes.push(`${files.log} ${LOST[lost.why]}; ${fileName} took its place.`)
  for (const each of foreign) noteForeignBackup(recovery, each)
}
