import { FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'

/** Fills all of `into`, or returns undefined if the file ends before that. `path`: the log's name, for errors. */
export function readBytes(file: OpenFile, path: string, offset: number, into: Buffer): Buffer | undefined {
  try {
    return file.read(into, offset) === into.length ? into : undefined
  } catch (cause) {
    throw ioError('read', path, cause, offset)
  }
}

/** The bytes of a value or a part are not those that were written. `what`: the keys that this concerns. */
export function corrupt(path: string, offset: number, what: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${path} was changed or damaged at byte ${offset}: ${what} cannot be read. Other keys are not affected. ` +
      'See store.recovery and store.health(). If a backup has the original bytes, the store repairs itself.',
    { path, offset },
  )
}
