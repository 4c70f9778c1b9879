import { type Clock, sleep } from '../platform/clock.js'
import { FlatlogError, ioError, isNoSpace } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import type { Processes } from '../platform/processes.js'
import { type LockRecord, readLockFile, replaceLockFile } from './lock-file.js'
import { abandonedTokens, LockAttempt, type Succession } from './succession.js'

/**
 * One owner of a log at a time. There is no heartbeat: it would wear flash memory, and it lies (a stopped process does
 * not beat and still writes when it goes on). The owner listens on a socket instead; the system itself closes that when
 * the owner ends in whatever way, and keeps it open while the owner is merely stopped.
 */
export interface Lock {
  /** What no other owner has. */
  readonly token: string
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

/** Whether the lock is held still: one that cannot be read just now says nothing against it. */
export function holds(lock: Lock): boolean {
  try {
    return lock.stillOurs()
  } catch {
    return true
  }
}

export interface LockOptions {
  waitMs: number
  takeOver: boolean
}

const POLL_MS = 25

export async function acquireLock(
  fileSystem: FileSystem,
  environment: Processes,
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
  const attempt = new LockAttempt(fileSystem, environment, lockPath, own)
  const start = clock.monotonicMs()
  const settle = async (taken: Succession): Promise<Lock> => {
    const lock = held(fileSystem, lockPath, own, taken, { close: () => listener.close() })
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
      const taken = await attempt.take(holder, waitedMs, options.takeOver)
      if (taken) return await settle(taken)
      if (waitedMs > Math.max(options.waitMs, attempt.patienceMs)) throw lockedError(lockPath, holder, options.waitMs)
      await sleep(clock, POLL_MS)
    }
  } catch (error) {
    listener.close()
    throw isNoSpace(error) ? noSpaceError(lockPath, error) : ioError('take the lock', lockPath, error)
  }
}

function held(
  fileSystem: FileSystem,
  lockPath: string,
  own: LockRecord,
  { failed: inheritedFailure, wasReleased }: Succession,
  listener: { close(): void },
): Lock {
  let failed: string | undefined
  /** False: the failure is known here only, and whoever opens next would not hear of it. */
  let isNoted = true
  let released = false
  const stillOurs = () => readLockFile(fileSystem, lockPath)?.token === own.token
  const write = () => {
    const { failed: _, ...record } = own
    isNoted = false
    if (stillOurs()) replaceLockFile(fileSystem, lockPath, failed === undefined ? record : { ...record, failed })
    isNoted = true
  }
  // Until the failure that we inherited is dealt with, a crash of ours must hand the note on: it stands in our lock.
  failed = inheritedFailure
  return {
    token: own.token,
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
      try {
        write()
      } catch (error) {
        // The note stays: should we be killed, the next owner copies the log once more.
        if (!isNoSpace(error)) throw error
      }
    },
    release() {
      if (released) return
      released = true
      try {
        if (failed === undefined && stillOurs()) fileSystem.remove(lockPath)
        // Without the note nobody else could tell that this process, which may live on, has left.
        if (failed !== undefined && !isNoted) write()
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

function noSpaceError(lockPath: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_NO_SPACE',
    `There is no space left for the lock ${lockPath}, so the store was not opened. What to do: free some disk space, or open ` +
      'it with readOnly: true, which needs no lock.',
    { path: lockPath, cause },
  )
}
