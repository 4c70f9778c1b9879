import { basename, dirname, isAbsolute, join } from 'node:path'
import { type Clock, sleep } from '../base/clock.js'
import { FlatlogError, ioError } from '../base/errors.js'
import type { FileSystem } from './file-system.js'
import { type LockEnvironment, socketName } from './lock-environment.js'
import { createLockFile, type LockRecord, readLockFile, replaceLockFile } from './lock-file.js'
import { removeIfThere } from './whole-file.js'

/**
 * One owner of a log at a time. There is no heartbeat: it would wear flash memory, and it lies (a stopped process does
 * not beat and still writes when it goes on). The owner listens on a socket instead; the system itself closes that when
 * the owner ends in whatever way, and keeps it open while the owner is merely stopped.
 */
export interface Lock {
  /** What the owner before us noted about a failure, if it left the lock behind in that state. */
  readonly inheritedFailure: string | undefined
  /** The owner before us left in order, or there was none. */
  readonly wasReleased: boolean
  /** False when somebody took the lock over by force. */
  stillOurs(): boolean
  /** Leaves word for whoever opens next that the log's last bytes may not be on disk. */
  noteFailure(what: string): void
  /** What was noted has been dealt with. */
  clearFailure(): void
  /** Idempotent. A lock with a noted failure stays where it is, as a stale one, so that the note is found. */
  release(): void
}

export interface LockOptions {
  waitMs: number
  takeOver: boolean
}

const POLL_MS = 25
const ABANDONED = Symbol.for('flatlog.abandonedLocks')

/** Locks of this thread whose release failed, also through another copy of this package: nobody holds them. */
function abandonedTokens(): Set<string> {
  const holder = globalThis as { [ABANDONED]?: Set<string> }
  holder[ABANDONED] ??= new Set()
  return holder[ABANDONED]
}

/** How long an unreadable lock file is given to become readable, where files cannot be linked whole into place. */
const UNREADABLE_GRACE_MS = 200

export async function acquireLock(
  fileSystem: FileSystem,
  environment: LockEnvironment,
  clock: Clock,
  lockPath: string,
  options: LockOptions,
): Promise<Lock> {
  const token = environment.newToken()
  let listener = await environment.listen(lockPath, token)
  const own: LockRecord = {
    pid: environment.pid,
    thread: environment.thread,
    start: environment.processStart(environment.pid) ?? null,
    bootId: environment.bootId,
    pidNamespace: environment.pidNamespace,
    host: environment.host,
    token,
    since: new Date(clock.now()).toISOString(),
    socket: listener.address,
  }
  const attempt = new Attempt(fileSystem, environment, lockPath, own)
  const start = clock.monotonicMs()
  const take = async (failed: string | undefined, wasReleased: boolean): Promise<Lock> => {
    const lock = held(fileSystem, lockPath, own, failed, wasReleased, { close: () => listener.close() })
    try {
      await attempt.tidy(clock.monotonicMs() - start)
      if (attempt.isSocketGone()) {
        listener.close()
        listener = await environment.listen(lockPath, token)
      }
      return lock
    } catch (error) {
      lock.release()
      throw error
    }
  }
  try {
    for (;;) {
      const holder = readLockFile(fileSystem, lockPath)
      const waitedMs = clock.monotonicMs() - start
      if (holder === undefined) {
        if (createLockFile(fileSystem, lockPath, own)) return await take(undefined, true)
      } else {
        const isStale = await attempt.isStale(holder, waitedMs)
        // An owner that was robbed may still write once to the file it has open: the log goes on in another one.
        const failed = holder?.failed ?? (isStale ? undefined : 'its lock was taken over by force')
        if ((isStale || options.takeOver) && (await attempt.succeed(holder, failed, waitedMs))) {
          return await take(failed, false)
        }
      }
      if (waitedMs > Math.max(options.waitMs, attempt.patienceMs)) {
        throw lockedError(lockPath, holder, options.waitMs)
      }
      await sleep(clock, POLL_MS)
    }
  } catch (error) {
    listener.close()
    throw ioError('take the lock', lockPath, error)
  }
}

