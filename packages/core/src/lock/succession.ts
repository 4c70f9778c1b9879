import { basename, dirname, isAbsolute } from 'node:path'
import type { Machine } from '../platform/machine.js'
import { socketName, temporarySocketName } from '../platform/processes.js'
import type { LockFiles, LockRecord, LockSideFile } from './lock-file.js'

/** Without hard links a new lock is empty for a moment, so an unreadable one is given this time to become readable. */
const UNREADABLE_GRACE_MS = 200

const ABANDONED = Symbol.for('flatlog.abandoned')

/**
 * The locks that this thread did not remove when it closed a store, by their tokens, also with another copy of this
 * package. The value is the failure of the owner, which its lock may lack on a full disk.
 */
export function abandonedLocks(): Map<string, string | undefined> {
  const global = globalThis as { [ABANDONED]?: Map<string, string | undefined> }
  global[ABANDONED] ??= new Map()
  return global[ABANDONED]
}

/** How the previous owner left the lock. */
export interface Predecessor {
  /** Why the last bytes of the log are not to be trusted; undefined if they are. */
  readonly failure: string | undefined
  /** It released the lock, or there was no previous owner. */
  readonly wasReleased: boolean
}

/** An opener that wants the lock. It finds out whether the owner is gone, and competes with other contenders. */
export class Contender {
  #unreadableSinceMs: number | undefined
  #predecessor: LockRecord | null = null

  constructor(
    private readonly machine: Machine,
    private readonly files: LockFiles,
    private readonly record: LockRecord,
  ) {}

  /** Until this time, on the monotonic clock, an unreadable lock may become readable. */
  get graceEndMs(): number {
    return this.#unreadableSinceMs === undefined ? 0 : this.#unreadableSinceMs + UNREADABLE_GRACE_MS
  }

  /** Takes a lock that is free or stale, or any lock by force. Undefined if another opener has it or is about to. */
  async take(holder: LockRecord | null | undefined, byForce: boolean): Promise<Predecessor | undefined> {
    if (holder === undefined) {
      return this.files.create(this.record) ? { failure: undefined, wasReleased: true } : undefined
    }
    const isStale = await this.#isStale(holder)
    if (!isStale && !byForce) return undefined
    // An owner that lost its lock by force can still write once to the file that it has open.
    const noted = holder?.failed ?? abandonedLocks().get(holder?.token ?? '')
    const failure = noted ?? (isStale ? undefined : 'the lock was taken over by force')
    return await this.#succeed(holder, failure)
  }

  /** True if the owner is provably gone. The rules are in `docs/durability.md`; in doubt an owner is alive. */
  async #isStale(owner: LockRecord | null): Promise<boolean> {
    if (owner === null) return this.#isUnreadableForLong()
    const { processes, fileSystem } = this.machine
    const { lockPath } = this.files
    const probe = owner.socket === null ? 'unknown' : await processes.probe(lockPath, owner.socket)
    if (probe === 'answers') return false

    const areBootsKnown = owner.bootId !== null && processes.bootId !== null
    const isSameBoot = areBootsKnown ? owner.bootId === processes.bootId : owner.host === processes.host
    if (!isSameBoot) return areBootsKnown && fileSystem.isLocal(dirname(lockPath))

