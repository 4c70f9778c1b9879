import { FlatlogError } from '../platform/errors.js'

/** Which names a store can have. */

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/
/** Names that would read as another store's file. */
const OWN_ENDINGS = /\.(log|json|lock|mark)/i
/** Windows opens a device under these names, also if more follows after a dot. */
const WINDOWS_DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i

export function checkName(name: unknown): string {
  const fault = faultOfName(name)
  if (fault === undefined) return name as string
  throw new FlatlogError(
    'FLATLOG_INVALID_NAME',
    `${JSON.stringify(name) ?? String(name)} cannot be the name of a store: ${fault}. What to do: use 1 to 100 of ` +
      'A-Z a-z 0-9 . _ - and do not begin with a dot, such as "players".',
  )
}

export function isName(name: string): boolean {
  return faultOfName(name) === undefined
}

function faultOfName(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'it is not a string'
  if (!NAME.test(name)) {
    return 'it is empty, too long, begins with a dot or has a character that is not safe in a path'
  }
  if (name.endsWith('.')) return 'it ends with a dot'
  if (OWN_ENDINGS.test(name)) return 'it has an ending that Flatlog gives to its own files'
  if (WINDOWS_DEVICES.test(name)) return 'Windows reserves that name for a device'
  return undefined
}
