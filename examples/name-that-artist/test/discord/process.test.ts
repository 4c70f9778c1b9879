// The bot as it runs: the built process, the real discord.js, a log on disk. Only Discord itself is stood in for.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import collection from '../../src/data/artworks.json'
import { COMMANDS } from '../../src/discord/commands.js'
import { literal } from '../../src/discord/markdown.js'
import { CLOSING } from '../../src/discord/replies.js'
import { BotProcess, useBotProcesses } from '../helpers/bot-process.js'
import { FakeDiscord, TOKEN } from '../helpers/fake-discord.js'
import { Gate } from '../helpers/gate.js'

const data = useBotProcesses()
let discord: FakeDiscord

beforeEach(async () => {
  discord = await FakeDiscord.start()
})
afterEach(() => discord.stop())

const environment = () => ({ DISCORD_TOKEN: TOKEN, NTA_DISCORD_API: `${discord.url}/api` })

async function startBot(): Promise<BotProcess> {
  const bot = new BotProcess([], environment())
  await bot.shows(/Logged in as/)
  return bot
}

/** Whoever made the picture that a message shows. */
function artistIn(content: string): string {
  const shown = collection.find(({ title }) => content.includes(`**${literal(title, 150)}**`))
  if (!shown) throw new Error(`No picture of the collection is in: ${content}`)
  return shown.artist
}

const ADA = { id: '7', name: 'Ada' }
const BEN = { id: '8', name: '**Ben** @everyone' }
const guess = (artist: string, user = ADA) => ({ command: 'guess', user, options: { artist } })

const isLocked = () => ['players', 'tokens', 'game_state'].some((name) => existsSync(data.path('logs', `${name}.lock`)))

describe('the bot on Discord', () => {
  it('registers its commands, asks for no more than it needs, and says how it is invited', async () => {
    const bot = await startBot()
    expect(discord.registered).toEqual([JSON.parse(JSON.stringify(COMMANDS))])
    expect(discord.identified).toMatchObject([{ token: TOKEN, intents: 1 }])
    expect(bot.text).toMatch(/players: 0 records, newly made/)
    expect(bot.text).toContain('https://discord.com/oauth2/authorize?client_id=900&scope=bot+applications.commands\n')
    expect(bot.text).not.toContain(TOKEN)
    bot.child.kill('SIGHUP')
    expect(await bot.ended, bot.text).toBe(0)
  })

  it('plays a round: a wrong guess, a hint, a right guess, the leaderboard', async () => {
    await startBot()
    const { content } = await discord.use({ command: 'round' })
    expect(content).toMatch(/^Round 1\n/)
    const artist = artistIn(content)
    expect(content).not.toContain(artist)
    expect(await discord.use(guess('Nobody *at* all', BEN))).toEqual({
      content: '**\\*\\*Ben\\*\\* \\@everyone** says “Nobody \\*at\\* all”: no.',
      private: false,
      allowedMentions: { parse: [] },
      wasDeferred: true,
    })
    const hint = await discord.use({ command: 'round', options: { action: 'hint' } })
    expect(hint.content).toMatch(/^Hint 1:\n```\n.*_.*\n```$/)
    expect((await discord.use(guess(artist))).content).toMatch(/^\*\*Ada\*\* says .*yes!\*\* That gives 80 points/)
    expect((await discord.use(guess(artist, BEN))).content).toContain('No round is open')
    const board = await discord.use({ command: 'leaderboard' })
    expect(board).toMatchObject({ private: true, allowedMentions: { parse: [] } })
    expect(board.content.split('\n')[1]).toBe('1. **Ada**: 80 points, 1 win in 1 game, streak 1 (best 1)')
    expect(
      JSON.parse(readFileSync(data.path('logs', 'players.log'), 'utf8').trim().split('\n').at(-1) ?? ''),
    ).toMatchObject({
      key: '8',
      value: { username: BEN.name, games: 1 },
    })
  })

  it('goes on after a SIGKILL with the rounds of every channel, and with every score', async () => {
    const bot = await startBot()
    const here = { guild: '1', channel: '11' }
    const there = { guild: '2', channel: '22' }
    const first = await discord.use({ command: 'round', ...there })
    await discord.use({ ...guess(artistIn(first.content)), ...there })
    const rounds = [await discord.use({ command: 'round', ...here }), await discord.use({ command: 'round', ...there })]
    await discord.use({ ...guess('nobody'), ...here })
    bot.child.kill('SIGKILL')
    await bot.ended

    await startBot()
    const again = [await discord.use({ command: 'round', ...here }), await discord.use({ command: 'round', ...there })]
    expect(again.map(({ content }) => content.split('\n')[0])).toEqual(['Round 1 goes on', 'Round 2 goes on'])
    expect(again.map(({ content }) => artistIn(content))).toEqual(rounds.map(({ content }) => artistIn(content)))
    const won = await discord.use({ ...guess(artistIn(again[0]?.content ?? '')), ...here })
    // 90 for the wrong guess before the kill, 10 for the streak of the round that was won there.
    expect(won.content).toContain('That gives 100 points, 2 in a row, and makes 200.')
    expect((await discord.use({ command: 'round', ...there })).content).toContain('Round 2 goes on')
  })

  it('plays a command once that arrives twice', async () => {
    const bot = await startBot()
    const { content } = await discord.use({ command: 'round' })
    const twice = { ...guess('nobody'), id: '4711' }
    const seen = discord.use(twice)
    discord.deliver(twice)
    expect((await seen).content).toContain('no.')
    await bot.shows(
      /\/guess in channel 11 could not be acknowledged, so it was not played: .*already been acknowledged/,
    )
    expect((await discord.use(guess(artistIn(content)))).content).toContain('That gives 90 points')
  })

  it('goes on when the connection is lost, and when commands cannot be registered', async () => {
    discord.refusesCommands = true
    const bot = await startBot()
    await bot.shows(/The commands could not be registered; those that were before go on: Missing Access/)
    await discord.use({ command: 'round' })
    discord.disconnect(4000)
    await bot.shows(/The connection to Discord was lost; connecting again\.\nConnected to Discord again\.\n/)
    expect((await discord.use({ command: 'round' })).content).toMatch(/^Round 1 goes on/)
  })

  it('closes everything when it is told to end, and loses nothing', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    await discord.use(guess('nobody'))
    expect(isLocked()).toBe(true)
    bot.child.kill('SIGTERM')
    expect(await bot.ended, bot.text).toBe(0)
    expect(bot.text).toMatch(/Closing: no more commands are taken\.\n$/)
    expect(isLocked()).toBe(false)
    expect(JSON.parse(readFileSync(data.path('game_state.json'), 'utf8'))).toMatchObject({
      11: { round: 1, guessers: [{ userId: '7', username: 'Ada', wrongGuesses: 1 }] },
    })
  })
})

