import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { basename, isAbsolute, join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { FileSystem } from './file-system.js'
import { removeIfThere } from './whole-file.js'

/**
 * What the lock must know of the machine and its processes. Passed in like the file system, so that a test can be two
 * containers, a reused pid or another boot.
 */
/**
 * `answers`: a living (or stopped) owner. `refuses`: nobody listens any more. `missing`: there is no such socket, which
 * its owner removed in leaving, or somebody else did. `unknown`: cannot be told.
 */
export type Probe = 'answers' | 'refuses' | 'missing' | 'unknown'

export interface Processes {
  readonly pid: number
  readonly thread: number
  readonly host: string
  readonly bootId: string | null
  readonly pidNamespace: string | null
  newToken(): string
  /** When that process of this machine and namespace started; undefined: there is none; null: the system does not say. */
  processStart(pid: number): string | null | undefined
  /** Listens where others can ask whether the owner lives; `address` is what the lock file names, null if it could not. */
  listen(lockPath: string, token: string): Promise<{ address: string | null; close(): void }>
  probe(lockPath: string, address: string): Promise<Probe>
}

/** The longest path that a Unix socket can have on macOS; Linux allows four more bytes. */
const MAX_SOCKET_PATH_BYTES = 103
const PROBE_TIMEOUT_MS = 1000

/** The name of the socket beside the lock file. */
export function socketName(lockPath: string, token: string): string {
  return `${basename(lockPath)}.${token.slice(0, 8)}.sock`
}

function socketPath(lockPath: string, address: string): string {
  return isAbsolute(address) || address.startsWith('\\\\') ? address : join(lockPath, '..', address)
}

function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    // Exclusive: node:cluster would open it in the starter of this process, which lives and dies apart from it.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      // A connection that breaks is no concern of the owner's.
      server.on('error', () => {})
      server.unref()
      resolve(server)
    })
  })
}

function readProc(fileSystem: FileSystem, path: string): string | undefined {
  try {
    // Files of /proc say that they have no bytes: read them with a buffer of our own.
    const file = fileSystem.open(path, 'read')
    try {
      const bytes = Buffer.alloc(4096)
      return bytes.toString('utf8', 0, file.read(bytes, 0))
    } finally {
      file.close()
    }
  } catch {
    return undefined
  }
}

function run(command: string, ...args: string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || null
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** The 22nd field of /proc/PID/stat, counted behind the command's name, which may hold spaces and brackets itself. */
function linuxProcessStart(fileSystem: FileSystem, pid: number): string | undefined {
  const stat = readProc(fileSystem, `/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function bootIdOf(fileSystem: FileSystem): string | null {
  if (process.platform === 'linux') return readProc(fileSystem, '/proc/sys/kernel/random/boot_id')?.trim() ?? null
  if (process.platform === 'darwin') return run('sysctl', '-n', 'kern.bootsessionuuid')
  return null
}

export function systemProcesses(fileSystem: FileSystem): Processes {
  return {
    pid: process.pid,
    thread: threadId,
    host: hostname(),
    bootId: bootIdOf(fileSystem),
    pidNamespace: process.platform === 'linux' ? linuxPidNamespace(fileSystem) : null,
    newToken: () => randomBytes(16).toString('hex'),
    processStart(pid) {
      if (!isAlive(pid)) return undefined
      if (process.platform === 'linux') return linuxProcessStart(fileSystem, pid) ?? null
      if (process.platform === 'darwin') return run('ps', '-o', 'lstart=', '-p', String(pid))
      return null
    },
    listen: (lockPath, token) => listenBeside(fileSystem, lockPath, token),
    probe: (lockPath, address) => probeSocket(socketPath(lockPath, address)),
  }
}

/** Two processes see the same namespace by the same inode of /proc/self/ns/pid. */
function linuxPidNamespace(fileSystem: FileSystem): string | null {
  try {
    return fileSystem.status('/proc/self/ns/pid')?.identity ?? null
  } catch {
    return null
  }
}

async function listenBeside(fileSystem: FileSystem, lockPath: string, token: string) {
  const none = { address: null, close: () => {} }
  if (process.platform === 'win32') {
    const pipe = `\\\\.\\pipe\\flatlog-${token}`
    const server = await listenAt(pipe).catch(() => undefined)
    return server ? { address: pipe, close: () => void server.close() } : none
  }
  const name = socketName(lockPath, token)
  const besideLock = socketPath(lockPath, name)
  // A socket beside the lock file is reached from every container that shares the directory; a path that is too long
  // for one, or a file system without sockets, leaves only the system's own temporary directory.
  const places: [address: string, path: string][] = [[name, besideLock]]
  const fallback = join(tmpdir(), `flatlog-${token.slice(0, 16)}.sock`)
  places.push([fallback, fallback])
  for (const [address, path] of places) {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) continue
    const server = await listenAt(path).catch(() => undefined)
    if (!server) continue
    return {
      address,
      close: () => {
        server.close()
        try {
          removeIfThere(fileSystem, path)
        } catch {
          // Left over, it refuses connections; whoever takes the lock next removes it.
        }
      },
    }
  }
  return none
}

function probeSocket(path: string): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const settle = (verdict: Probe) => {
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.destroy()
      resolve(verdict)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => settle('unknown'))
    socket.once('connect', () => settle('answers'))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') settle('refuses')
      // A pipe of Windows is there as long as somebody listens, a socket file as long as nobody removes it.
      else if (error.code === 'ENOENT') settle(process.platform === 'win32' ? 'refuses' : 'missing')
      // The owner is there but takes no more callers: its queue of connections is full.
      else if (error.code === 'EAGAIN') settle('answers')
      else settle('unknown')
    })
  })
}
