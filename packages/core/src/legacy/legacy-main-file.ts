import { ANY_KEY, addDamage, addInDoubt } from '../log/damage-report.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { textOf } from './json-members.js'
import { type OriginalObject, reportTooLong, sortObject } from './legacy-object.js'
import type { OriginalContext, OriginalState } from './legacy-state.js'
import { ProgressTeller } from './progress.js'

/** Takes the state over from the main file; returns false if there is none. */
export async function importMainFile(
  context: OriginalContext,
  original: OriginalState,
  hasLog: boolean,
): Promise<boolean> {
  const { fileSystem, paths, recovery, slices, onProgress } = context
  if (!fileSystem.status(paths.main)) return false
  const file = fileSystem.open(paths.main, 'read')
  const sort = original.addFile(file, true)
  const { sizeBytes } = file.status()
  const fileName = paths.main.slice(paths.directory.length + 1)
  const progress = new ProgressTeller(onProgress, 'main-file', sizeBytes)
  const object: OriginalObject = {
    file,
    range: textOf(file),
    time: undefined,
    onTooLong: (member) => tooLong.push(member),
    onStep: (at) => progress.reached(at),
  }
  const tooLong: Parameters<OriginalObject['onTooLong']>[0][] = []
  if (await sortObject(object, sort, slices)) {
    for (const member of tooLong) {
      reportTooLong(recovery, { file: fileName, line: lineAt(file, member.start) }, member)
    }
    progress.finish()
    return true
  }

  // What stood in it up to where it is bad may be anything.
  sort.clear()
  // Alone, the main file is all the data that there is: an empty store in its place would be written over it.
  if (!hasLog) {
    throw new FlatlogError(
      'FLATLOG_CORRUPT',
      `${paths.main} is no JSON object, and there is no log of it. Nothing was touched. What to do: mend the file or put ` +
        'a backup of it in its place; or move it away to begin with an empty store.',
      { path: paths.main, offset: 0 },
    )
  }
  addDamage(recovery, { file: fileName, line: 1, offset: 0, bytes: sizeBytes })
  addInDoubt(recovery, [ANY_KEY])
  recovery.notes.push(
    `${fileName} is no JSON object. Its log holds only changes, so what was not changed since the log began is missing. ` +
      `The file is kept as ${fileName}.before-flatlog.`,
  )
  return true
}

function lineAt(file: OpenFile, offset: number): number {
  const chunk = Buffer.alloc(READ_CHUNK_BYTES)
  let line = 1
  for (let at = 0; at < offset; at += chunk.length) {
    const filled = file.read(chunk.subarray(0, Math.min(chunk.length, offset - at)), at)
    for (
      let newline = chunk.indexOf(0x0a);
      newline !== -1 && newline < filled;
      newline = chunk.indexOf(0x0a, newline + 1)
    )
      line++
  }
  return line
}