class Attempt {
  /** When a lock file was first seen that could not be read. */
  #unreadableSinceMs: number | undefined

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly environment: LockEnvironment,
    private readonly lockPath: string,
    private readonly own: LockRecord,
  ) {}

  /** How long to wait at least: until what could not be read has had its time to become readable. */
  get patienceMs(): number {
    return this.#unreadableSinceMs === undefined ? 0 : this.#unreadableSinceMs + UNREADABLE_GRACE_MS
  }

  /** The rules in their order; whoever cannot be shown to be gone is there. */
  async isStale(holder: LockRecord | null, waitedMs: number): Promise<boolean> {
    if (holder === null) {
      this.#unreadableSinceMs ??= waitedMs
      return waitedMs - this.#unreadableSinceMs >= UNREADABLE_GRACE_MS
    }
    const { environment } = this
    const probe = holder.socket === null ? 'unknown' : await environment.probe(this.lockPath, holder.socket)
    if (probe === 'answers') return false

    const bootsKnown = holder.bootId !== null && environment.bootId !== null
    const sameBoot = bootsKnown ? holder.bootId === environment.bootId : holder.host === environment.host
    if (!sameBoot) return bootsKnown && this.fileSystem.isLocal(dirname(this.lockPath))

    const sameNamespace = holder.pidNamespace === environment.pidNamespace
    if (sameNamespace) {
      const start = environment.processStart(holder.pid)
      if (start === undefined) return true
      if (start !== null && holder.start !== null && start !== holder.start) return true
    }
    if (abandonedTokens().has(holder.token)) return true
    // A socket in the temporary directory of another container is out of our sight, so its silence says nothing.
    const inSight = sameNamespace || (holder.socket !== null && !isAbsolute(holder.socket))
    // A socket that is gone may have been cleaned away under a living owner; a worker thread, or an owner that left its
    // lock behind because of a failure, has removed its own.
    if (probe === 'missing') return inSight && (holder.thread !== 0 || holder.failed !== undefined)
    return probe === 'refuses' && inSight
  }

  /**
   * Of all who found the owner gone, one becomes the next: whoever makes the file `NAME.lock.after-TOKEN`. It could
   * die there too, so its file says who it is, and it is succeeded by the same rule.
   */
  async succeed(holder: LockRecord | null, failed: string | undefined, waitedMs: number): Promise<boolean> {
    const { fileSystem, lockPath, own } = this
    const claims: string[] = []
    let predecessor = holder
    for (;;) {
      const claim = `${lockPath}.after-${predecessor?.token ?? 'unreadable'}`
      // Two unreadable claims behind each other name nobody who could be asked: the way is cleared for all.
      if (claims.includes(claim)) removeIfThere(fileSystem, claim)
      claims.push(claim)
      if (createLockFile(fileSystem, claim, own)) break
      const rival = readLockFile(fileSystem, claim)
      if (rival === undefined || !(await this.isStale(rival, waitedMs))) return false
      predecessor = rival
    }
    // Another may have taken the lock over and removed its claim since we read the lock: then the claim is void.
    const current = readLockFile(fileSystem, lockPath)
    if (current === undefined || current?.token !== holder?.token) {
      removeIfThere(fileSystem, claims.at(-1) as string)
      return false
    }
    // With the note of a failure from its first moment, so that a crash of ours hands it on.
    replaceLockFile(fileSystem, lockPath, failed === undefined ? own : { ...own, failed })
    for (const path of claims) removeIfThere(fileSystem, path)
    return true
  }

  /** What others left that were killed before they had the lock: claims, files that were to be linked, sockets. */
  async tidy(waitedMs: number): Promise<void> {
    const { fileSystem, lockPath } = this
    const directory = dirname(lockPath)
    const paths = fileSystem.list(directory).map((name) => join(directory, name))
    const isSocket = (path: string) => path.endsWith('.sock')
    // The sockets last, as they tell whether whoever has begun to write another file still lives.
    const left = paths.filter((path) => path.startsWith(`${lockPath}.`))
    for (const path of [...left.filter((each) => !isSocket(each)), ...left.filter(isSocket)]) {
      try {
        if (await this.#isLeft(path, waitedMs)) removeIfThere(fileSystem, path)
      } catch {
        // Left over it is in nobody's way.
      }
    }
  }

  async #isLeft(path: string, waitedMs: number): Promise<boolean> {
    const { environment, lockPath, own } = this
    const name = basename(path)
    if (name.endsWith('.sock')) return name !== own.socket && (await environment.probe(lockPath, name)) === 'refuses'
    const rival = readLockFile(this.fileSystem, path)
    if (rival === undefined) return false
    const [token = ''] = /[^.]*$/.exec(name) ?? []
    // A claim is whole from its first moment; a file that bears a token is one that is yet to be linked.
    if (rival !== null || token.startsWith('after-')) return await this.isStale(rival, waitedMs)
    return (await environment.probe(lockPath, socketName(lockPath, token))) === 'refuses'
  }

  /**
   * The owner before us may have tidied our socket away in the moment between its making and its first listening.
   * Nobody does that any more once the lock is ours.
   */
  isSocketGone(): boolean {
    const { socket } = this.own
    return socket !== null && !isAbsolute(socket) && !this.fileSystem.status(join(dirname(this.lockPath), socket))
  }
}

function held(
  fileSystem: FileSystem,
  lockPath: string,
  own: LockRecord,
  inheritedFailure: string | undefined,
  wasReleased: boolean,
  listener: { close(): void },
): Lock {
  let failed: string | undefined
  let released = false
  const stillOurs = () => readLockFile(fileSystem, lockPath)?.token === own.token
  const write = () => {
    const { failed: _, ...record } = own
    if (stillOurs()) replaceLockFile(fileSystem, lockPath, failed === undefined ? record : { ...record, failed })
  }
  // Until the failure that we inherited is dealt with, a crash of ours must hand the note on: it stands in our lock.
  failed = inheritedFailure
  return {
    inheritedFailure,
    wasReleased,
    stillOurs,
    noteFailure(what) {
      failed = what
      write()
    },
    clearFailure() {
      if (failed === undefined) return
      failed = undefined
      write()
    },
    release() {
      if (released) return
      released = true
      try {
        if (failed === undefined && stillOurs()) fileSystem.remove(lockPath)
      } catch (error) {
        abandonedTokens().add(own.token)
        throw error
      } finally {
        listener.close()
      }
    },
  }
}

function lockedError(lockPath: string, holder: LockRecord | null | undefined, waitMs: number): FlatlogError {
  const who = holder
    ? `process ${holder.pid}${holder.thread ? ` (worker thread ${holder.thread})` : ''} on ${holder.host} since ${holder.since}`
    : 'another process'
  return new FlatlogError(
    'FLATLOG_LOCKED',
    `${lockPath} is held by ${who}; waited ${waitMs} ms. What to do: close the store there, open it here with readOnly: true, ` +
      'wait longer with lockWaitMs, or, if that process is certainly gone, open once with takeOver: true.',
    { path: lockPath },
  )
}
