import { describe, expect, it } from 'vitest'
import { Game } from '../../src/game/game.js'
import { parseLine } from '../../src/terminal/commands.js'
import { Conversation } from '../../src/terminal/conversation.js'
import { columnsOf } from '../../src/terminal/layout.js'
import { MemoryStorage, OLYMPIA, STARRY_NIGHT } from '../helpers/memory-storage.js'

async function setUp(storage = new MemoryStorage(), player?: string) {
  const game = await Game.open(storage, { collection: [STARRY_NIGHT, OLYMPIA], random: () => 0 })
  const logTools = {
    tail: async (name: string) => [`{"a line":"of ${name}${'x'.repeat(200)}"}`],
    compact: async () => [{ name: 'players', bytesBefore: 900, bytesAfter: 300 }],
  }
  const conversation = new Conversation(game, logTools, 'terminal', () => ({ width: 80, colours: false }))
  const say = async (line: string) => {
    const { lines } = await conversation.answer(line)
    for (const each of lines) expect(columnsOf(each), each).toBeLessThanOrEqual(80)
    return lines.join('\n')
  }
  await conversation.showRound()
  if (player !== undefined) await say(`/as ${player}`)
  return { conversation, say }
}

describe('a conversation', () => {
  it('first asks who plays', async () => {
    const { conversation, say } = await setUp()
    expect(conversation.prompt).toBe('Who plays? ')
    expect(await say('Ada')).toBe('Ada plays.')
    expect(conversation.prompt).toBe('Ada> ')
    expect(await say('van gogh')).toMatch(/Yes! Ada gets 100 points and now has 100\.[\s\S]*Round 2/)
  })

  it('lets several people play in turn', async () => {
    const { say } = await setUp(undefined, 'Ada')
    expect(await say('Ben: Manet')).toBe('No, Ben.')
    expect(await say('/as Cleo')).toBe('Cleo plays.')
    expect(await say('gogh')).toContain('Cleo gets 100')
    const board = await say('/leaderboard')
    expect(board).toMatch(/1\. {2}Cleo +100 +1 +1 +1 +1/)
    expect(board).toMatch(/2\. {2}Ben +0 +0 +1 +0 +0/)
    expect(board).not.toContain('Ada')
  })

  it('gives hints, and shows the next picture after a skip', async () => {
    const { say } = await setUp(undefined, 'Ada')
    expect(await say('/hint')).toContain('Hint 1: _ _ _ _ _ _ _   _ _ _   _ _ _ _')
    expect(await say('/skip')).toMatch(
      /Nobody knew: "The Starry Night" \(1889\) is by Vincent van Gogh\.[\s\S]*Olympia/,
    )
  })

  it('shows log lines cut to the width, and compacts the logs', async () => {
    const { say } = await setUp(undefined, 'Ada')
    expect(await say('/log')).toMatch(/players\.log\n\{"a line":"of players.*…/)
    expect(await say('/compact')).toBe('players: 900 bytes before, 300 after.')
  })

  it('switches to the game of another channel', async () => {
    const { say } = await setUp(undefined, 'Ada')
    expect(await say('/channel')).toContain('Games: terminal.')
    expect(await say('/channel ../x')).toContain('You are in "terminal"')
    expect(await say('/channel den')).toContain('Round 1')
    expect(await say('/channel terminal')).toContain('The game in "terminal" continues.')
  })

  it('answers unknown commands, and ignores empty lines', async () => {
    const { say, conversation } = await setUp(undefined, 'Ada')
    expect(await say('/fly')).toContain('There is no command /fly')
    expect(await say('/as !!!')).toContain('A name needs a letter')
    expect(await say('   ')).toBe('')
    expect(await say('/help')).toContain('/leaderboard')
    expect(await conversation.answer('/quit')).toMatchObject({ quit: true })
  })

  it('prints names without escape sequences', async () => {
    const { say } = await setUp(undefined, 'Ada\u001b[31m')
    const board = (await say('gogh')) + (await say('/leaderboard'))
    expect(board).toContain('Ada')
    expect(board).not.toContain('\u001b')
  })
})

describe('parsing a line', () => {
  it.each([
    ['van gogh', { name: 'guess', text: 'van gogh' }],
    ['Ada:  van gogh ', { name: 'guess', text: 'van gogh', as: 'Ada' }],
    ['Ada:', { name: 'guess', text: 'Ada:' }],
    ['/AS Ada Lovelace', { name: 'as', argument: 'Ada Lovelace' }],
    ['/Hint', { name: 'hint' }],
    ['/', { name: 'unknown', text: '' }],
  ])('recognizes %s', (line, command) => {
    expect(parseLine(line)).toEqual(command)
  })
})
