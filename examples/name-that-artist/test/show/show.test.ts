import { existsSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { columnsOf } from '../../src/terminal/layout.js'
import { BotProcess, useBotProcesses } from '../helpers/bot-process.js'

/** The data directory of the bot, which a show must not use. */
const data = useBotProcesses()

function dirOf(text: string): string {
  return /^Data: (.*)$/m.exec(text)?.[1] ?? ''
}

/** The rounds that were shown, in order. */
function cardsIn(text: string): { round: string | undefined; title: string | undefined }[] {
  const cards = text.matchAll(/^│ Round (\d+) +│\n│ (.*?) +│$/gm)
  return Array.from(cards, ([, round, title]) => ({ round, title }))
}

describe('the show', () => {
  it('continues the same round after a SIGKILL, and succeeds', async () => {
    const show = new BotProcess([])
    expect(await show.ended, show.text).toBe(0)
    const { text } = show
    const [, kill] = /SIGKILL: process \d+ is gone, in the middle of round (\d+)/.exec(text) ?? []
    expect(kill, text).toBeDefined()
    expect(text).toContain(`Round ${kill} continues`)
    const [before = '', after = ''] = text.split('*** SIGKILL')
    expect(cardsIn(before).at(-1)?.round).toBe(kill)
    expect(cardsIn(after)[0]).toEqual(cardsIn(before).at(-1))
    expect(text).toMatch(/^Leaderboard/m)
    expect(text).toMatch(/The last lines of logs\/players\.log\n\{"timestamp"/)
    const printed = text.split('\n').filter((line) => !line.startsWith('{"timestamp"'))
    for (const line of printed) expect(columnsOf(line), line).toBeLessThanOrEqual(80)
  })

  it('uses a temporary directory, and removes it', async () => {
    const show = new BotProcess(['--show'])
    await show.ended
    expect(dirOf(show.text)).toContain(tmpdir())
    expect(existsSync(dirOf(show.text))).toBe(false)
    expect(readdirSync(data.path())).toEqual([])
  })

  it('keeps the directory with --keep', async () => {
    const show = new BotProcess(['--show', '--keep'])
    expect(await show.ended, show.text).toBe(0)
    const dir = dirOf(show.text)
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

  it('cleans up on SIGTERM', async () => {
    const show = new BotProcess([])
    await show.prints(/^Data: /m)
    show.child.kill('SIGTERM')
    expect(await show.ended, show.text).toBe(143)
    expect(existsSync(dirOf(show.text))).toBe(false)
  })
})
