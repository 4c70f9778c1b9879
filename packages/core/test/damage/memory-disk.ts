import { dirname } from 'node:path'
import type { FileStatus, FileSystem, OpenFile, OpenMode, Processes } from '../support/core.js'
import { systemError } from '../support/faulty-file-system.js'

/**
 * Files in memory, which are cheap to copy: ten thousand stores open in seconds. A copy shares the
 * bytes until one side writes.
 */
class Node {
  /** Never changed in place: other disks may share it. */
  bytes: Buffer = Buffer.alloc(0)

  constructor(readonly identity: string) {}
}

let identities = 0

export class MemoryDisk implements FileSystem {
  readonly renamesOpenFiles = true
  readonly #nodes = new Map<string, Node>()
  readonly #directories: Set<string>
  /** Called before every change, so that a test can copy all files at that moment. */
  beforeChange: (change: 'create' | 'write' | 'truncate' | 'rename' | 'link' | 'remove', path: string) => void =
    () => {}
  /** False on a file system without hard links. */
  hasLinks = true

  constructor(directories: Iterable<string> = ['/']) {
    this.#directories = new Set(directories)
  }

  /** Copies all files; two names of one file stay two names of one file. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk(this.#directories)
    copy.hasLinks = this.hasLinks
    const copied = new Map<Node, Node>()
    for (const [path, node] of this.#nodes) {
      const twin = copied.get(node) ?? new Node(node.identity)
      twin.bytes = node.bytes
      copied.set(node, twin)
      copy.#nodes.set(path, twin)
    }
    return copy
  }

  get paths(): string[] {
    return [...this.#nodes.keys()].sort()
  }

  has(path: string): boolean {
    return this.#nodes.has(path)
  }

  bytesOf(path: string): Buffer {
    return this.#node(path).bytes
  }

  /** Changes a file without the knowledge of the store. */
  put(path: string, bytes: Buffer): void {
    const node = this.#nodes.get(path) ?? this.#add(path)
    node.bytes = bytes
  }

  #add(path: string): Node {
    const node = new Node(`memory:${++identities}`)
    this.#nodes.set(path, node)
    return node
  }

  #node(path: string): Node {
    const node = this.#nodes.get(path)
    if (node) return node
    throw systemError(this.#directories.has(path) ? 'EISDIR' : 'ENOENT')
  }

  realPath(path: string): string {
    if (!this.#directories.has(path)) this.#node(path)
    return path
  }

  makeDirectory(path: string): string | undefined {
    let topmost: string | undefined
    for (let each = path; !this.#directories.has(each); each = dirname(each)) {
      this.#directories.add(each)
      topmost = each
    }
    return topmost
  }

  list(path: string): string[] {
    if (!this.#directories.has(path)) throw systemError('ENOENT')
    const start = `${path}/`
    return [...this.#nodes.keys(), ...this.#directories]
      .filter((each) => each.startsWith(start) && !each.includes('/', start.length) && each.length > start.length)
      .map((each) => each.slice(start.length))
  }

  status(path: string): FileStatus | undefined {
    const node = this.#nodes.get(path)
    if (node) return statusOf(node)
    return this.#directories.has(path) ? { kind: 'directory', sizeBytes: 0, identity: path } : undefined
  }

  open(path: string, mode: OpenMode): OpenFile {
    if (mode !== 'create') return new MemoryDiskFile(this, path, this.#node(path))
    if (this.#nodes.has(path) || this.#directories.has(path)) throw systemError('EEXIST')
    if (!this.#directories.has(dirname(path))) throw systemError('ENOENT')
    this.beforeChange('create', path)
    return new MemoryDiskFile(this, path, this.#add(path))
  }

  rename(from: string, to: string): void {
    this.beforeChange('rename', to)
    const node = this.#node(from)
    this.#nodes.set(to, node)
    if (from !== to) this.#nodes.delete(from)
  }

  link(from: string, to: string): void {
    if (!this.hasLinks && !to.includes('.lock')) throw systemError('EPERM')
    if (this.#nodes.has(to)) throw systemError('EEXIST')
    this.beforeChange('link', to)
    this.#nodes.set(to, this.#node(from))
  }

  async removeLong(path: string): Promise<void> {
    this.remove(path)
  }

  remove(path: string): void {
    this.#node(path)
    this.beforeChange('remove', path)
    this.#nodes.delete(path)
  }

  syncDirectory(): Promise<void> {
    return Promise.resolve()
  }

  freeBytes(): undefined {
    return undefined
  }

  isLocal(): boolean {
    return true
  }
}

function statusOf(node: Node): FileStatus {
  return { kind: 'file', sizeBytes: node.bytes.length, identity: node.identity }
}

class MemoryDiskFile implements OpenFile {
  constructor(
    private readonly disk: MemoryDisk,
    readonly path: string,
    private readonly node: Node,
  ) {}

  read(into: Uint8Array, position: number): number {
    const { bytes } = this.node
    return position >= bytes.length ? 0 : bytes.copy(into, 0, position, position + into.length)
  }

  write(bytes: Uint8Array | string, position: number): number {
    this.disk.beforeChange('write', this.path)
    const added = Buffer.from(bytes as string)
    const before = this.node.bytes
    const grown = Buffer.alloc(Math.max(before.length, position + added.length))
    before.copy(grown)
    added.copy(grown, position)
    this.node.bytes = grown
    return added.length
  }

  truncate(sizeBytes: number): void {
    this.disk.beforeChange('truncate', this.path)
    this.node.bytes = this.node.bytes.subarray(0, sizeBytes)
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }

  status(): FileStatus {
    return statusOf(this.node)
  }

  close(): void {}
}

/**
 * A machine after the boot with this name (eight hexadecimal digits).
 * Locks of an earlier boot are stale.
 */
export function memoryLockEnvironment(boot: string): Processes {
  let tokens = 0
  return {
    pid: 1,
    thread: 0,
    host: 'memory',
    bootId: boot,
    pidNamespace: 'memory',
    newToken: () => `${boot}${String(++tokens).padStart(8, '0')}`.padEnd(32, '0'),
    processStart: () => 'start',
    listen: async () => ({ address: null, close() {} }),
    probe: async () => 'unknown',
  }
}
