import { afterEach, describe, expect, it, vi } from 'vitest'
import { CommandHandler } from '../../src/discord/command-handler.js'
import { COMMANDS } from '../../src/discord/commands.js'
import { CLOSING, FAILED, NO_GUESS, NO_ROUND, UNKNOWN_COMMAND } from '../../src/discord/replies.js'
import { Game } from '../../src/game/game.js'
import { ADA, BEN, FakeCommand } from '../helpers/fake-command.js'
import { Gate } from '../helpers/gate.js'
import { MemoryStorage, OLYMPIA, STARRY_NIGHT } from '../helpers/memory-storage.js'

async function setUp(storage = new MemoryStorage()) {
  const game = await Game.open(storage, { collection: [STARRY_NIGHT, OLYMPIA], random: () => 0 })
  const problems: string[] = []
  const handler = new CommandHandler(game, (what, error) => problems.push(`${what}: ${(error as Error).message}`))
  const handle = async (command: FakeCommand) => {
    await handler.handle(command)
    return command
  }
  const guess = (artist: string, user = ADA, channel?: string) =>
    handle(new FakeCommand('guess', { artist }, user, channel))
  const round = (action?: string, channel?: string) =>
    handle(new FakeCommand('round', action ? { action } : {}, ADA, channel))
  return { storage, handler, problems, handle, guess, round }
}

describe('/round', () => {
  it('starts a round once, visible to everyone and without the artist', async () => {
    const { round } = await setUp()
    const first = await round()
    expect(first.calls).toEqual(['deferReply', 'editReply'])
    expect(first.isPrivate).toBe(false)
    expect(first.content).toMatch(/^Round 1\n\*\*The Starry Night\*\* · 1889 · Post-Impressionism\nWho made it\?/)
    expect((await round()).content).toMatch(/^Round 1 continues\n\*\*The Starry Night\*\*/)
  })

  it('starts only one round for two concurrent commands', async () => {
    const { round } = await setUp()
    const firstLines = (await Promise.all([round(), round()])).map(({ content }) => content.split('\n')[0])
    expect(firstLines).toEqual(['Round 1', 'Round 1 continues'])
  })

  it('gives hints, which the round then shows, and skips a picture', async () => {
    const { round } = await setUp()
    expect((await round('hint')).content).toBe(NO_ROUND)
    await round()
    const hint = '```\n_ _ _ _ _ _ _   _ _ _   _ _ _ _\n```'
    expect((await round('hint')).content).toBe(`Hint 1:\n${hint}`)
    expect((await round()).content).toContain(hint)
    for (const _ of [2, 3]) await round('hint')
    expect((await round('hint')).content).toMatch(/^There are no more hints/)
    expect((await round('skip')).content).toMatch(
      /^Nobody knew: \*\*The Starry Night\*\* · 1889 is by \*\*Vincent van Gogh\*\*/,
    )
    expect((await round('skip')).content).toBe(NO_ROUND)
    expect((await round()).content).toMatch(/^Round 2\n\*\*Olympia\*\*/)
  })
})

describe('/guess', () => {
  it('says whether it is right, close or wrong', async () => {
    const { round, guess } = await setUp()
    await round()
    expect((await guess('Manet', BEN)).content).toBe('**Ben** says “Manet”: no.')
    expect((await guess('van Gug')).content).toBe('**Ada** says “van Gug”: very close, but no.')
    const right = await guess(' Van Gogh ')
    expect(right.isPrivate).toBe(false)
    expect(right.content).toMatch(/^\*\*Ada\*\* says “Van Gogh”: \*\*yes!\*\* 90 points, 90 in total\.\n/)
    expect(right.content).toContain('**The Starry Night** · 1889 is by **Vincent van Gogh**.')
  })

  it('has one winner if two guesses are right at the same time, and ends the round for later ones', async () => {
    const { round, guess } = await setUp()
    await round()
    const contents = (await Promise.all([guess('gogh', ADA), guess('gogh', BEN)])).map(({ content }) => content)
    expect(contents[0]).toContain('**yes!**')
    expect(contents[1]).toBe(NO_ROUND)
    expect((await guess('gogh', BEN)).content).toBe(NO_ROUND)
  })

  it('applies to the round of its channel', async () => {
    const { round, guess } = await setUp()
    await round(undefined, '11')
    await round(undefined, '22')
    await round('hint', '22')
    expect((await guess('gogh', ADA, '11')).content).toContain('**yes!** 100 points')
    expect((await round(undefined, '22')).content).toMatch(/^Round 1 continues/)
    expect((await guess('gogh', BEN, '22')).content).toContain('**yes!** 80 points')
    expect((await guess('gogh', BEN, '33')).content).toBe(NO_ROUND)
  })

  it('does not count if it is empty', async () => {
    const { round, guess, storage } = await setUp()
    await round()
    const { writes } = storage
    expect((await guess('  ')).content).toBe(NO_GUESS)
    expect(storage.writes).toBe(writes)
  })
})

describe('/leaderboard', () => {
  it('is shown only to the user who asked, with the global names of the players', async () => {
    const { round, guess, handle } = await setUp()
    expect((await handle(new FakeCommand('leaderboard'))).content).toContain('Nobody has played yet')
    await round()
    await guess('Manet', BEN)
    await guess('gogh')
    const board = await handle(new FakeCommand('leaderboard'))
    expect(board.isPrivate).toBe(true)
    expect(board.content).toBe(
      '**Leaderboard**\n1. **Ada**: 100 points, 1 win in 1 game, streak 1 (best 1)\n2. **Ben**: 0 points, 0 wins in 1 game, streak 0 (best 0)',
    )
  })
})

