import * as fs from 'node:fs'
import { dirname } from 'node:path'
import type { FileStatus, FileSystem, OpenFile, OpenMode } from './file-system.js'

const FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'wx+' }

/** On Windows, virus scanners and sync clients keep files open for a moment. */
const WINDOWS_RETRY_MS = 2000
const WINDOWS_BUSY = new Set(['EPERM', 'EACCES', 'EBUSY'])

/** The `statfs` types of file systems that other machines may write to. */
const SHARED_FILE_SYSTEMS = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xfe534d42, // SMB 2
  0xff534d42, // CIFS
  0x01021997, // 9P
  0x65735546, // FUSE
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x7461636f, // OCFS2
  0x01161970, // GFS2
])

function toStatus(stats: fs.BigIntStats): FileStatus {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other'
  return { kind, sizeBytes: Number(stats.size), identity: `${stats.dev}:${stats.ino}` }
}

class NodeFile implements OpenFile {
  readonly path: string
  #descriptor: number | undefined
  #syncsUnderWay = 0

  constructor(path: string, mode: OpenMode) {
    this.path = path
    this.#descriptor = fs.openSync(path, FLAGS[mode])
  }

  get #open(): number {
    if (this.#descriptor === undefined) throw Object.assign(new Error(`${this.path} is closed`), { code: 'EBADF' })
    return this.#descriptor
  }

  read(into: Uint8Array, position: number): number {
    let filled = 0
    while (filled < into.length) {
      const got = fs.readSync(this.#open, into, filled, into.length - filled, position + filled)
      if (got === 0) break
      filled += got
    }
    return filled
  }

  write(bytes: Uint8Array | string, position: number): number {
    return typeof bytes === 'string'
      ? fs.writeSync(this.#open, bytes, position, 'utf8')
      : fs.writeSync(this.#open, bytes, 0, bytes.length, position)
  }

  truncate(sizeBytes: number): void {
    fs.ftruncateSync(this.#open, sizeBytes)
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      const descriptor = this.#open
      this.#syncsUnderWay++
      fs.fdatasync(descriptor, (error) => {
        this.#syncsUnderWay--
        if (this.#descriptor === undefined && this.#syncsUnderWay === 0) closeDescriptor(descriptor)
        if (error) reject(error)
        else resolve()
      })
    })
  }

  status(): FileStatus {
    return toStatus(fs.fstatSync(this.#open, { bigint: true }))
  }

  close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    // The system could give the number of a closed descriptor to another file, and a running sync would sync that one.
    if (descriptor !== undefined && this.#syncsUnderWay === 0) closeDescriptor(descriptor)
  }
}

function closeDescriptor(descriptor: number): void {
  try {
    fs.closeSync(descriptor)
  } catch {
    // See OpenFile.close.
  }
}

function retryingOnWindows(action: () => void): void {
  if (process.platform !== 'win32') {
    action()
    return
  }
  const deadline = performance.now() + WINDOWS_RETRY_MS
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    try {
      action()
      return
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (!WINDOWS_BUSY.has(code) || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}

/** The file system of this machine. No other file imports `node:fs`. */
export const nodeFileSystem: FileSystem = {
  renamesOpenFiles: process.platform !== 'win32',
  realPath: (path) => fs.realpathSync.native(path),
  makeDirectory: (path) => fs.mkdirSync(path, { recursive: true }),
  list: (path) => fs.readdirSync(path),
  status(path) {
    const stats = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats && toStatus(stats)
  },
  open: (path, mode) => new NodeFile(path, mode),
  rename: (from, to) => retryingOnWindows(() => fs.renameSync(from, to)),
  link: (from, to) => fs.linkSync(from, to),
  remove: (path) => retryingOnWindows(() => fs.unlinkSync(path)),
  removeLong: (path) =>
    new Promise((resolve, reject) => {
      fs.unlink(path, (error) => {
        if (error) reject(error)
        else resolve()
      })
    }),
  syncDirectory(path) {
    // Windows cannot sync directories; NTFS keeps its own log of name changes.
    if (process.platform === 'win32') return Promise.resolve()
    return new Promise((resolve, reject) => {
      const descriptor = fs.openSync(path, 'r')
      fs.fsync(descriptor, (error) => {
        closeDescriptor(descriptor)
        if (error) reject(error)
        else resolve()
      })
    })
  },
  freeBytes(path) {
    try {
      const { bavail, bsize } = fs.statfsSync(path)
      return bavail * bsize
    } catch {
      return undefined
    }
  },
  isLocal(path) {
    if (process.platform === 'win32') return !dirname(path).startsWith('\\\\')
    try {
      return !SHARED_FILE_SYSTEMS.has(fs.statfsSync(path).type >>> 0)
    } catch {
      return false
    }
  },
}
