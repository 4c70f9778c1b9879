import { addInDoubt, type Recovery } from '../log/damage-report.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { OlderLogReader } from './legacy-log.js'
import { importMainFile } from './legacy-main-file.js'
import { type OriginalContext, OriginalState } from './legacy-state.js'

/**
 * Installations of the original system: a main file that was written whole, and later a log of changes beside it. Both
 * are read as they are, in pieces, so that what they hold need not fit in memory, nor any line of theirs in a string.
 */

/**
 * The state that an older log stands for, over the main file where it holds only the changes since that. Undefined where
 * it turns out to be none of the original system, as `isOlderLog` has it. The log stays open for what is made of this.
 */
export async function readOlderLog(
  context: OriginalContext,
  file: OpenFile,
  hasVersion1Files: boolean,
): Promise<OriginalState | undefined> {
  return reading(context, async (original) => {
    const log = new OlderLogReader(context, file, original.addFile(file, false))
    if (!(await log.read()) || (hasVersion1Files && log.readable === 0)) return false
    const hasMainFile = !log.holdsState && (await importMainFile(context, original, log.readable > 0))
    if (file.status().sizeBytes > 0 && log.readable === 0 && !hasMainFile) throw nothingReadable(file.path)
    addFound(context.recovery, log.found)
    original.lastSeq = log.lastSeq
    return true
  })
}

/** The state of a main file that no log belongs to; undefined where there is none. */
export async function readMainFile(context: OriginalContext): Promise<OriginalState | undefined> {
  return reading(context, (original) => importMainFile(context, original, false))
}

async function reading(
  context: OriginalContext,
  read: (original: OriginalState) => Promise<boolean>,
): Promise<OriginalState | undefined> {
  const original = new OriginalState(context)
  let isRead = false
  try {
    isRead = await read(original)
    return isRead ? original : undefined
  } finally {
    if (!isRead) original.dispose()
  }
}

function addFound(recovery: Recovery, found: Recovery): void {
  recovery.clean &&= found.clean
  recovery.cutBytes += found.cutBytes
  recovery.damage.push(...found.damage)
  addInDoubt(recovery, found.inDoubt)
  recovery.notes.push(...found.notes)
}

function nothingReadable(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `Nothing in ${path} can be read: it is no log. Nothing was touched. What to do: put a good copy in its place, or ` +
      'move it away.',
    { path, offset: 0 },
  )
}
