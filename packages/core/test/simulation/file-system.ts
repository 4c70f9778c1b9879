import type { FileStatus, FileSystem, OpenFile, OpenMode } from '../support/core.js'
import { type CallKind, systemError } from '../support/faulty-file-system.js'
import type { Random } from '../support/random.js'
import { Directory, type Entry, type SimulatedDisk } from './disk.js'
import { Inode } from './inode.js'

/** A simulated disk as one process sees it. It ends with the process. */

export interface SimulatedCall {
  readonly kind: CallKind
  /** Without the mount point of the process. */
  readonly path: string
  /** The bytes of a write, and where they go. */
  readonly write?: { readonly bytes: Buffer; readonly position: number; readonly inode: Inode }
  /** True for an `open` that creates the file. */
  readonly creates?: boolean
}

/** What happens to a call instead of its work, or in addition to it. */
export type CallEffect =
  /** The call fails. With `happens` it nevertheless does its work, like a rename whose answer is lost. */
  | { readonly error: Error; readonly happens?: boolean }
  /** A write takes only this many bytes, and returns their number. */
  | { readonly keepBytes: number }
  /** A sync takes this many turns of the event loop. */
  | { readonly turns: number }
  /** The process dies before the call; a write may write this many bytes first. */
  | { readonly dies: true; readonly keepBytes?: number }

/** Called before every call. */
export type OnCall = (call: SimulatedCall) => CallEffect | undefined

/** Thrown by every call of a dead process, whose code cannot catch it any more. */
class Dead extends Error {
  readonly code = 'EIO'
}

const never = new Promise<never>(() => {})

export class SimulatedFileSystem implements FileSystem {
  readonly renamesOpenFiles = true
  readonly openFiles = new Set<OpenFile>()
  onCall: OnCall = () => undefined
  free: number | undefined
  #isDead = false
  /** Paths that were split before: splitting them at every call took a tenth of a run. */
  readonly #namesOf = new Map<string, readonly string[]>()

  constructor(
    readonly disk: SimulatedDisk,
    /**
     * The mount point of the process.
     * Each has its own, because the engine identifies its stores by their paths.
     */
    readonly mount: string,
    readonly random: Random,
    private readonly onDeath: () => void,
  ) {}

  get isDead(): boolean {
    return this.#isDead
  }

  die(): void {
    this.#isDead = true
  }

  /** Begins every call: throws if the process is dead, and returns the effect of `onCall`. */
  enter(kind: CallKind, path: string, more: Pick<SimulatedCall, 'write' | 'creates'> = {}): CallEffect | undefined {
    if (this.#isDead) throw new Dead()
    const effect = this.onCall({ kind, path: this.#onDisk(path), ...more })
    if (effect && 'dies' in effect && effect.keepBytes === undefined) this.#end()
    return effect
  }

  #end(): never {
    this.onDeath()
    throw new Dead()
  }

  endInside(): never {
    this.#end()
  }

  /** A call that changes names: it can fail before or after the change. */
  #change(kind: CallKind, path: string, change: () => void, creates = false): void {
    const effect = this.enter(kind, path, { creates })
    const error = effect && 'error' in effect ? effect.error : undefined
    if (!error || (effect as { happens?: boolean }).happens) change()
    if (error) throw error
  }

  #check(kind: CallKind, path: string): void {
    const effect = this.enter(kind, path)
    if (effect && 'error' in effect) throw effect.error
  }

  realPath(path: string): string {
    this.#check('realPath', path)
    this.#find(path)
    return path
  }

  makeDirectory(path: string): string | undefined {
    this.#check('makeDirectory', path)
    let directory = this.disk.root
    let made: string | undefined
    const names = this.#names(path)
    names.forEach((name, depth) => {
      const there = directory.live.get(name)
      if (there instanceof Inode) throw systemError('EEXIST')
      if (!there) {
        made ??= `${this.mount}/${names.slice(0, depth + 1).join('/')}`
        const below = new Directory()
        directory.change(this.disk.nextTick(), [name, below])
        directory = below
      } else directory = there
    })
    return made
  }

  list(path: string): string[] {
    this.#check('list', path)
    const entry = this.#find(path)
    if (!(entry instanceof Directory)) throw systemError('ENOTDIR')
    return [...entry.live.keys()]
  }

  status(path: string): FileStatus | undefined {
    this.#check('status', path)
    const entry = this.#lookUp(path)
    return entry && statusOf(entry)
  }

  open(path: string, mode: OpenMode): OpenFile {
    let inode: Inode | undefined
    const find = () => {
      const { directory, name, entry } = this.#place(path)
      if (entry instanceof Directory) throw systemError('EISDIR')
      if (mode === 'create') {
        if (entry) throw systemError('EEXIST')
        inode = this.disk.newInode()
        directory.change(this.disk.nextTick(), [name, inode])
      } else inode = entry
    }
    this.#change('open', path, find, mode === 'create')
    if (!inode) throw systemError('ENOENT')
    const file = new SimulatedFile(this, path, inode)
    this.openFiles.add(file)
    return file
  }

