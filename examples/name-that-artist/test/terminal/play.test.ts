import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BotProcess, useBotProcesses } from '../helpers/bot-process.js'
import { installFixture, linesOf } from '../helpers/data-dir.js'

const data = useBotProcesses()

describe('the game in a terminal', () => {
  it('answers lines in order when they arrive together, and ends with /quit', async () => {
    const game = new BotProcess(['--play', '--as', 'Ada'])
    game.type('nobody at all\nBen: nobody either\n/skip\n/leaderboard\n/quit\nnever read\n')
    expect(await game.ended, game.text).toBe(0)
    expect(game.text).toMatch(
      /No, Ada\.[\s\S]*No, Ben\.[\s\S]*Nobody knew[\s\S]*Round 2[\s\S]*Leaderboard[\s\S]*Good-bye/,
    )
  })

  it('ends at the end of the input', async () => {
    const game = new BotProcess(['--play'])
    game.child.stdin?.end('Ada\nnobody')
    expect(await game.ended, game.text).toBe(0)
    expect(game.text).toContain('No, Ada.')
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('closes everything on %s, and continues the round next time', async (signal, code) => {
    const game = new BotProcess(['--play', '--as', 'Ada'])
    game.type('nobody at all\n')
    await game.prints(/No, Ada\./)
    game.child.kill(signal)
    expect(await game.ended, game.text).toBe(code)
    expect(existsSync(data.path('logs', 'game_state.lock'))).toBe(false)
    expect(JSON.parse(readFileSync(data.path('game_state.json'), 'utf8'))).toMatchObject({
      terminal: { round: 1, guessers: [{ userId: 'ada', wrongGuesses: 1 }] },
    })
    const again = new BotProcess(['--play', '--as', 'Ada'])
    again.child.stdin?.end('/quit\n')
    expect(await again.ended).toBe(0)
    expect(again.text).toContain('The game in "terminal" continues.')
  })

  it('keeps every answered guess when it is killed', async () => {
    const game = new BotProcess(['--play', '--as', 'Ada'])
    game.type('nobody at all\n')
    await game.prints(/No, Ada\./)
    game.child.kill('SIGKILL')
    await game.ended
    const last = linesOf(readFileSync(data.path('logs', 'game_state.log'), 'utf8')).at(-1) ?? ''
    expect(JSON.parse(last)).toMatchObject({ value: { guessers: [{ userId: 'ada', wrongGuesses: 1 }] } })
  })

  it('reports and continues the game of a data directory of format 0', async () => {
    installFixture('format-0', data.path())
    const game = new BotProcess(['--play', '--as', 'Ada'])
    game.type('Hobbs\n/quit\n')
    expect(await game.ended, game.text).toBe(0)
    expect(game.text).toContain('players: 3 records')
    expect(game.text).toContain('The game in "channel456" continues.')
    expect(game.text).toMatch(/Yes! Ada gets 130 points, 4 in a row and now has 680\./)
  })

  it.each([
    [['--as', '!!!'], {}, 'is not a valid name'],
    [['--channel', 'a/b'], {}, 'is not a valid channel'],
    [[], { NTA_COMPACTION: 'yes' }, 'NTA_COMPACTION must be "on" or "off", got "yes"'],
    [[], { NTA_COMPACTION_INTERVAL_MS: '2h' }, 'NTA_COMPACTION_INTERVAL_MS must be a whole number above 0, got "2h"'],
    [[], { NTA_DURABILITY: 'never' }, 'got "never"'],
  ])('refuses %j with %j', async (args, env, message) => {
    const game = new BotProcess(['--play', ...args], env)
    game.child.stdin?.end()
    expect(await game.ended).toBe(1)
    expect(game.text).toContain(message)
    expect(game.text).not.toContain('    at ')
  })

  it('locks its data for other games', async () => {
    const first = new BotProcess(['--play', '--as', 'Ada'])
    await first.prints(/Round 1/)
    const second = new BotProcess(['--play', '--as', 'Ben'])
    expect(await second.ended, second.text).toBe(1)
    expect(second.text).toMatch(/^Error: .*players/)
    first.type('/quit\n')
    expect(await first.ended).toBe(0)
  })
})

describe('--status and --compact', () => {
  it('print the status during a game, and compact only after it has ended', async () => {
    const game = new BotProcess(['--play', '--as', 'Ada'])
    game.type('nobody\n')
    await game.prints(/No, Ada\./)
    const status = new BotProcess(['--status'])
    expect(await status.ended, status.text).toBe(0)
    expect(status.text).toMatch(/game_state +\d+ +3 +no/)
    const refused = new BotProcess(['--compact'])
    expect(await refused.ended, refused.text).toBe(1)
    expect(refused.text).toMatch(/^Error: /)

    game.type('/quit\n')
    expect(await game.ended).toBe(0)
    const compacted = new BotProcess(['--compact', '--status'])
    expect(await compacted.ended, compacted.text).toBe(0)
    expect(compacted.text).toMatch(/game_state: \d+ bytes before, \d+ after\.[\s\S]*game_state +\d+ +1 +no/)
  })
})
