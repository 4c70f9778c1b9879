import { isNoSpace } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import { createWholeFile, readWholeFile, removeIfThere } from '../platform/whole-file.js'
import { LockReserve } from './lock-reserve.js'

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
  let isShared = true
  try {
    isShared = linkOwnFile(fileSystem, own, lockPath, record)
    return isShared
  } finally {
    dropOwnFile(fileSystem, own, lockPath, isShared)
  }
}

/** Puts another record in the place of the one that stands there. */
export function replaceLockFile(fileSystem: FileSystem, lockPath: string, record: LockRecord): void {
  const own = writeOwnFile(fileSystem, lockPath, record)
  try {
    giveFormer(fileSystem, lockPath, moveOwnFile(fileSystem, own, lockPath))
  } catch (error) {
    dropOwnFile(fileSystem, own, lockPath, false)
    throw error
  }
}

/** A lock record under a name that only its maker looks at. */
export interface OwnFile {
  readonly path: string
  /** It was made of a spare, as the disk is full: whatever becomes of it, there has to be a spare again. */
  readonly isSpare: boolean
}

/**
 * Writes the record under a name of its own, from where it is linked or moved to the name that others look at: a name
 * made by `open` would be seen empty for a moment.
 */
export function writeOwnFile(fileSystem: FileSystem, lockPath: string, record: LockRecord): OwnFile {
  const path = ownPath(lockPath, record.token)
  removeIfThere(fileSystem, path)
  const bytes = lockBytes(record)
  try {
    createWholeFile(fileSystem, path, bytes)
    return { path, isSpare: false }
  } catch (error) {
    removeIfThere(fileSystem, path)
    if (!isNoSpace(error) || !new LockReserve(fileSystem, lockPath).take(path, bytes)) throw error
    return { path, isSpare: true }
  }
}

export function ownPath(lockPath: string, token: string): string {
  return `${lockPath}.${token}`
}

/** A name of a file that nobody looks at any more, and whose block becomes a spare. */
function formerPath(own: string): string {
  return `${own}.former`
}

/** Of no use to anyone but the one whose token it bears, and to that one only for a moment. */
export function isFormer(path: string): boolean {
  return path.endsWith('.former')
}

/** The token in the name of a file that only its maker looks at. */
export function tokenOfOwnFile(lockPath: string, path: string): string | undefined {
  if (!path.startsWith(`${lockPath}.`)) return undefined
  return /^([0-9a-f]{16,64})(\.former)?$/.exec(path.slice(lockPath.length + 1))?.[1]
}

/** A second name for our own file, or false because somebody else has that name. */
export function linkOwnFile(fileSystem: FileSystem, own: OwnFile, path: string, record: LockRecord): boolean {
  try {
    fileSystem.link(own.path, path)
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

/**
 * Our own file becomes the lock. If it was a spare, the file that was the lock is to take its place: it is returned, and
 * `giveFormer` makes a spare of it once no other name of it is left.
 */
export function moveOwnFile(fileSystem: FileSystem, own: OwnFile, lockPath: string): string | undefined {
  // A name that only we know: what has the name of a spare may be written to by somebody else, and this is the lock yet.
  const former = formerPath(own.path)
  const isKept = own.isSpare && isLinked(fileSystem, lockPath, former)
  try {
    fileSystem.rename(own.path, lockPath)
  } catch (error) {
    if (isKept) removeIfThere(fileSystem, former)
    throw error
  }
  return isKept ? former : undefined
}

export function giveFormer(fileSystem: FileSystem, lockPath: string, former: string | undefined): void {
  if (former !== undefined) new LockReserve(fileSystem, lockPath).give(former)
}

function isLinked(fileSystem: FileSystem, path: string, secondName: string): boolean {
  try {
    fileSystem.link(path, secondName)
    return true
  } catch {
    // Without hard links, or without room for a name, the spare is made anew when there is room.
    return false
  }
}

/** Gives our own name up; `isShared`: the file has another name by now. */
export function dropOwnFile(fileSystem: FileSystem, own: OwnFile, lockPath: string, isShared: boolean): void {
  if (own.isSpare && !isShared) {
    new LockReserve(fileSystem, lockPath).give(own.path)
  } else {
    removeQuietly(fileSystem, own.path)
  }
}

export function removeQuietly(fileSystem: FileSystem, path: string): void {
  try {
    removeIfThere(fileSystem, path)
  } catch {
    // Left over it is in nobody's way: it says whose it was.
  }
}

/** Lets go of the lock. Where a spare is missing the file takes its place. */
export function removeLockFile(fileSystem: FileSystem, lockPath: string, token: string, keepsReserve: boolean): void {
  const reserve = new LockReserve(fileSystem, lockPath)
  if (!keepsReserve || reserve.isComplete) {
    fileSystem.remove(lockPath)
    return
  }
  const former = formerPath(ownPath(lockPath, token))
  fileSystem.rename(lockPath, former)
  reserve.give(former)
}
