// Runs the built bot in another process, with a new data directory for every test.
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
    if (!existsSync(main)) throw new Error('The bot is not built. Run npm run build first.')
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nta-test-'))
  })
  afterEach(async () => {
    // A failed test may have left a bot running, which would write to the directory while it is removed.
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
    // The environment may have a real token. No test must log in with it.
    const overrides = { NTA_DATA_DIR: dir, DISCORD_TOKEN: '', ...env }
    this.child = spawn(process.execPath, [...nodeArgs, main, ...args], { env: { ...process.env, ...overrides } })
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk) => (this.text += chunk))
    running.add(this)
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code) => {
        running.delete(this)
        resolve(code)
      }),
    )
  }

  type(text: string): void {
    this.child.stdin?.write(text)
  }

  /** Resolves when the bot has printed the pattern. Rejects if the bot ends before that. */
  prints(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => pattern.test(this.text) && resolve()
      this.child.stdout?.on('data', look)
      this.child.stderr?.on('data', look)
      look()
      void this.ended.then(() => reject(new Error(`${pattern} was not printed:\n${this.text}`)))
    })
  }
}
