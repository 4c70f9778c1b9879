/**
 * The codes are the API: programs branch on them. The messages are for people and may change.
 * Each message says what happened, where, and what to do next.
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
  /** The error of the system or of the caller's function behind this one. */
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

/** The system's own code for an error, such as `ENOSPC`, or undefined where it has none. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Linux' number for "quota exceeded", which Node 20 hands over as `code: 'UNKNOWN'`. */
const EDQUOT_ERRNO = -122

/** No room for more bytes: disk full, quota exceeded, or the file at its size limit. */
export function isNoSpace(error: unknown): boolean {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' || code === 'FLATLOG_NO_SPACE') return true
  return (error as { errno?: unknown } | null)?.errno === EDQUOT_ERRNO
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'give this user the right to read and write there',
  EPERM: 'give this user the right to read and write there',
  EROFS: 'the file system is read-only: mount it writable, or open the store with readOnly: true',
  EMFILE: 'too many files are open in this process: close some, or raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine: close some, or raise the limit',
  EISDIR: 'a directory stands where a file is expected: move it away',
  EEXIST: 'something of that name is there already: move it away, or choose another dir',
  ENOTDIR: 'a file stands where a directory is expected: move it away, or choose another dir',
  ELOOP: 'the symbolic links there lead in a circle: mend them',
  ENOSPC: 'free some disk space',
  EIO: 'the disk reports an error: check it and its cable before you trust it again',
}

/**
 * Wraps what the file system threw. A system that cannot be read is an error and never "a new store", so nothing
 * here is swallowed.
 */
export function ioError(what: string, path: string, cause: unknown, offset?: number): FlatlogError {
  if (cause instanceof FlatlogError) return cause
  const system = systemCode(cause)
  const advice = (system && ADVICE[system]) ?? 'see the cause'
  const code = isNoSpace(cause) ? 'FLATLOG_NO_SPACE' : 'FLATLOG_IO'
  return new FlatlogError(code, `Could not ${what} ${path}${system ? ` (${system})` : ''}. What to do: ${advice}.`, {
    path,
    offset,
    cause,
  })
}

export function closedError(name: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CLOSED',
    `The store ${JSON.stringify(name)} is closed here. What to do: open it again with openStore.`,
  )
}
