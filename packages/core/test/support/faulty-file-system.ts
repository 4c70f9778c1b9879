import { type FileStatus, type FileSystem, nodeFileSystem, type OpenFile, type OpenMode } from './core.js'

/** The calls that can be made to fail: those of the file system and those of an open file. */
export type CallKind =
  | 'realPath'
  | 'makeDirectory'
  | 'list'
  | 'status'
  | 'open'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'

export interface Call {
  readonly kind: CallKind
  readonly path: string
}

interface Where {
  /** Only calls whose path matches. */
  on?: RegExp
  /** The first call with the effect; 1 is the next one. */
  nth?: number
  /** The number of calls with the effect from there on. */
  times?: number
}

interface Rule {
  readonly kind: CallKind | 'any'
  readonly on: RegExp | undefined
  toSkip: number
  left: number
  readonly effect: Error | { keepBytes: number } | HeldCall
}

/** A call that waits until the test releases it. */
export class HeldCall {
  readonly reached: Promise<void>
  #arrive!: () => void
  #resume!: (error: Error | undefined) => void
  readonly #gate: Promise<Error | undefined>

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.#gate = new Promise((resolve) => {
      this.#resume = resolve
    })
  }

  release(): void {
    this.#resume(undefined)
  }

  fail(error: Error): void {
    this.#resume(error)
  }

  async wait(): Promise<void> {
    this.#arrive()
    const error = await this.#gate
    if (error) throw error
  }
}

/** An error as `node:fs` throws it. */
export function systemError(code: string, errno = -1): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code, errno })
}

/** Quota exceeded, in the form in which Node 20 reports it. */
export const quotaExceeded = () => systemError('UNKNOWN', -122)

/**
 * A file system whose calls fail, fall short or wait as the test says: that of the machine or another one.
 * Syncs take a turn of the event loop and do not reach the disk: no test could see the difference, and they would take
 * most of the time.
 */
export class FaultyFileSystem implements FileSystem {
  readonly calls: Call[] = []
  readonly openFiles = new Set<OpenFile>()
  /** The result of `freeBytes` instead of the real one. */
  free: number | undefined
  readonly renamesOpenFiles: boolean
  #rules: Rule[] = []

  constructor(private readonly inner: FileSystem = nodeFileSystem) {
    this.renamesOpenFiles = inner.renamesOpenFiles
  }

  /** Makes matching calls throw the error: by default only the next one. */
  fail(kind: CallKind | 'any', error: Error, where: Where = {}): void {
    this.#add(kind, error, where)
  }

  /** Makes matching writes write only `keepBytes` bytes, and return that without an error. */
  shorten(keepBytes: number, where: Where = {}): void {
    this.#add('write', { keepBytes }, where)
  }

  /** Makes the next matching call wait; only asynchronous calls can. */
  hold(kind: 'sync' | 'syncDirectory', where: Where = {}): HeldCall {
    const held = new HeldCall()
    this.#add(kind, held, where)
    return held
  }

  /** Ends all effects. */
  heal(): void {
    this.#rules = []
  }

  /** The number of calls of this kind whose path matches. */
  count(kind: CallKind, on?: RegExp): number {
    return this.calls.filter((call) => call.kind === kind && (!on || on.test(call.path))).length
  }

  #add(kind: CallKind | 'any', effect: Rule['effect'], { on, nth = 1, times = 1 }: Where): void {
    this.#rules.push({ kind, on, toSkip: nth - 1, left: times, effect })
  }

  /**
   * Records the call and returns the effect on it, if any.
   * Only the first matching rule counts the call.
   */
  #meet(kind: CallKind, path: string): Rule['effect'] | undefined {
    this.calls.push({ kind, path })
    for (const rule of this.#rules) {
      if (rule.left === 0 || (rule.kind !== 'any' && rule.kind !== kind) || (rule.on && !rule.on.test(path))) continue
      if (rule.toSkip > 0) {
        rule.toSkip--
        continue
      }
      rule.left--
      return rule.effect
    }
    return undefined
  }

  /** For calls that can only fail or succeed. */
  before(kind: CallKind, path: string): void {
    const effect = this.#meet(kind, path)
    if (effect instanceof Error) throw effect
  }

  async beforeWaiting(kind: 'sync' | 'syncDirectory', path: string): Promise<void> {
    const effect = this.#meet(kind, path)
    if (effect instanceof Error) throw effect
    if (effect instanceof HeldCall) await effect.wait()
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** The number of bytes that a write may write. */
  beforeWrite(path: string, length: number): number {
    const effect = this.#meet('write', path)
    if (effect instanceof Error) throw effect
    return effect && 'keepBytes' in effect ? Math.min(effect.keepBytes, length) : length
  }

  realPath(path: string): string {
    this.before('realPath', path)
    return this.inner.realPath(path)
  }
  makeDirectory(path: string): string | undefined {
    this.before('makeDirectory', path)
    return this.inner.makeDirectory(path)
  }
  list(path: string): string[] {
    this.before('list', path)
    return this.inner.list(path)
  }
  status(path: string): FileStatus | undefined {
    this.before('status', path)
    return this.inner.status(path)
  }
  open(path: string, mode: OpenMode): OpenFile {
    this.before('open', path)
    const file = new FaultyFile(this, this.inner.open(path, mode))
    this.openFiles.add(file)
    return file
  }
  rename(from: string, to: string): void {
    this.before('rename', to)
    this.inner.rename(from, to)
  }
  link(from: string, to: string): void {
    this.before('link', to)
    this.inner.link(from, to)
  }
  async removeLong(path: string): Promise<void> {
    this.remove(path)
  }

  remove(path: string): void {
    this.before('remove', path)
    this.inner.remove(path)
  }
  async syncDirectory(path: string): Promise<void> {
    await this.beforeWaiting('syncDirectory', path)
  }
  freeBytes(path: string): number | undefined {
    return this.free ?? this.inner.freeBytes(path)
  }
  isLocal(path: string): boolean {
    return this.inner.isLocal(path)
  }
}

class FaultyFile implements OpenFile {
  readonly path: string

  constructor(
    private readonly system: FaultyFileSystem,
    private readonly file: OpenFile,
  ) {
    this.path = file.path
  }

  read(into: Uint8Array, position: number): number {
    this.system.before('read', this.path)
    return this.file.read(into, position)
  }

  write(bytes: Uint8Array | string, position: number): number {
    const whole = Buffer.from(bytes as string)
    const taken = this.system.beforeWrite(this.path, whole.length)
    return taken === whole.length
      ? this.file.write(bytes, position)
      : this.file.write(whole.subarray(0, taken), position)
  }

  truncate(sizeBytes: number): void {
    this.system.before('truncate', this.path)
    this.file.truncate(sizeBytes)
  }

  async sync(): Promise<void> {
    await this.system.beforeWaiting('sync', this.path)
  }

  status(): FileStatus {
    this.system.before('status', this.path)
    return this.file.status()
  }

  close(): void {
    this.file.close()
    this.system.openFiles.delete(this)
  }
}