describe('every command', () => {
  it('is handled if it is registered, and answered if it is not', async () => {
    const { handle } = await setUp()
    for (const { name } of COMMANDS) expect((await handle(new FakeCommand(name))).content).not.toBe(UNKNOWN_COMMAND)
    const unknown = await handle(new FakeCommand('fly'))
    expect([unknown.content, unknown.isPrivate]).toEqual([UNKNOWN_COMMAND, true])
  })

  it('mentions no user and shows names literally', async () => {
    const { round, guess, handle } = await setUp()
    await round()
    const mallory = { id: '9', displayName: '<@7> **@everyone**\n# [x](//e.org)' }
    const commands = [
      await guess('<@&5> ||gogh', mallory),
      await guess('gogh', mallory),
      await handle(new FakeCommand('leaderboard')),
    ]
    for (const { message, content } of commands) {
      expect(message?.allowedMentions).toEqual({ parse: [] })
      expect(content).toContain('**\\<\\@7> \\*\\*\\@everyone\\*\\* # \\[x\\]\\(//e.org\\)**')
      expect(content).not.toMatch(/^#/m)
    }
    expect(commands[0]?.content).toContain('“\\<\\@&5> \\|\\|gogh”')
  })

  it('fits into a message even with very long names, titles and guesses', async () => {
    const storage = new MemoryStorage()
    const long = '*'.repeat(5_000)
    const artist = `${'`Van '.repeat(1_000)}Gogh`
    for (let id = 0; id < 12; id++)
      storage.players.set(String(id), JSON.stringify({ username: long, score: 1e15 + id }))
    storage.tokens.set('t', JSON.stringify({ title: long, artist, year: long, style: long }))
    storage.states.set('11', JSON.stringify({ artworkId: 't', round: 1 }))
    const { round, guess, handle } = await setUp(storage)
    const commands = [
      await round(),
      await guess(long, { id: '7', displayName: long }),
      await round('hint'),
      await round(),
    ]
    commands.push(await guess('gogh'), await handle(new FakeCommand('leaderboard')))
    for (const { content } of commands) expect(content.length, content).toBeLessThanOrEqual(2_000)
    expect(commands.at(-2)?.content).toContain('yes!')
    expect(commands.at(-1)?.content.split('\n')).toHaveLength(11)
  })
})

describe('failures', () => {
  it('do not play a command that cannot be acknowledged', async () => {
    const { round, handle, problems, storage } = await setUp()
    await round()
    const { writes } = storage
    const late = new FakeCommand('guess', { artist: 'gogh' })
    late.discord = async () => {
      throw new Error('Unknown interaction')
    }
    expect((await handle(late)).calls).toEqual(['deferReply'])
    expect(storage.writes).toBe(writes)
    expect(problems).toEqual([
      '/guess in channel 11 could not be acknowledged, so it was not played: Unknown interaction',
    ])
  })

  it('of a full disk are answered and reported, and the game continues when there is space', async () => {
    const { round, guess, problems, storage } = await setUp()
    await round()
    storage.writesLeft = 0
    expect((await guess('gogh')).content).toBe(FAILED)
    expect(problems).toEqual(['/guess in channel 11 could not be played: the disk is full'])
    storage.writesLeft = Number.POSITIVE_INFINITY
    expect((await guess('gogh')).content).toContain('**yes!** 100 points')
  })

  it('of delivering an answer are reported, and the command counts', async () => {
    const { round, handle, guess, problems } = await setUp()
    await round()
    const command = new FakeCommand('guess', { artist: 'gogh' })
    command.discord = async (call) => {
      if (call === 'editReply') throw new Error('Unknown Webhook')
    }
    await handle(command)
    expect(problems).toEqual([
      'The answer to /guess in channel 11 could not be delivered, but the command was played: Unknown Webhook',
    ])
    expect((await guess('gogh')).content).toBe(NO_ROUND)
  })
})

describe('closing', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('waits until running commands are stored and answered', async () => {
    const storage = new MemoryStorage()
    const { handler, round, guess } = await setUp(storage)
    await round()
    const disk = new Gate()
    const isWriting = new Gate()
    const save = storage.saveGameState.bind(storage)
    storage.saveGameState = (...args) => {
      isWriting.open()
      return disk.promise.then(() => save(...args))
    }
    const guessed = guess('gogh')
    await isWriting.promise
    vi.useFakeTimers()
    let isClosed = false
    const closed = handler.close().then(() => {
      isClosed = true
    })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(isClosed).toBe(false)
    disk.open()
    await closed
    expect(JSON.parse(storage.players.get('7') ?? '')).toMatchObject({ wins: 1 })
    expect((await guessed).content).toContain('**yes!**')
  })

  it('refuses later commands with a private answer', async () => {
    const { handler, handle, storage } = await setUp()
    await handler.close()
    const command = await handle(new FakeCommand('round'))
    expect([command.calls, command.content, command.isPrivate]).toEqual([['reply'], CLOSING, true])
    expect(storage.writes).toBe(0)
  })

  it('does not play a command that is acknowledged after closing', async () => {
    const { handler, handle, storage } = await setUp()
    const discord = new Gate()
    const command = new FakeCommand('round')
    command.discord = (call) => (call === 'deferReply' ? discord.promise : Promise.resolve())
    const answered = handle(command)
    await handler.close(0)
    discord.open()
    expect((await answered).content).toBe(CLOSING)
    expect(storage.writes).toBe(0)
  })

  it('does not wait forever for answers that Discord does not accept', async () => {
    const { handler, round } = await setUp()
    await round()
    const command = new FakeCommand('guess', { artist: 'gogh' })
    command.discord = (call) => (call === 'editReply' ? new Promise(() => {}) : Promise.resolve())
    void handler.handle(command)
    await handler.close(1)
    expect(command.calls).toEqual(['deferReply', 'editReply'])
  })
})