    const isSameNamespace = owner.pidNamespace === processes.pidNamespace
    if (isSameNamespace) {
      const start = processes.processStart(owner.pid)
      if (start === undefined) return true
      if (start !== null && owner.start !== null && start !== owner.start) return true
    }
    if (abandonedLocks().has(owner.token)) return true
    // A socket in the temporary directory of another container cannot be seen from here.
    const isInSight = isSameNamespace || (owner.socket !== null && !isAbsolute(owner.socket))
    if (!isInSight) return false
    // Cleanup tools remove sockets of living owners. But a worker thread, or an owner that left its lock on purpose, has
    // removed its own.
    if (probe === 'missing') return owner.thread !== 0 || owner.failed !== undefined || owner.abandoned === true
    return probe === 'refuses'
  }

  #isUnreadableForLong(): boolean {
    const nowMs = this.machine.clock.monotonicMs()
    this.#unreadableSinceMs ??= nowMs
    return nowMs - this.#unreadableSinceMs >= UNREADABLE_GRACE_MS
  }

  /** Replaces the lock of `holder`, unless another contender does. */
  async #succeed(holder: LockRecord | null, failure: string | undefined): Promise<Predecessor | undefined> {
    const { files } = this
    // The note of the failure is there from the start, so that it survives if this process is killed.
    const record = failure === undefined ? this.record : { ...this.record, failed: failure }
    files.write(record)
    let claim: string | undefined
    let isOwner = false
    try {
      claim = await this.#claim(holder, record)
      if (claim === undefined || !this.#isLockOf(holder)) return undefined
      files.moveToLock(record)
      isOwner = true
      this.#predecessor = holder
      return { failure, wasReleased: false }
    } finally {
      if (!isOwner) {
        files.discard(record)
        // No other contender can pass our claim while this process lives.
        if (claim !== undefined) files.remove(claim)
      }
    }
  }

  /**
   * Claims to succeed `holder`: of all contenders exactly one can link the claim. If that one is dead, we claim to succeed
   * it instead. Returns the path of our claim, or undefined if a living contender was faster.
   */
  async #claim(holder: LockRecord | null, record: LockRecord): Promise<string | undefined> {
    const { files } = this
    const passed = new Set<string>()
    let predecessor = holder
    for (;;) {
      const claim = files.claimPath(predecessor)
      // An unreadable claim has no token of its own, so the claim to succeed it has the same name.
      if (passed.has(claim)) files.remove(claim)
      passed.add(claim)
      if (files.link(record, claim)) return claim
      const rival = files.read(claim)
      if (rival === undefined || !(await this.#isStale(rival))) return undefined
      predecessor = rival
    }
  }

  /** False if another contender took the lock after we read it. It has removed its claim since, so ours proves nothing. */
  #isLockOf(holder: LockRecord | null): boolean {
    const current = this.files.read()
    return current !== undefined && current?.token === holder?.token
  }

  /** Called by the new owner: removes its own claim, and the claims, records and sockets of dead contenders. */
  async tidy(): Promise<void> {
    const sideFiles = this.files.list()
    const isSocket = (file: LockSideFile) => file.kind === 'socket'
    // Sockets last: only its socket shows whether the maker of an unfinished record is alive.
    for (const file of [...sideFiles.filter((each) => !isSocket(each)), ...sideFiles.filter(isSocket)]) {
      try {
        if (await this.#isLeftover(file)) this.files.remove(file.path)
      } catch {
        // A leftover does no harm: it names the process that made it.
      }
    }
    await this.#removeTemporarySocket().catch(() => {})
  }

  /** The predecessor's socket is not beside the lock if the path there was too long. */
  async #removeTemporarySocket(): Promise<void> {
    const { socket, token } = this.#predecessor ?? {}
    if (!socket || !token || !isAbsolute(socket) || basename(socket) !== temporarySocketName(token)) return
    const { lockPath } = this.files
    if ((await this.machine.processes.probe(lockPath, socket)) === 'refuses') this.files.remove(socket)
  }

  async #isLeftover({ path, kind, token }: LockSideFile): Promise<boolean> {
    const { files, machine, record } = this
    const refuses = async (socket: string) => (await machine.processes.probe(files.lockPath, socket)) === 'refuses'
    if (kind === 'obsolete') return true
    if (kind === 'unknown') return false
    if (kind === 'socket') return basename(path) !== record.socket && (await refuses(basename(path)))
    const maker = files.read(path)
    if (maker === undefined) return false
    if (maker?.token === record.token) return true
    // A claim is complete from its first moment. A record that does not hold its own token may be one in the making.
    const isUnfinished = token !== undefined && maker?.token !== token
    return isUnfinished ? await refuses(socketName(files.lockPath, token)) : await this.#isStale(maker)
  }
}
