import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, afterEach, beforeAll } from 'vitest'

/** The programs that tests run in other processes and threads; each is in children/NAME.ts. */
export type ChildName = 'puppet' | 'one-set' | 'load' | 'worker' | 'rival' | 'cluster' | 'many-values'

const sources = fileURLToPath(new URL('./children/', import.meta.url))

const living = new Map<ChildProcess, Promise<Ending>>()

/**
 * Builds the programs from the sources, once per test file, and returns a function that returns their paths. No
 * process that a test started outlives it, however the test ends.
 */
export function useChildren(...names: ChildName[]): (name: ChildName) => string {
  let directory = ''
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'flatlog-children-'))
    await build({
      entry: Object.fromEntries(names.map((name) => [name, join(sources, `${name}.ts`)])),
      outDir: directory,
      outExtension: () => ({ js: '.mjs' }),
      format: ['esm'],
      target: 'node20',
      config: false,
      silent: true,
      dts: false,
      clean: false,
    })
  })
  afterEach(async () => {
    for (const child of living.keys()) child.kill('SIGKILL')
    await Promise.all(living.values())
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return (name) => join(directory, `${name}.mjs`)
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function endingOf(child: ChildProcess): Promise<Ending> {
  const ended = new Promise<Ending>((resolve) => {
    // 'close' and not 'exit': the last output may not have arrived at 'exit'.
    child.once('close', (code, signal) => {
      living.delete(child)
      resolve({ code, signal })
    })
  })
  living.set(child, ended)
  return ended
}

/** Starts a program in a pid namespace of its own, and kills it when its parent is killed. */
const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']

/** True if such a namespace can be made: on Linux, as root or if users may have namespaces. */
export function canContain(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', [...UNSHARE.slice(1), 'true']).status === 0
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** A process that makes the calls that the test sends it, with one store. */
export class Puppet {
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  #calls = 0

  /** `inContainer`: its pid is 1, like that of every first process of a container. */
  constructor(
    path: string,
    private readonly inContainer = false,
    environment: NodeJS.ProcessEnv = {},
  ) {
    const command = inContainer ? [...UNSHARE, process.execPath, path] : [process.execPath, path]
    this.#child = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      env: { ...process.env, ...environment },
    })
    createInterface({ input: this.#child.stderr as Readable }).on('line', (line) => {
      // Some versions of unshare print an error if their child was killed.
      if (!line.startsWith('unshare: sigprocmask')) console.error(line)
    })
    this.ended = endingOf(this.#child)
    this.#child.on('message', (message) => {
      const { id, result, error } = message as {
        id: number
        result?: unknown
        error?: { code?: string; message: string }
      }
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiting?.reject(Object.assign(new Error(error.message), error))
      else waiting?.resolve(result)
    })
    void this.ended.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process has ended'))
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  call<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#calls
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    answer.catch(() => {})
    this.#child.send({ id, name, args })
    return answer as Promise<T>
  }

  /** Sends the signal from outside, also into a container. */
  kill(signal: NodeJS.Signals): void {
    if (!this.inContainer) this.#child.kill(signal)
    else for (const pid of childrenOf(this.pid)) process.kill(pid, signal)
  }

  async killAndWait(): Promise<void> {
    this.kill('SIGKILL')
    await this.ended
  }
}

export interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ending>
}

/** Runs a program and passes each line of its standard output to `onLine`. */
export function run(
  path: string,
  args: readonly string[],
  onLine: (line: string) => void,
  nodeOptions: readonly string[] = [],
): Run {
  const child = spawn(process.execPath, [...nodeOptions, path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  // It may be killed before it has read its input.
  child.stdin?.on('error', () => {})
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) onLine(line)
  })
  return { child, ended: endingOf(child) }
}
