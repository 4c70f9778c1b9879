import { FlatlogError } from '../base/errors.js'
import type { Slices } from '../base/slices.js'
import type { FileSystem } from '../fs/file-system.js'
import { readCheckpoint } from './checkpoint-reader.js'
import { type Backup, backupsAmong, type StorePaths } from './names.js'
import { newerVersion, readTailRun } from './tail-reader.js'

/** Which file the store goes on from. */
export type Choice =
  | { readonly from: 'log' }
  /** The log is gone; a generation that was finished but not yet published reaches furthest. */
  | { readonly from: 'unfinished'; readonly path: string }
  | { readonly from: 'backup'; readonly path: string; readonly fileName: string }
  /** There is nothing of that name. */
  | { readonly from: 'nothing' }

export async function chooseGeneration(
  fileSystem: FileSystem,
  paths: StorePaths,
  fileNames: readonly string[],
  slices: Slices,
): Promise<Choice> {
  const log = fileSystem.status(paths.log)
  if (log && log.kind !== 'file') throw notAFile(paths.log)
  // A name that leads nowhere (a link to a disk that is not mounted) is no log that is missing.
  if (!log && fileNames.includes(`${paths.name}.log`)) throw leadsNowhere(paths.log)
  const backups = backupsAmong(paths, fileNames)
  const remains = remainsOf(paths, fileNames)
  // A first log is made whole and then named, so an empty one beside other files of the store has lost its bytes.
  if (log && (log.sizeBytes > 0 || remains.length === 0)) return { from: 'log' }
  if (remains.length === 0) return { from: 'nothing' }

  const reaches = await Promise.all(
    [
      ...(fileSystem.status(paths.unfinished)
        ? [{ choice: { from: 'unfinished', path: paths.unfinished } as Choice, path: paths.unfinished }]
        : []),
      ...backups.map(({ path, fileName }) => ({ choice: { from: 'backup', path, fileName } as Choice, path })),
    ].map(async ({ choice, path }) => ({ choice, lastSeq: await lastSeqOfWhole(fileSystem, path, slices) })),
  )
  let best: { choice: Choice; lastSeq: number } | undefined
  for (const { choice, lastSeq } of reaches) {
    if (lastSeq !== undefined && (!best || lastSeq > best.lastSeq)) best = { choice, lastSeq }
  }
  if (best) return best.choice
  // None is whole: the newest backup is what most can be saved of.
  const newest = backups[0] as Backup | undefined
  if (newest) return { from: 'backup', path: newest.path, fileName: newest.fileName }
  throw logGone(paths, remains)
}

/** The last record of a generation without a fault; undefined for any other file. */
async function lastSeqOfWhole(fileSystem: FileSystem, path: string, slices: Slices): Promise<number | undefined> {
  const file = fileSystem.open(path, 'read')
  try {
    const checkpoint = await readCheckpoint(file, slices, () => {})
    if (checkpoint.newer) throw newerVersion(path, checkpoint.newer.offset, checkpoint.newer.what)
    if (!checkpoint.header || checkpoint.bad.length || checkpoint.lost.length) return undefined
    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
    const tail = await readTailRun(file, start, slices, () => {})
    return tail.complete ? tail.lastSeq : undefined
  } finally {
    file.close()
  }
}

/** The files of a log that is in version 1, beside the log itself. */
export function filesBeside(paths: StorePaths, fileNames: readonly string[]): string[] {
  const { name } = paths
  const isOurs = (fileName: string) =>
    fileName === `${name}.log.new` ||
    fileName === `${name}.mark` ||
    fileName.startsWith(`${name}.log.damaged.`) ||
    fileName.startsWith(`${name}.log.quarantine.`)
  return [...backupsAmong(paths, fileNames).map((backup) => backup.fileName), ...fileNames.filter(isOurs)]
}

/** Files that show that there was a log: those, and an older log that was taken over. */
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
