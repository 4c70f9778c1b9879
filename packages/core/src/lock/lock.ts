import { dirname, isAbsolute, join } from 'node:path'
import { type Clock, sleep } from '../platform/clock.js'
import { FlatlogError, ioError, isNoSpace, noSpaceToOpen } from '../platform/errors.js'
import type { Machine } from '../platform/machine.js'
import type { Listener } from '../platform/processes.js'
import { LockFiles, type LockRecord } from './lock-file.js'
import { abandonedLocks, Contender, type Predecessor } from './succession.js'

/**
 * Gives a log one owner at a time.
 *
 * The lock is a file, `NAME.lock`. A contender makes it with `link`, which fails if the name exists: of all contenders
 * that find no lock, exactly one gets it. The owner listens on a socket that its record names. The system closes that
 * socket when the owner ends in any way, and keeps it open while the owner is stopped. A heartbeat could not
 * distinguish a stopped process, which writes again when it continues, from a dead one.
 *
 * A lock whose owner is provably gone is stale. Of all contenders, the one that links the claim `NAME.lock.after-TOKEN`
 * becomes the successor of the owner with that token. If the lock still has that token, the successor renames its own
 * record over it. A successor that dies before that leaves a stale claim, which is succeeded in the same way.
 *
 * Only `takeOver: true` takes the lock from a living owner. So an owner reads its lock again before it writes and before
 * it changes a name (`GuardedFileSystem`), and the owner after it continues in a new file.
 */
export class Lock {
  /** The failure that the previous owner noted, or the loss of its lock by force. */
  readonly inheritedFailure: string | undefined
  /** The previous owner released the lock, or there was none. */
  readonly wasReleased: boolean
  #failure: string | undefined
  /** False if the lock on disk does not have the present value of `#failure`. */
  #isNoted = true
  /** The log of an owner that did not close it has been opened, so that the next owner need not know of that. */
  #isOpened = false
  #isReleased = false
  #listener: Listener

  constructor(
    private readonly files: LockFiles,
    private readonly record: LockRecord,
    { failure, wasReleased }: Predecessor,
    listener: Listener,
  ) {
    this.inheritedFailure = failure
    this.wasReleased = wasReleased
    this.#failure = failure
    this.#listener = listener
  }

  /** Differs for every owner. */
  get token(): string {
    return this.record.token
  }

  /** True unless another owner holds the lock. A lock that cannot be read just now counts as held. */
  isHeld(): boolean {
    try {
      return this.#isOurs()
    } catch {
      return true
    }
  }

  #isOurs(): boolean {
    return this.files.read()?.token === this.token
  }

  /** Notes for the next owner that the last bytes of the log may not be on disk. */
  noteFailure(message: string): void {
    this.#failure = message
    this.#write()
  }

  /** Removes the note after the log has been copied to a new file. */
  clearFailure(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    try {
      this.#write()
    } catch (error) {
      // With the note the next owner copies the log once more, which does no harm.
      if (!isNoSpace(error)) throw error
    }
  }

  #write(): void {
    this.#isNoted = false
    const failed = this.#failure
    if (this.#isOurs()) this.files.replace(failed === undefined ? this.record : { ...this.record, failed })
    this.#isNoted = true
  }

  /** Called when the log is open. Before that, `release` leaves the lock of a predecessor that did not close the log. */
  confirmOpened(): void {
    this.#isOpened = true
  }

  /**
   * Idempotent. A lock stays, as a stale one, if the next owner must know of a failure, or that the log was not closed and
   * could not be opened since.
   */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    let isGone = false
    try {
      if (this.#failure !== undefined) {
        if (!this.#isNoted) this.#write()
      } else if (this.wasReleased || this.#isOpened || !this.#abandon()) {
        if (this.#isOurs()) this.files.remove()
        isGone = true
      }
    } finally {
      // This process, which its record names, may live on.
      if (!isGone) abandonedLocks().set(this.token, this.#failure)
      this.#listener.close()
    }
  }

  /** False if the lock cannot say that it is abandoned: then it must go, or others would wait for this process to end. */
  #abandon(): boolean {
    try {
      if (this.#isOurs()) this.files.replace({ ...this.record, abandoned: true })
      return true
    } catch {
      return false
    }
  }

  /**
   * Listens again if the previous owner removed our socket: between its creation and its first `listen` a socket refuses
   * connections, like that of a dead process.
   */
  async restoreSocket({ fileSystem, processes }: Machine): Promise<void> {
    const { lockPath } = this.files
    const { socket } = this.record
    if (socket === null || isAbsolute(socket) || fileSystem.status(join(dirname(lockPath), socket))) return
    this.#listener.close()
    this.#listener = await processes.listen(lockPath, this.token)
  }
}

export interface LockOptions {
  readonly waitMs: number
  /** Take the lock also from a living owner. */
  readonly takeOver: boolean
}

const POLL_MS = 25

/** Takes the lock, and waits for it if another owner has it. */
export async function acquireLock(machine: Machine, lockPath: string, options: LockOptions): Promise<Lock> {
  const token = machine.processes.newToken()
  const listener = await machine.processes.listen(lockPath, token)
  try {
    const files = new LockFiles(machine.fileSystem, lockPath)
    const record = newRecord(machine, token, listener.address)
    const contender = new Contender(machine, files, record)
    const predecessor = await waitForLock(machine.clock, files, contender, options)
    const lock = new Lock(files, record, predecessor, listener)
    try {
      await contender.tidy()
      await lock.restoreSocket(machine)
      return lock
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    listener.close()
    throw isNoSpace(error) ? noSpaceToOpen('for the lock', lockPath, error) : ioError('take the lock', lockPath, error)
  }
}

function newRecord({ processes, clock }: Machine, token: string, socket: string | null): LockRecord {
  return {
    pid: processes.pid,
    thread: processes.thread,
    start: processes.processStart(processes.pid) ?? null,
    bootId: processes.bootId,
    pidNamespace: processes.pidNamespace,
    host: processes.host,
    token,
    since: new Date(clock.now()).toISOString(),
    socket,
  }
}

async function waitForLock(
  clock: Clock,
  files: LockFiles,
  contender: Contender,
  { waitMs, takeOver }: LockOptions,
): Promise<Predecessor> {
  const deadlineMs = clock.monotonicMs() + waitMs
  for (;;) {
    const nowMs = clock.monotonicMs()
    const holder = files.read()
    const predecessor = await contender.take(holder, takeOver)
    if (predecessor) return predecessor
    if (nowMs > Math.max(deadlineMs, contender.graceEndMs)) throw lockedError(files.lockPath, holder, waitMs)
    await sleep(clock, POLL_MS)
  }
}

function lockedError(lockPath: string, holder: LockRecord | null | undefined, waitMs: number): FlatlogError {
  const thread = holder?.thread ? ` (worker thread ${holder.thread})` : ''
  const owner = holder ? `Process ${holder.pid}${thread} on ${holder.host} (since ${holder.since})` : 'Another process'
  return new FlatlogError(
    'FLATLOG_LOCKED',
    `${owner} holds the lock ${lockPath}. This process waited ${waitMs} ms. What to do: close the store there; or open it ` +
      'here with readOnly: true; or wait longer with lockWaitMs; or, if that process is certainly gone, open once with ' +
      'takeOver: true.',
    { path: lockPath },
  )
}
