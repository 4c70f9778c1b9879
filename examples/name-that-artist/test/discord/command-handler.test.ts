import { afterEach, describe, expect, it, vi } from 'vitest'
import { CommandHandler } from '../../src/discord/command-handler.js'
import { COMMANDS } from '../../src/discord/commands.js'
import { CLOSING, FAILED, NO_GUESS, NO_ROUND, NOT_KNOWN } from '../../src/discord/replies.js'
import { Game } from '../../src/game/game.js'
import { ADA, BEN, FakeCommand } from '../helpers/fake-command.js'
import { Gate } from '../helpers/gate.js'
import { MemoryStorage, OLYMPIA, STARRY_NIGHT } from '../helpers/memory-storage.js'

async function setUp(storage = new MemoryStorage()) {
  const game = await Game.open(storage, { collection: [STARRY_NIGHT, OLYMPIA], random: () => 0 })
  const problems: string[] = []
  const desk = new CommandHandler(game, (what, error) => problems.push(`${what}: ${(error as Error).message}`))
  const answer = async (asked: FakeCommand) => {
    await desk.answer(asked)
    return asked
  }
  const guess = (artist: string, user = ADA, channel?: string) =>
    answer(new FakeCommand('guess', { artist }, user, channel))
  const round = (action?: string, channel?: string) =>
    answer(new FakeCommand('round', action ? { action } : {}, ADA, channel))
  return { storage, desk, problems, answer, guess, round }
}

describe('/round', () => {
  it('begins a round once, for all to see and without the artist', async () => {
    const { round } = await setUp()
    const first = await round()
    expect(first.told).toEqual(['deferReply', 'editReply'])
    expect(first.isPrivate).toBe(false)
    expect(first.content).toMatch(/^Round 1\n\*\*The Starry Night\*\* · 1889 · Post-Impressionism\nWho made it\?/)
    expect((await round()).content).toMatch(/^Round 1 goes on\n\*\*The Starry Night\*\*/)
  })

  it('begins one round when two ask at once', async () => {
    const { round } = await setUp()
    const firstLines = (await Promise.all([round(), round()])).map(({ content }) => content.split('\n')[0])
    expect(firstLines).toEqual(['Round 1', 'Round 1 goes on'])
  })

  it('gives hints, which the round then shows, and gives a picture up', async () => {
    const { round } = await setUp()
    expect((await round('hint')).content).toBe(NO_ROUND)
    await round()
    const hint = '```\n_ _ _ _ _ _ _   _ _ _   _ _ _ _\n```'
    expect((await round('hint')).content).toBe(`Hint 1:\n${hint}`)
    expect((await round()).content).toContain(hint)
    for (const _ of [2, 3]) await round('hint')
    expect((await round('hint')).content).toMatch(/^That is all that can be told:/)
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
    expect(right.content).toMatch(/^\*\*Ada\*\* says “Van Gogh”: \*\*yes!\*\* That gives 90 points, and makes 90\.\n/)
    expect(right.content).toContain('**The Starry Night** · 1889 is by **Vincent van Gogh**.')
  })

  it('has one winner when two are right at once, and the round is over for whoever comes later', async () => {
    const { round, guess } = await setUp()
    await round()
    const contents = (await Promise.all([guess('gogh', ADA), guess('gogh', BEN)])).map(({ content }) => content)
    expect(contents[0]).toContain('**yes!**')
    expect(contents[1]).toBe(NO_ROUND)
    expect((await guess('gogh', BEN)).content).toBe(NO_ROUND)
  })

  it('is for the round of its own channel', async () => {
    const { round, guess } = await setUp()
    await round(undefined, '11')
    await round(undefined, '22')
    await round('hint', '22')
    expect((await guess('gogh', ADA, '11')).content).toContain('That gives 100 points')
    expect((await round(undefined, '22')).content).toMatch(/^Round 1 goes on/)
    expect((await guess('gogh', BEN, '22')).content).toContain('That gives 80 points')
    expect((await guess('gogh', BEN, '33')).content).toBe(NO_ROUND)
  })

  it('that names nobody does not count', async () => {
    const { round, guess, storage } = await setUp()
    await round()
    const { writes } = storage
    expect((await guess('  ')).content).toBe(NO_GUESS)
    expect(storage.writes).toBe(writes)
  })
})

describe('/leaderboard', () => {
  it('is shown to whoever asked, with the names that players bear on every server', async () => {
    const { round, guess, answer } = await setUp()
    expect((await answer(new FakeCommand('leaderboard'))).content).toContain('Nobody has played yet')
    await round()
    await guess('Manet', BEN)
    await guess('gogh')
    const board = await answer(new FakeCommand('leaderboard'))
    expect(board.isPrivate).toBe(true)
    expect(board.content).toBe(
      '**Leaderboard**\n1. **Ada**: 100 points, 1 win in 1 game, streak 1 (best 1)\n2. **Ben**: 0 points, 0 wins in 1 game, streak 0 (best 0)',
    )
  })
})

