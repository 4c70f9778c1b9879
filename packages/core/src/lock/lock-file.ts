import { basename, dirname, join } from 'node:path'
import { isWithoutHardLinks, systemCode } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import { createWholeFile, readWholeFile, removeIfThere, removeQuietly } from '../platform/whole-file.js'

/** The content of `NAME.lock`: who writes to the store, and how other processes can find out whether it is alive. */
export interface LockRecord {
  pid: number
  /** The worker thread; 0 is the main thread. */
  thread: number
  /** When the process started, as the system spells it; null if the system does not report it. */
  start: string | null
  /** Changes with every boot of the machine. */
  bootId: string | null
  /** Pids are only comparable within one namespace (a container has its own). */
  pidNamespace: string | null
  host: string
  /** Differs for every owner. */
  token: string
  /** ISO 8601. */
  since: string
  /** Where the owner listens: a file name beside the lock, or an absolute path; null if it could not listen. */
  socket: string | null
  /** A failure of the owner, after which the last bytes of the log are not to be trusted. */
  failed?: string
  /** The owner is gone. It could not open the log, which its predecessor had not closed. */
  abandoned?: true
}

const MAX_LOCK_BYTES = 64 * 1024
const TOKEN = /^[0-9a-f]{16,64}$/

/** Files of earlier versions: space reserved for a lock, and replaced locks. */
const OBSOLETE = /^(spare(\.[23])?|[0-9a-f]{16,64}\.former)$/

/**
 * The files of one lock:
 *
 * - `NAME.lock`: the record of the owner.
 * - `NAME.lock.after-TOKEN`: a claim, the record of the contender that succeeds the owner with that token.
 * - `NAME.lock.TOKEN`: a record before it becomes the lock or a claim. Only its maker uses it.
 * - `NAME.lock.TOKEN.sock`: the socket of a contender or owner, named after the start of its token.
 *
 * A lock or a claim never has a part of its bytes: the record is written under its own name first and then linked or
 * renamed. Nothing is synced, because a lock from before a power cut is recognized by its boot id.
 */
export class LockFiles {
  constructor(
    private readonly fileSystem: FileSystem,
    readonly lockPath: string,
  ) {}

  /** Undefined: there is no such file. Null: it has no record (empty after a power cut, or damaged). */
  read(path = this.lockPath): LockRecord | null | undefined {
    let bytes: Buffer
    try {
      bytes = readWholeFile(this.fileSystem, path, MAX_LOCK_BYTES)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      if (systemCode(error) === 'FLATLOG_TOO_LARGE') return null
      throw error
    }
    return parseRecord(bytes)
  }

  /** Makes the lock, or returns false if there is one. */
  create(record: LockRecord): boolean {
    this.write(record)
    try {
      return this.link(record, this.lockPath)
    } finally {
      this.discard(record)
    }
  }

  /** Puts another record in the place of the lock. */
  replace(record: LockRecord): void {
    this.write(record)
    try {
      this.moveToLock(record)
    } catch (error) {
      this.discard(record)
      throw error
    }
  }

  /** Removes the lock, or a claim. */
  remove(path = this.lockPath): void {
    removeIfThere(this.fileSystem, path)
  }

  claimPath(predecessor: LockRecord | null): string {
    return `${this.lockPath}.after-${predecessor?.token ?? 'unreadable'}`
  }

  /** Writes a record that is to become the lock or a claim. */
  write(record: LockRecord): void {
    const path = this.#recordPath(record)
    removeIfThere(this.fileSystem, path)
    createWholeFile(this.fileSystem, path, recordBytes(record))
  }

  /** Gives a written record a second name, or returns false if that name is taken. */
  link(record: LockRecord, path: string): boolean {
    try {
      this.fileSystem.link(this.#recordPath(record), path)
      return true
    } catch (error) {
      const code = systemCode(error)
      // ENOENT: a new owner has removed our record, which it took for a leftover.
      if (code === 'EEXIST' || code === 'ENOENT') return false
      if (!isWithoutHardLinks(error)) throw error
      return this.#createExclusively(record, path)
    }
  }

  /** Second best to a link: for a moment other openers see an empty file. */
  #createExclusively(record: LockRecord, path: string): boolean {
    try {
      createWholeFile(this.fileSystem, path, recordBytes(record))
      return true
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false
      throw error
    }
  }

  /** Makes a written record the lock, in the place of any lock that is there. */
  moveToLock(record: LockRecord): void {
    this.fileSystem.rename(this.#recordPath(record), this.lockPath)
  }

  /** Removes a written record that is not needed under its own name. */
  discard(record: LockRecord): void {
    removeQuietly(this.fileSystem, this.#recordPath(record))
  }

  #recordPath({ token }: LockRecord): string {
    return `${this.lockPath}.${token}`
  }

  /** All files whose names begin with that of the lock; the lock itself is not among them. */
  list(): LockSideFile[] {
    const directory = dirname(this.lockPath)
    const start = `${basename(this.lockPath)}.`
    return this.fileSystem
      .list(directory)
      .filter((name) => name.startsWith(start))
      .map((name) => ({ path: join(directory, name), ...kindOf(name.slice(start.length)) }))
  }
}

/** A file beside a lock. Unknown files are left alone. */
export interface LockSideFile {
  readonly path: string
  readonly kind: 'claim' | 'record' | 'socket' | 'obsolete' | 'unknown'
  /** The token in the name of a record. */
  readonly token?: string
}

function kindOf(ending: string): Omit<LockSideFile, 'path'> {
  if (ending.endsWith('.sock')) return { kind: 'socket' }
  if (ending.startsWith('after-')) return { kind: 'claim' }
  if (TOKEN.test(ending)) return { kind: 'record', token: ending }
  return { kind: OBSOLETE.test(ending) ? 'obsolete' : 'unknown' }
}

function recordBytes(record: LockRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record)}\n`)
}

function parseRecord(bytes: Buffer): LockRecord | null {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Partial<LockRecord> | null
    const isRecord = typeof value?.pid === 'number' && typeof value.token === 'string' && TOKEN.test(value.token)
    return isRecord ? (value as LockRecord) : null
  } catch {
    return null
  }
}
