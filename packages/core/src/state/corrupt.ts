import { FlatlogError } from '../platform/errors.js'

/** The bytes of a value or a part are not those that were written. `what`: the keys that this concerns. */
export function corrupt(path: string, offset: number, what: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${path} was changed or damaged at byte ${offset}: ${what} cannot be read. Other keys are not affected. ` +
      'See store.recovery and store.health(). If a backup has the original bytes, the store repairs itself.',
    { path, offset },
  )
}