  rename(from: string, to: string): void {
    this.#change('rename', to, () => {
      const source = this.#place(from)
      const target = this.#place(to)
      if (!source.entry) throw systemError('ENOENT')
      if (source.directory !== target.directory) throw new Error('the engine renames inside one directory')
      source.directory.change(this.disk.nextTick(), [source.name, undefined], [target.name, source.entry])
    })
  }

  link(from: string, to: string): void {
    this.#change('link', to, () => {
      const target = this.#place(to)
      if (target.entry) throw systemError('EEXIST')
      target.directory.change(this.disk.nextTick(), [target.name, this.#find(from)])
    })
  }

  async removeLong(path: string): Promise<void> {
    this.remove(path)
  }

  remove(path: string): void {
    this.#change('remove', path, () => {
      const { directory, name, entry } = this.#place(path)
      if (!entry) throw systemError('ENOENT')
      directory.change(this.disk.nextTick(), [name, undefined])
    })
  }

  async syncDirectory(path: string): Promise<void> {
    const entry = this.#find(path)
    await this.#takeTime(this.enter('syncDirectory', path), (tick) => {
      if (entry instanceof Directory) this.disk.directorySynced(entry, tick)
    })
  }

  async syncFile(path: string, inode: Inode): Promise<void> {
    const effect = this.enter('sync', path)
    await this.#takeTime(
      effect,
      (tick) => this.disk.fileSynced(inode, tick),
      (tick) => inode.lost(tick, this.random),
    )
  }

  /** After a failed sync, the next one writes a directory's changes, but a file's are lost. */
  async #takeTime(
    effect: CallEffect | undefined,
    succeed: (tick: number) => void,
    fail: (tick: number) => void = () => {},
  ): Promise<void> {
    const { tick } = this.disk
    const turns = effect && 'turns' in effect ? effect.turns : 1
    for (let turn = 0; turn < turns; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#isDead) await never
    }
    if (effect && 'error' in effect) {
      if (effect.happens) succeed(tick)
      else fail(tick)
      throw effect.error
    }
    succeed(tick)
  }

  /** The present path of a file that was renamed while it was open: faults match that one. */
  presentPath(path: string, inode: Inode): string {
    const { directory, entry } = this.#place(path)
    if (entry === inode) return path
    const name = [...directory.live].find(([, each]) => each === inode)?.[0]
    return name === undefined ? path : `${path.slice(0, path.lastIndexOf('/'))}/${name}`
  }

  freeBytes(): number | undefined {
    return this.free
  }

  isLocal(): boolean {
    return true
  }

  #onDisk(path: string): string {
    return path.slice(this.mount.length)
  }

  #names(path: string): readonly string[] {
    let names = this.#namesOf.get(path)
    if (!names) {
      names = this.#onDisk(path)
        .split('/')
        .filter((name) => name !== '')
      this.#namesOf.set(path, names)
    }
    return names
  }

  #lookUp(path: string): Entry | undefined {
    let entry: Entry = this.disk.root
    for (const name of this.#names(path)) {
      if (!(entry instanceof Directory)) return undefined
      const next = entry.live.get(name)
      if (!next) return undefined
      entry = next
    }
    return entry
  }

  #find(path: string): Entry {
    const entry = this.#lookUp(path)
    if (!entry) throw systemError('ENOENT')
    return entry
  }

  #place(path: string): { directory: Directory; name: string; entry: Entry | undefined } {
    const slash = path.lastIndexOf('/')
    const directory = this.#find(path.slice(0, slash))
    if (!(directory instanceof Directory)) throw systemError('ENOTDIR')
    const name = path.slice(slash + 1)
    return { directory, name, entry: directory.live.get(name) }
  }
}

function statusOf(entry: Entry): FileStatus {
  return entry instanceof Directory
    ? { kind: 'directory', sizeBytes: 0, identity: 'directory' }
    : { kind: 'file', sizeBytes: entry.length, identity: `file:${entry.id}` }
}

class SimulatedFile implements OpenFile {
  #isOpen = true

  constructor(
    private readonly system: SimulatedFileSystem,
    readonly path: string,
    private readonly inode: Inode,
  ) {}

  read(into: Uint8Array, position: number): number {
    this.#enter('read')
    return this.inode.read(into, position)
  }

  write(bytes: Uint8Array | string, position: number): number {
    const given = Buffer.from(bytes as string)
    const effect = this.#enter('write', { write: { bytes: given, position, inode: this.inode } })
    const keepBytes = effect && 'keepBytes' in effect ? Math.min(effect.keepBytes ?? 0, given.length) : given.length
    if (keepBytes > 0) this.inode.write(given.subarray(0, keepBytes), position, this.system.disk.nextTick())
    if (effect && 'dies' in effect) this.system.endInside()
    return keepBytes
  }

  truncate(sizeBytes: number): void {
    this.#enter('truncate')
    this.inode.truncate(sizeBytes, this.system.disk.nextTick())
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    await this.system.syncFile(this.system.presentPath(this.path, this.inode), this.inode)
  }

  status(): FileStatus {
    this.#enter('status')
    return statusOf(this.inode)
  }

  close(): void {
    this.#isOpen = false
    this.system.openFiles.delete(this)
  }

  #enter(kind: CallKind, more: Pick<SimulatedCall, 'write'> = {}): CallEffect | undefined {
    this.#checkOpen()
    const effect = this.system.enter(kind, this.system.presentPath(this.path, this.inode), more)
    if (effect && 'error' in effect) throw effect.error
    return effect
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw systemError('EBADF')
  }
}
