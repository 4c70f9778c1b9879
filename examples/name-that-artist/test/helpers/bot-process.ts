// The built bot as a process of its own, in a data directory of its own for every test.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const running = new Set<BotProcess>()
let dir = ''

export function useBotProcesses(): { path: (...parts: string[]) => string } {
  beforeAll(() => {
    if (!existsSync(main)) throw new Error('This runs the built bot: npm run build')
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nta-test-'))
  })
  afterEach(async () => {
    // A test that failed may have left a bot behind, which would write into the directory while it is removed.
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all([...running].map(({ ended }) => ended))
    rmSync(dir, { recursive: true, force: true })
  })
  return { path: (...parts) => join(dir, ...parts) }
}

export class BotProcess {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  text = ''

  constructor(args: string[], env: Record<string, string> = {}, nodeArgs: string[] = []) {
    // Whoever runs the tests may have a token in the environment; no test must log in with it.
    const ofItsOwn = { NTA_DATA_DIR: dir, DISCORD_TOKEN: '', ...env }
    this.child = spawn(process.execPath, [...nodeArgs, main, ...args], { env: { ...process.env, ...ofItsOwn } })
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk) => (this.text += chunk))
    running.add(this)
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code) => {
        running.delete(this)
        resolve(code)
      }),
    )
  }

  say(text: string): void {
    this.child.stdin?.write(text)
  }

  /** Resolves when that was printed; rejects when the bot has ended without it. */
  shows(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => pattern.test(this.text) && resolve()
      this.child.stdout?.on('data', look)
      this.child.stderr?.on('data', look)
      look()
      void this.ended.then(() => reject(new Error(`${pattern} was not printed:\n${this.text}`)))
    })
  }
}
