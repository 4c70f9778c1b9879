import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'

export interface Server {
  get(path: string): Promise<Response>
  post(path: string, form: Record<string, string>): Promise<Response>
  /** Kills the process with SIGKILL, so that it closes nothing. */
  kill(): Promise<void>
  output(): string
}

const READY_MS = 20_000
const RETRY_MS = 25

export interface Command {
  /** The arguments of Node.js. */
  args: string[]
  cwd: string
  environment: Record<string, string>
  port: number
}

/** Starts an app in another process and waits until it listens. */
export async function startServer({ args, cwd, environment, port }: Command): Promise<Server> {
  const env = { ...process.env, ...environment, HOST: '127.0.0.1', PORT: `${port}` }
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk))
  try {
    await untilListening(child, port, () => printed)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  const url = (path: string) => `http://127.0.0.1:${port}${path}`
  const headers = { connection: 'close' }
  return {
    get: (path) => fetch(url(path), { headers }),
    post: (path, form) =>
      fetch(url(path), { method: 'POST', body: new URLSearchParams(form), headers, redirect: 'manual' }),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    output: () => printed,
  }
}

/**
 * Waits until the port accepts connections.
 * Not every version of Nitro prints when it listens.
 */
async function untilListening(child: ChildProcess, port: number, printed: () => string): Promise<void> {
  const endMs = performance.now() + READY_MS
  while (child.exitCode === null && performance.now() < endMs) {
    if (await accepts(port)) return
    await setTimeout(RETRY_MS)
  }
  throw new Error(`The app did not start: ${printed()}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.destroy())
    socket.once('error', () => {})
    socket.once('close', (hadError) => resolve(!hadError))
  })
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
