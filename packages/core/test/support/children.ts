import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll, afterEach, beforeAll } from 'vitest'

/** The programs that tests run in processes and threads of their own; each stands in children/NAME.ts. */
export type ChildName = 'puppet' | 'one-set' | 'load' | 'worker'

const sources = fileURLToPath(new URL('./children/', import.meta.url))

/** Builds the programs from the present sources, once for a test file. The function it returns gives their paths. */
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
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return (name) => join(directory, `${name}.mjs`)
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function endingOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
}

/** A process that does what it is told: it opens stores, writes to them, and dies when it is killed. */
export class Puppet {
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  #calls = 0

  constructor(path: string) {
    this.#child = fork(path, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
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

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async killAndWait(): Promise<void> {
    this.kill('SIGKILL')
    await this.ended
  }
}

/** Call it once in a file: no process that a test started outlives it. */
export function usePuppets(path: () => string): () => Puppet {
  const started: Puppet[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((puppet) => puppet.killAndWait()))
  })
  return () => {
    const puppet = new Puppet(path())
    started.push(puppet)
    return puppet
  }
}

export interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ending>
}

/** Runs a program that tells what it does on its standard output, a line at a time. */
export function run(path: string, args: readonly string[], onLine: (line: string, child: ChildProcess) => void): Run {
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) onLine(line, child)
  })
  // 'close' and not 'exit': what was written last may still be on its way.
  const ended = new Promise<Ending>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  return { child, ended }
}
