// Tests the built bot with the real discord.js and logs on disk. Only Discord itself is fake.
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
  await bot.prints(/Logged in as/)
  return bot
}

/** The artist of the picture in a message. */
function artistIn(content: string): string {
  const artwork = collection.find(({ title }) => content.includes(`**${literal(title, 150)}**`))
  if (!artwork) throw new Error(`This message has no picture of the collection: ${content}`)
  return artwork.artist
}

const ADA = { id: '7', name: 'Ada' }
const BEN = { id: '8', name: '**Ben** @everyone' }
const guess = (artist: string, user = ADA) => ({ command: 'guess', user, options: { artist } })

const isLocked = () => ['players', 'tokens', 'game_state'].some((name) => existsSync(data.path('logs', `${name}.lock`)))

describe('the bot on Discord', () => {
  it('registers its commands, requests only the intent that it needs, and prints how to invite it', async () => {
    const bot = await startBot()
    expect(discord.registered).toEqual([JSON.parse(JSON.stringify(COMMANDS))])
    expect(discord.identified).toMatchObject([{ token: TOKEN, intents: 1 }])
    expect(bot.text).toMatch(/players: 0 records, newly created/)
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
    expect((await discord.use(guess(artist))).content).toMatch(/^\*\*Ada\*\* says .*yes!\*\* 80 points/)
    expect((await discord.use(guess(artist, BEN))).content).toContain('There is no open round')
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

  it('continues the rounds of every channel after a SIGKILL, and keeps every score', async () => {
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
    expect(again.map(({ content }) => content.split('\n')[0])).toEqual(['Round 1 continues', 'Round 2 continues'])
    expect(again.map(({ content }) => artistIn(content))).toEqual(rounds.map(({ content }) => artistIn(content)))
    const won = await discord.use({ ...guess(artistIn(again[0]?.content ?? '')), ...here })
    // 90 after the wrong guess before the kill, and 10 more for the streak from the other channel.
    expect(won.content).toContain('100 points, 2 in a row, 200 in total.')
    expect((await discord.use({ command: 'round', ...there })).content).toContain('Round 2 continues')
  })

  it('plays a command only once if it arrives twice', async () => {
    const bot = await startBot()
    const { content } = await discord.use({ command: 'round' })
    const twice = { ...guess('nobody'), id: '4711' }
    const seen = discord.use(twice)
    discord.deliver(twice)
    expect((await seen).content).toContain('no.')
    await bot.prints(
      /\/guess in channel 11 could not be acknowledged, so it was not played: .*already been acknowledged/,
    )
    expect((await discord.use(guess(artistIn(content)))).content).toContain('**yes!** 90 points')
  })

  it('continues when the connection is lost, and when the commands cannot be registered', async () => {
    discord.refusesCommands = true
    const bot = await startBot()
    await bot.prints(/The commands could not be registered\. Those from an earlier start still work: Missing Access/)
    await discord.use({ command: 'round' })
    discord.disconnect(4000)
    await bot.prints(/The connection to Discord was lost\. Reconnecting\.\nReconnected to Discord\.\n/)
    expect((await discord.use({ command: 'round' })).content).toMatch(/^Round 1 continues/)
  })

  it('closes everything on SIGTERM and loses nothing', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    await discord.use(guess('nobody'))
    expect(isLocked()).toBe(true)
    bot.child.kill('SIGTERM')
    expect(await bot.ended, bot.text).toBe(0)
    expect(bot.text).toMatch(/Closing: no more commands are accepted\.\n$/)
    expect(isLocked()).toBe(false)
    expect(JSON.parse(readFileSync(data.path('game_state.json'), 'utf8'))).toMatchObject({
      11: { round: 1, guessers: [{ userId: '7', username: 'Ada', wrongGuesses: 1 }] },
    })
  })
})

describe('closing', () => {
  it('answers a command that comes too late that it did not count', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    const acknowledgement = { received: new Gate(), answered: new Gate() }
    discord.slowAcknowledgement = acknowledgement
    const seen = discord.use(guess('nobody'))
    await acknowledgement.received.promise
    bot.child.kill('SIGTERM')
    await bot.prints(/Closing: /)
    acknowledgement.answered.open()
    expect(await seen).toMatchObject({ content: CLOSING, wasDeferred: true })
    expect(await bot.ended, bot.text).toBe(0)
    expect(JSON.parse(readFileSync(data.path('game_state.json'), 'utf8'))).toMatchObject({ 11: { guessers: [] } })
  })
})

describe('a bot that cannot log in', () => {
  it.each([
    [
      'a refused token',
      { DISCORD_TOKEN: 'wrong' },
      /^Error: Discord refuses the token in DISCORD_TOKEN\..*Reset Token/m,
    ],
    [
      'an unreachable Discord',
      { NTA_DISCORD_API: 'http://127.0.0.1:1' },
      /^Error: .*could not log in to Discord: .*ECONNREFUSED/m,
    ],
    ['an invalid address', { NTA_DISCORD_API: 'discord' }, /^Error: NTA_DISCORD_API must be .*, got "discord"/m],
  ])('explains what to do about %s, and closes everything', async (_, env, message) => {
    const bot = new BotProcess([], { ...environment(), ...env })
    expect(await bot.ended, bot.text).toBe(1)
    expect(bot.text).toMatch(message)
    expect(bot.text).not.toContain('    at ')
    expect(isLocked()).toBe(false)
  })

  it('can be stopped while Discord does not answer', async () => {
    discord.isSilent = true
    const bot = new BotProcess([], environment())
    await bot.prints(/game_state: /)
    bot.child.kill('SIGINT')
    expect(await bot.ended, bot.text).toBe(0)
    expect(isLocked()).toBe(false)
  })

  it('ends when its token is revoked while it runs', async () => {
    const bot = await startBot()
    await discord.use({ command: 'round' })
    discord.disconnect(4004)
    expect(await bot.ended, bot.text).toBe(1)
    expect(bot.text).toMatch(/^Error: Discord has closed the connection permanently \(code 4004\)\..*Reset Token/m)
    expect(isLocked()).toBe(false)
  })
})

describe('discord.js', () => {
  const probe = ['--require', fileURLToPath(new URL('../helpers/loaded-modules.cjs', import.meta.url))]

  it.each([
    ['is not loaded without a token', [], {}, 'not loaded'],
    ['is not loaded with --play', ['--play'], { DISCORD_TOKEN: TOKEN }, 'not loaded'],
    ['is loaded with a token', [], { DISCORD_TOKEN: 'wrong' }, 'loaded'],
  ])('%s', async (_, args, env, loaded) => {
    const bot = new BotProcess(args, { NTA_DISCORD_API: `${discord.url}/api`, ...env }, probe)
    bot.child.stdin?.end('/quit\n')
    await bot.ended
    expect(bot.text.split('\n')).toContain(`discord.js was ${loaded}`)
  })
})
