import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { columnsOf } from '../../src/terminal/layout.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

beforeAll(() => {
  if (!existsSync(main)) throw new Error('The show runs the built bot: npm run build')
})

function start(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; text: string }> } {
  const env = { ...process.env, NTA_DATA_DIR: join(tmpdir(), 'nta-must-not-be-touched'), DISCORD_TOKEN: '' }
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  child.stderr?.on('data', (chunk) => (text += chunk))
  const ended = new Promise<{ code: number | null; text: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, text }))
  })
  return { child, ended }
}

function dirOf(text: string): string {
  return /^Data: (.*)$/m.exec(text)?.[1] ?? ''
}

/** The rounds that were shown, in order. */
function cardsIn(text: string): { round: string | undefined; title: string | undefined }[] {
  const cards = text.matchAll(/^│ Round (\d+) +│\n│ (.*?) +│$/gm)
  return Array.from(cards, ([, round, title]) => ({ round, title }))
}

describe('the show', () => {
  it('goes on with the same round after the SIGKILL, and ends well', async () => {
    const { code, text } = await start().ended
    expect(code, text).toBe(0)
    const [, kill] = /SIGKILL: process \d+ is gone, in the middle of round (\d+)/.exec(text) ?? []
    expect(kill, text).toBeDefined()
    expect(text).toContain(`Round ${kill} goes on`)
    const [before = '', after = ''] = text.split('*** SIGKILL')
    expect(cardsIn(before).at(-1)?.round).toBe(kill)
    expect(cardsIn(after)[0]).toEqual(cardsIn(before).at(-1))
    expect(text).toMatch(/^Leaderboard/m)
    expect(text).toMatch(/The last lines of logs\/players\.log\n\{"timestamp"/)
    const spoken = text.split('\n').filter((line) => !line.startsWith('{"timestamp"'))
    for (const line of spoken) expect(columnsOf(line), line).toBeLessThanOrEqual(80)
  })

  it('works in a directory of its own, and removes it', async () => {
    const { text } = await start('--show').ended
    expect(dirOf(text)).toContain(tmpdir())
    expect(existsSync(dirOf(text))).toBe(false)
    expect(existsSync(join(tmpdir(), 'nta-must-not-be-touched'))).toBe(false)
  })

  it('leaves the directory behind when it is asked to', async () => {
    const { code, text } = await start('--show', '--keep').ended
    const dir = dirOf(text)
    expect(code, text).toBe(0)
    try {
      expect(
        readdirSync(join(dir, 'logs'))
          .filter((name) => name.endsWith('.log'))
          .sort(),
      ).toEqual(['game_state.log', 'players.log', 'tokens.log'])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('cleans up when it is told to end', async () => {
    const { child, ended } = start()
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    child.kill('SIGTERM')
    const { code, text } = await ended
    expect(code, text).toBe(143)
    expect(existsSync(dirOf(text))).toBe(false)
  })
})
