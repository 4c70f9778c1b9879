/**
 * The codes are part of the API: programs branch on them. Messages are for people and may change; each says what
 * happened, where, and what to do.
 */
export type FlatlogErrorCode =
  | 'FLATLOG_LOCKED'
  | 'FLATLOG_CORRUPT'
  | 'FLATLOG_FAILED'
  | 'FLATLOG_NO_SPACE'
  | 'FLATLOG_IO'
  | 'FLATLOG_CLOSED'
  | 'FLATLOG_INVALID_KEY'
  | 'FLATLOG_INVALID_VALUE'
  | 'FLATLOG_INVALID_NAME'
  | 'FLATLOG_INVALID_OPTION'
  | 'FLATLOG_TOO_LARGE'
  | 'FLATLOG_VERSION'
  | 'FLATLOG_READ_ONLY'
  | 'FLATLOG_OPTIONS_CONFLICT'
  | 'FLATLOG_MISMATCH'
  | 'FLATLOG_POSITION'
  | 'FLATLOG_CLOCK'

export interface FlatlogErrorDetails {
  /** The file or directory that the error is about. */
  path?: string | undefined
  /** Bytes from the start of that file. */
  offset?: number | undefined
  /** The error that led to this one: the system's, or what a function of the caller threw. */
  cause?: unknown
}

export class FlatlogError extends Error {
  override readonly name = 'FlatlogError'
  readonly code: FlatlogErrorCode
  readonly path?: string
  readonly offset?: number

  constructor(code: FlatlogErrorCode, message: string, details: FlatlogErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.path !== undefined) this.path = details.path
    if (details.offset !== undefined) this.offset = details.offset
  }
}

/** The code of a system error, such as `ENOENT`; undefined if it has none. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Linux' number for "quota exceeded", which Node 20 reports as `code: 'UNKNOWN'`. */
const EDQUOT_ERRNO = -122

/** True if there was no room for more bytes: disk full, quota exceeded, or the file at its size limit. */
export function isNoSpace(error: unknown): boolean {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' || code === 'FLATLOG_NO_SPACE') return true
  return (error as { errno?: unknown } | null)?.errno === EDQUOT_ERRNO
}

/** `purpose` says what the space was for. */
export function noSpaceToOpen(purpose: string, path: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_NO_SPACE',
    `There is no space left ${purpose} ${path}. The store was not opened. What to do: free some disk space, or open the ` +
      'store with readOnly: true, which needs none.',
    { path, cause },
  )
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** True if a file system has no hard links (exFAT, some network shares), for an error of `link`. */
export function isWithoutHardLinks(error: unknown): boolean {
  return NO_HARD_LINKS.has(systemCode(error) ?? '')
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'give this user the right to read and write there',
  EPERM: 'give this user the right to read and write there',
  EROFS: 'mount the file system writable, or open the store with readOnly: true',
  EMFILE: 'close some of the files that this process has open, or raise the limit (ulimit -n)',
  ENFILE: 'close some of the files that are open on this machine, or raise its limit',
  ENOENT: 'put back the file or directory that was removed or renamed, or correct the path',
  EISDIR: 'move away the directory that has the name of a file',
  EEXIST: 'move away what already has that name, or choose another dir',
  ENOTDIR: 'move away the file that has the name of a directory, or choose another dir',
  ENAMETOOLONG: 'choose a shorter dir or name',
  ELOOP: 'correct the symbolic links there, which lead in a circle',
  EBUSY: 'close the other program that uses the file, then try again',
  ENOSPC: 'free some disk space',
  EDQUOT: 'free some disk space, or raise the quota of this user',
  EFBIG: 'raise the limit for the size of a file (ulimit -f), or compact the store',
  EIO: 'check the disk and its cable before you trust it again',
  ESTALE: 'check the network file system, then open the store again',
}
const GENERAL_ADVICE = 'check that the disk works and that this user may read and write there, then try again'

function adviceFor(cause: unknown): string {
  const known = ADVICE[systemCode(cause) ?? '']
  return known ?? (isNoSpace(cause) ? (ADVICE.ENOSPC as string) : GENERAL_ADVICE)
}

/**
 * Wraps an error of the file system. `action` is a verb. A FlatlogError is returned as it is. A file that cannot be read is an error and
 * never "a new store", so no system error is swallowed.
 */
export function ioError(action: string, path: string, cause: unknown, offset?: number): FlatlogError {
  if (cause instanceof FlatlogError) return cause
  const reason = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  const code = isNoSpace(cause) ? 'FLATLOG_NO_SPACE' : 'FLATLOG_IO'
  const message = `Could not ${action} ${path} (${reason}). What to do: ${adviceFor(cause)}.`
  return new FlatlogError(code, message, { path, offset, cause })
}

/** Does something with a file, or with others that it needs. An error names the file. */
export async function withPath<T>(what: string, path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const { path: other } = error as { path?: unknown }
    throw ioError(what, typeof other === 'string' ? other : path, error)
  }
}

/** The error for a file whose bytes are not those that were read or written a moment ago. */
export function changedError(path: string, offset: number): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} changed while it was being read, at byte ${offset}. What to do: make sure that no other program writes to ` +
      'it, then try again.',
    { path, offset },
  )
}

export function closedError(name: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CLOSED',
    `The store ${JSON.stringify(name)} is closed. What to do: open it again with openStore.`,
  )
}

/** The error for an option that does not exist. `known`: the options that do. */
export function unknownOption(name: string, known: readonly string[]): FlatlogError {
  const closest = closestName(name, known)
  const guess = closest === undefined ? '' : ` Did you mean "${closest}"?`
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `Unknown option ${JSON.stringify(name)}.${guess} What to do: correct it or leave it out. ` +
      `Known options: ${known.join(', ')}.`,
  )
}

/** The error for an option with a bad value. `expected` completes "The option must be …". */
export function invalidOption(name: string, given: unknown, expected: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The option "${name}" must be ${expected}, got ${describe(given)}. What to do: correct it or leave it out.`,
  )
}

/** Longer strings would hide the message. */
const MAX_DESCRIBED = 100

/** A value as an error message shows it. */
export function describe(given: unknown): string {
  if (Array.isArray(given)) return 'an array'
  if (typeof given === 'function') return 'a function'
  if (typeof given === 'object' && given !== null) return 'an object'
  if (typeof given !== 'string') return String(given)
  return given.length > MAX_DESCRIBED ? 'a long string' : JSON.stringify(given)
}

/** So many letters may be wrong, more in a long name. */
const MAX_TYPOS = 2
const MAX_TYPO_SHARE = 1 / 3

/** The known name that `name` is most likely a misspelling of. */
function closestName(name: string, known: readonly string[]): string | undefined {
  let closest: string | undefined
  let least = Math.max(MAX_TYPOS, Math.floor(name.length * MAX_TYPO_SHARE)) + 1
  for (const each of known) {
    const distance = editDistance(name.toLowerCase(), each.toLowerCase())
    if (distance < Math.min(least, each.length)) [closest, least] = [each, distance]
  }
  return closest
}

/** How many letters must be added, removed or replaced to make one name of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let at = 1; at <= from.length; at++) {
    const next = [at]
    for (let other = 1; other <= to.length; other++) {
      const replaced = (row[other - 1] as number) + (from[at - 1] === to[other - 1] ? 0 : 1)
      next[other] = Math.min(replaced, (row[other] as number) + 1, (next[other - 1] as number) + 1)
    }
    row = next
  }
  return row[to.length] as number
}
