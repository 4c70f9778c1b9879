import type { FileSystem } from '../platform/file-system.js'
import { createWholeFile, readWholeFile, removeIfThere, removeQuietly } from '../platform/whole-file.js'

/** What stands in `NAME.lock`: who writes to the store now, and how others can tell whether that still holds. */
export interface LockRecord {
  pid: number
  /** 0 is the main thread. */
  thread: number
  /** When the process started, in the system's own words; null where it does not say. */
  start: string | null
  /** Changes with every boot of the machine. */
  bootId: string | null
  /** A number of a process means something only inside its namespace (a container has its own). */
  pidNamespace: string | null
  host: string
  token: string
  /** ISO 8601. */
  since: string
  /** Where the owner listens: a file name beside the lock file, or an absolute path; null where it could not. */
  socket: string | null
  /** Set when the owner met a failure after which the log's last bytes are not to be trusted. */
  failed?: string
}

const MAX_LOCK_BYTES = 64 * 1024

function isLockRecord(value: unknown): value is LockRecord {
  const record = value as Partial<LockRecord> | null
  return typeof record?.pid === 'number' && typeof record.token === 'string' && /^[0-9a-f]{16,64}$/.test(record.token)
}

/** Undefined: there is no such file. Null: there is one, but it names nobody (empty after a power cut, or damaged). */
export function readLockFile(fileSystem: FileSystem, path: string): LockRecord | null | undefined {
  let bytes: Buffer
  try {
    bytes = readWholeFile(fileSystem, path, MAX_LOCK_BYTES)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    if ((error as { code?: string }).code === 'FLATLOG_TOO_LARGE') return null
    throw error
  }
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isLockRecord(value) ? value : null
  } catch {
    return null
  }
}

function lockBytes(record: LockRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record)}\n`)
}

/**
 * Makes the lock file, whole from its first moment, or returns false because somebody else has it. Nothing is synced:
 * after a power cut the boot id tells that the owner is gone.
 */
export function createLockFile(fileSystem: FileSystem, lockPath: string, record: LockRecord): boolean {
  const own = writeOwnFile(fileSystem, lockPath, record)
  try {
    return linkOwnFile(fileSystem, own, lockPath, record)
  } finally {
    removeQuietly(fileSystem, own)
  }
}

/** Puts another record in the place of the one that stands there. */
export function replaceLockFile(fileSystem: FileSystem, lockPath: string, record: LockRecord): void {
  const own = writeOwnFile(fileSystem, lockPath, record)
  try {
    fileSystem.rename(own, lockPath)
  } catch (error) {
    removeQuietly(fileSystem, own)
    throw error
  }
}

/**
 * Writes the record under a name of its own, from where it is linked or moved to the name that others look at: a name
 * made by `open` would be seen empty for a moment.
 */
export function writeOwnFile(fileSystem: FileSystem, lockPath: string, record: LockRecord): string {
  const path = `${lockPath}.${record.token}`
  removeIfThere(fileSystem, path)
  createWholeFile(fileSystem, path, lockBytes(record))
  return path
}

/** The token in the name of a file that only its maker looks at. */
export function tokenOfOwnFile(lockPath: string, path: string): string | undefined {
  if (!path.startsWith(`${lockPath}.`)) return undefined
  return /^[0-9a-f]{16,64}$/.exec(path.slice(lockPath.length + 1))?.[0]
}

/** Files of a former version, which nothing reads: room for a lock on a full disk, and what had been a lock. */
export function isObsolete(lockPath: string, path: string): boolean {
  return /^\.(spare(\.[23])?|[0-9a-f]{16,64}\.former)$/.test(path.slice(lockPath.length))
}

/** A second name for our own file, or false because somebody else has that name. */
export function linkOwnFile(fileSystem: FileSystem, own: string, path: string, record: LockRecord): boolean {
  try {
    fileSystem.link(own, path)
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    // Without a file of ours: a new owner took it for one that was left behind.
    if (code === 'EEXIST' || code === 'ENOENT') return false
    // A file system without hard links (exFAT, some shares): the second-best way, whole after a moment.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error
    return createExclusively(fileSystem, path, record)
  }
}

function createExclusively(fileSystem: FileSystem, path: string, record: LockRecord): boolean {
  try {
    createWholeFile(fileSystem, path, lockBytes(record))
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false
    throw error
  }
}
