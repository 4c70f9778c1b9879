import { basename, dirname, isAbsolute, join } from 'node:path'
import type { FileSystem } from '../platform/file-system.js'
import { type Processes, socketName } from '../platform/processes.js'
import { removeIfThere, removeQuietly } from '../platform/whole-file.js'
import {
  createLockFile,
  isObsolete,
  type LockRecord,
  linkOwnFile,
  readLockFile,
  tokenOfOwnFile,
  writeOwnFile,
} from './lock-file.js'

const ABANDONED = Symbol.for('flatlog.abandonedLocks')

/** Locks of this thread whose release failed, also through another copy of this package: nobody holds them. */
export function abandonedTokens(): Set<string> {
  const holder = globalThis as { [ABANDONED]?: Set<string> }
  holder[ABANDONED] ??= new Set()
  return holder[ABANDONED]
}

/** How long an unreadable lock file is given to become readable, where files cannot be linked whole into place. */
const UNREADABLE_GRACE_MS = 200

/** What comes with a lock that was taken. */
export interface Succession {
  /** The note of a failure that the owner before left. */
  readonly failed: string | undefined
  /** The owner before left in order, or there was none. */
  readonly wasReleased: boolean
}

/** One opener on its way to the lock: whether the owner is gone, and who of those that wait comes next. */
export class LockAttempt {
  /** When a lock file was first seen that could not be read. */
  #unreadableSinceMs: number | undefined

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly environment: Processes,
    private readonly lockPath: string,
    private readonly own: LockRecord,
  ) {}

  /** How long to wait at least: until what could not be read has had its time to become readable. */
  get patienceMs(): number {
    return this.#unreadableSinceMs === undefined ? 0 : this.#unreadableSinceMs + UNREADABLE_GRACE_MS
  }

  /** Undefined if the lock is somebody else's. */
  async take(
    holder: LockRecord | null | undefined,
    waitedMs: number,
    takeOver: boolean,
  ): Promise<Succession | undefined> {
    if (holder === undefined) {
      const isTaken = createLockFile(this.fileSystem, this.lockPath, this.own)
      return isTaken ? { failed: undefined, wasReleased: true } : undefined
    }
    const isStale = await this.isStale(holder, waitedMs)
    if (!isStale && !takeOver) return undefined
    // An owner that was robbed may still write once to the file it has open: the log goes on in another one.
    const failed = holder?.failed ?? (isStale ? undefined : 'its lock was taken over by force')
    return await this.#succeed(holder, failed, waitedMs)
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
  async #succeed(
    holder: LockRecord | null,
    failed: string | undefined,
    waitedMs: number,
  ): Promise<Succession | undefined> {
    const { fileSystem, lockPath } = this
    // With the note of a failure from its first moment, so that a crash of ours hands it on.
    const record = failed === undefined ? this.own : { ...this.own, failed }
    const own = writeOwnFile(fileSystem, lockPath, record)
    const claims: string[] = []
    let hasClaim = false
    let isOwner = false
    try {
      for (let predecessor = holder; !hasClaim; ) {
        const claim = `${lockPath}.after-${predecessor?.token ?? 'unreadable'}`
        // Two unreadable claims behind each other name nobody who could be asked: the way is cleared for all.
        if (claims.includes(claim)) removeIfThere(fileSystem, claim)
        claims.push(claim)
        hasClaim = linkOwnFile(fileSystem, own, claim, record)
        if (hasClaim) break
        const rival = readLockFile(fileSystem, claim)
        if (rival === undefined || !(await this.isStale(rival, waitedMs))) return undefined
        predecessor = rival
      }
      // Another may have taken the lock over and removed its claim since we read the lock: then the claim is void.
      const current = readLockFile(fileSystem, lockPath)
      if (current === undefined || current?.token !== holder?.token) return undefined
      fileSystem.rename(own, lockPath)
      isOwner = true
    } finally {
      if (!isOwner) {
        // As long as this process lives nobody could get past its claim.
        if (hasClaim) removeIfThere(fileSystem, claims.at(-1) as string)
        removeQuietly(fileSystem, own)
      }
    }
    return { failed, wasReleased: false }
  }

  /**
   * What others left that were killed before they had the lock: claims, files that were to be linked, sockets. And what
   * a former version kept beside the lock.
   */
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
    const isClaim = path.startsWith(`${lockPath}.after-`)
    const token = tokenOfOwnFile(lockPath, path)
    if (!isClaim && token === undefined) return isObsolete(lockPath, path)
    const rival = readLockFile(this.fileSystem, path)
    if (rival === undefined) return false
    if (rival?.token === own.token) return true
    // A claim is whole from its first moment; a file that bears a token may be one that is yet to be written to.
    if (isClaim || rival?.token === token) return await this.isStale(rival, waitedMs)
    return (await environment.probe(lockPath, socketName(lockPath, token as string))) === 'refuses'
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
