import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { systemCode } from './errors.js'
import type { FileSystem } from './file-system.js'
import { removeQuietly } from './whole-file.js'

/**
 * `answers`: a process listens, even if it is stopped. `refuses`: the socket is there and no process listens. `missing`:
 * there is no such socket. `unknown`: none of these could be found out.
 */
export type Probe = 'answers' | 'refuses' | 'missing' | 'unknown'

export interface Listener {
  /** The address for the lock file: a file name beside it, or an absolute path. Null if listening was not possible. */
  readonly address: string | null
  /** Idempotent. */
  close(): void
}

/**
 * This process, and what it can find out about other processes.
 *
 * Passed in like the file system, so that a test can simulate two containers, a reused pid or another boot.
 */
export interface Processes {
  readonly pid: number
  /** The worker thread; 0 is the main thread. */
  readonly thread: number
  readonly host: string
  /** Changes with every boot; null if the system does not report it. */
  readonly bootId: string | null
  /** Pids are only comparable within one namespace; null if the system has no namespaces. */
  readonly pidNamespace: string | null
  newToken(): string
  /** When a process started, as the system spells it. Undefined: there is no such process. Null: not reported. */
  processStart(pid: number): string | null | undefined
  /** Listens where other processes can find out whether this one is alive. Never rejects. */
  listen(lockPath: string, token: string): Promise<Listener>
  probe(lockPath: string, address: string): Promise<Probe>
}

export function systemProcesses(fileSystem: FileSystem): Processes {
  return {
    pid: process.pid,
    thread: threadId,
    host: hostname(),
    bootId: readBootId(fileSystem),
    pidNamespace: process.platform === 'linux' ? linuxPidNamespace(fileSystem) : null,
    newToken: () => randomBytes(16).toString('hex'),
    processStart: (pid) => processStart(fileSystem, pid),
    listen: (lockPath, token) => listen(fileSystem, lockPath, token),
    probe: (lockPath, address) => probe(socketPath(lockPath, address)),
  }
}

function processStart(fileSystem: FileSystem, pid: number): string | null | undefined {
  if (!isAlive(pid)) return undefined
  if (process.platform === 'linux') return linuxProcessStart(fileSystem, pid) ?? null
  if (process.platform === 'darwin') return run('ps', '-o', 'lstart=', '-p', String(pid))
  return null
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: a process of another user.
    return systemCode(error) === 'EPERM'
  }
}

/** Field 22 of /proc/PID/stat. The fields are counted from the command's name, which may contain spaces and brackets. */
function linuxProcessStart(fileSystem: FileSystem, pid: number): string | undefined {
  const stat = readProc(fileSystem, `/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function readBootId(fileSystem: FileSystem): string | null {
  if (process.platform === 'linux') return readProc(fileSystem, '/proc/sys/kernel/random/boot_id')?.trim() ?? null
  if (process.platform === 'darwin') return run('sysctl', '-n', 'kern.bootsessionuuid')
  return null
}

/** Processes in the same namespace see the same inode here. */
function linuxPidNamespace(fileSystem: FileSystem): string | null {
  try {
    return fileSystem.status('/proc/self/ns/pid')?.identity ?? null
  } catch {
    return null
  }
}

/** Files in /proc report a size of 0, so `readWholeFile` cannot read them. */
function readProc(fileSystem: FileSystem, path: string): string | undefined {
  try {
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

/** The longest path of a Unix socket on macOS; Linux allows four bytes more. */
const MAX_SOCKET_PATH_BYTES = 103
const PROBE_TIMEOUT_MS = 1000

/** The file name of the socket beside the lock. */
export function socketName(lockPath: string, token: string): string {
  return `${basename(lockPath)}.${token.slice(0, 8)}.sock`
}

/** The file name of the socket in the temporary directory, for a lock whose path is too long for a socket. */
export function temporarySocketName(token: string): string {
  return `flatlog-${token.slice(0, 16)}.sock`
}

function socketPath(lockPath: string, address: string): string {
  return isAbsolute(address) || address.startsWith('\\\\') ? address : join(dirname(lockPath), address)
}

async function listen(fileSystem: FileSystem, lockPath: string, token: string): Promise<Listener> {
  for (const address of addressesFor(lockPath, token)) {
    const path = socketPath(lockPath, address)
    const isPipe = process.platform === 'win32'
    if (!isPipe && Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) continue
    const server = await listenAt(path).catch(() => undefined)
    if (!server) continue
    return {
      address,
      close() {
        server.close()
        // A socket that stays refuses connections; the next owner removes it.
        if (!isPipe) removeQuietly(fileSystem, path)
      },
    }
  }
  return { address: null, close() {} }
}

/** In the order of preference. Containers that share the directory reach a socket in it, but not one in `tmpdir`. */
function addressesFor(lockPath: string, token: string): string[] {
  if (process.platform === 'win32') return [`\\\\.\\pipe\\flatlog-${token}`]
  return [socketName(lockPath, token), join(tmpdir(), temporarySocketName(token))]
}

function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    // That a connection is accepted is the whole answer.
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    // `exclusive`: otherwise node:cluster opens the socket in the primary process, which may outlive this one.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      // A failed `accept` is the problem of the process that connects.
      server.on('error', () => {})
      server.unref()
      resolve(server)
    })
  })
}

function probe(path: string): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const settle = (result: Probe) => {
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => settle('unknown'))
    socket.once('connect', () => settle('answers'))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') settle('refuses')
      // A Windows pipe exists only while a process listens; a socket file exists until it is removed.
      else if (error.code === 'ENOENT') settle(process.platform === 'win32' ? 'refuses' : 'missing')
      // The queue of connections is full: a process listens, but is stopped or busy.
      else if (error.code === 'EAGAIN') settle('answers')
      else settle('unknown')
    })
  })
}