describe('every command', () => {
  it('that is registered is known, and one that is not is answered', async () => {
    const { answer } = await setUp()
    for (const { name } of COMMANDS) expect((await answer(new FakeCommand(name))).content).not.toBe(NOT_KNOWN)
    const unknown = await answer(new FakeCommand('fly'))
    expect([unknown.content, unknown.isPrivate]).toEqual([NOT_KNOWN, true])
  })

  it('pings nobody, and shows names as they are', async () => {
    const { round, guess, answer } = await setUp()
    await round()
    const mallory = { id: '9', displayName: '<@7> **@everyone**\n# [x](//e.org)' }
    const asked = [
      await guess('<@&5> ||gogh', mallory),
      await guess('gogh', mallory),
      await answer(new FakeCommand('leaderboard')),
    ]
    for (const { message, content } of asked) {
      expect(message?.allowedMentions).toEqual({ parse: [] })
      expect(content).toContain('**\\<\\@7> \\*\\*\\@everyone\\*\\* # \\[x\\]\\(//e.org\\)**')
      expect(content).not.toMatch(/^#/m)
    }
    expect(asked[0]?.content).toContain('“\\<\\@&5> \\|\\|gogh”')
  })

  it('fits into a message, however long names, titles and guesses are', async () => {
    const storage = new MemoryStorage()
    const long = '*'.repeat(5_000)
    const artist = `${'`Van '.repeat(1_000)}Gogh`
    for (let id = 0; id < 12; id++)
      storage.players.set(String(id), JSON.stringify({ username: long, score: 1e15 + id }))
    storage.tokens.set('t', JSON.stringify({ title: long, artist, year: long, style: long }))
    storage.states.set('11', JSON.stringify({ artworkId: 't', round: 1 }))
    const { round, guess, answer } = await setUp(storage)
    const asked = [await round(), await guess(long, { id: '7', displayName: long }), await round('hint'), await round()]
    asked.push(await guess('gogh'), await answer(new FakeCommand('leaderboard')))
    for (const { content } of asked) expect(content.length, content).toBeLessThanOrEqual(2_000)
    expect(asked.at(-2)?.content).toContain('yes!')
    expect(asked.at(-1)?.content.split('\n')).toHaveLength(11)
  })
})

describe('what goes wrong', () => {
  it('a command that cannot be acknowledged is not played', async () => {
    const { round, answer, problems, storage } = await setUp()
    await round()
    const { writes } = storage
    const late = new FakeCommand('guess', { artist: 'gogh' })
    late.discord = async () => {
      throw new Error('Unknown interaction')
    }
    expect((await answer(late)).told).toEqual(['deferReply'])
    expect(storage.writes).toBe(writes)
    expect(problems).toEqual([
      '/guess in channel 11 could not be acknowledged, so it was not played: Unknown interaction',
    ])
  })

  it('a full disk is answered kindly and reported, and the game goes on with room', async () => {
    const { round, guess, problems, storage } = await setUp()
    await round()
    storage.writesLeft = 0
    expect((await guess('gogh')).content).toBe(FAILED)
    expect(problems).toEqual(['/guess in channel 11 could not be played: the disk is full'])
    storage.writesLeft = Number.POSITIVE_INFINITY
    expect((await guess('gogh')).content).toContain('That gives 100 points')
  })

  it('an answer that does not arrive is reported, and counts', async () => {
    const { round, answer, guess, problems } = await setUp()
    await round()
    const asked = new FakeCommand('guess', { artist: 'gogh' })
    asked.discord = async (what) => {
      if (what === 'editReply') throw new Error('Unknown Webhook')
    }
    await answer(asked)
    expect(problems).toEqual([
      'The answer to /guess in channel 11 did not arrive, though what it says is stored: Unknown Webhook',
    ])
    expect((await guess('gogh')).content).toBe(NO_ROUND)
  })
})

describe('closing', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('waits for what is being played, until it is stored and answered', async () => {
    const storage = new MemoryStorage()
    const { desk, round, guess } = await setUp(storage)
    await round()
    const disk = new Gate()
    const isWriting = new Gate()
    const save = storage.saveGameState.bind(storage)
    storage.saveGameState = (...args) => {
      isWriting.release()
      return disk.promise.then(() => save(...args))
    }
    const guessed = guess('gogh')
    await isWriting.promise
    vi.useFakeTimers()
    let isClosed = false
    const closed = desk.close().then(() => {
      isClosed = true
    })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(isClosed).toBe(false)
    disk.release()
    await closed
    expect(JSON.parse(storage.players.get('7') ?? '')).toMatchObject({ wins: 1 })
    expect((await guessed).content).toContain('**yes!**')
  })

  it('takes no more commands, and says so in private', async () => {
    const { desk, answer, storage } = await setUp()
    await desk.close()
    const asked = await answer(new FakeCommand('round'))
    expect([asked.told, asked.content, asked.isPrivate]).toEqual([['reply'], CLOSING, true])
    expect(storage.writes).toBe(0)
  })

  it('plays nothing that is acknowledged only afterwards', async () => {
    const { desk, answer, storage } = await setUp()
    const discord = new Gate()
    const asked = new FakeCommand('round')
    asked.discord = (what) => (what === 'deferReply' ? discord.promise : Promise.resolve())
    const answered = answer(asked)
    await desk.close(0)
    discord.release()
    expect((await answered).content).toBe(CLOSING)
    expect(storage.writes).toBe(0)
  })

  it('does not wait for ever for answers that Discord does not take', async () => {
    const { desk, round } = await setUp()
    await round()
    const asked = new FakeCommand('guess', { artist: 'gogh' })
    asked.discord = (what) => (what === 'editReply' ? new Promise(() => {}) : Promise.resolve())
    void desk.answer(asked)
    await desk.close(1)
    expect(asked.told).toEqual(['deferReply', 'editReply'])
  })
})