describe('closing', () => {
  it('tells whoever comes too late that the command did not count', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    const slow = { taken: new Gate(), said: new Gate() }
    discord.slow = slow
    const seen = discord.use(guess('nobody'))
    await slow.taken.promise
    bot.child.kill('SIGTERM')
    await bot.shows(/Closing: /)
    slow.said.release()
    expect(await seen).toMatchObject({ content: CLOSING, wasDeferred: true })
    expect(await bot.ended, bot.text).toBe(0)
    expect(JSON.parse(readFileSync(data.path('game_state.json'), 'utf8'))).toMatchObject({ 11: { guessers: [] } })
  })
})

describe('a bot that Discord does not let in', () => {
  it.each([
    [
      'a token that is refused',
      { DISCORD_TOKEN: 'wrong' },
      /^Error: Discord refuses the token in DISCORD_TOKEN\..*Reset Token/m,
    ],
    [
      'no way to Discord',
      { NTA_DISCORD_API: 'http://127.0.0.1:1' },
      /^Error: .*could not log in to Discord: .*ECONNREFUSED/m,
    ],
    ['an address that is none', { NTA_DISCORD_API: 'discord' }, /^Error: NTA_DISCORD_API is "discord"/m],
  ])('says what to do about %s, and has closed everything', async (_, env, message) => {
    const bot = new BotProcess([], { ...environment(), ...env })
    expect(await bot.ended, bot.text).toBe(1)
    expect(bot.text).toMatch(message)
    expect(bot.text).not.toContain('    at ')
    expect(isLocked()).toBe(false)
  })

  it('can be stopped while it waits for a Discord that does not answer', async () => {
    discord.isSilent = true
    const bot = new BotProcess([], environment())
    await bot.shows(/game_state: /)
    bot.child.kill('SIGINT')
    expect(await bot.ended, bot.text).toBe(0)
    expect(isLocked()).toBe(false)
  })

  it('ends when its token is taken back while it runs', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    discord.disconnect(4004)
    expect(await bot.ended, bot.text).toBe(1)
    expect(bot.text).toMatch(/^Error: Discord has closed the connection for good \(code 4004\)\..*Reset Token/m)
    expect(isLocked()).toBe(false)
  })
})

describe('discord.js', () => {
  const probe = ['--require', fileURLToPath(new URL('../helpers/loaded-modules.cjs', import.meta.url))]

  it.each([
    ['is not loaded without a token', [], {}, 'not loaded'],
    ['is not loaded in a terminal that was asked for', ['--play'], { DISCORD_TOKEN: TOKEN }, 'not loaded'],
    ['is loaded with a token', [], { DISCORD_TOKEN: 'wrong' }, 'loaded'],
  ])('%s', async (_, args, env, loaded) => {
    const bot = new BotProcess(args, { NTA_DISCORD_API: `${discord.url}/api`, ...env }, probe)
    bot.child.stdin?.end('/quit\n')
    await bot.ended
    expect(bot.text.split('\n')).toContain(`discord.js was ${loaded}`)
  })
})
