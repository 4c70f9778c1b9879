import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { recoverySentences } from '../../src/services/recovery.js'
import {
  closeStorage,
  getGameState,
  loadPlayers,
  openStorage,
  saveGameState,
  updatePlayerStats,
} from '../../src/services/storage.js'
import { useDataDir } from '../helpers/data-dir.js'

const data = useDataDir()

async function playAndClose() {
  await updatePlayerStats('user123', 'Ada', 100, true)
  await updatePlayerStats('user456', 'Ben', 0, false)
  await saveGameState('channel1', { round: 4 })
  const players = await loadPlayers()
  await closeStorage()
  expect(existsSync(data.path('players.json'))).toBe(true)
  return players
}

describe('a main file', () => {
  it('may be missing: players are read from the log', async () => {
    const players = await playAndClose()
    rmSync(data.path('players.json'))
    expect(await loadPlayers()).toEqual(players)
    await updatePlayerStats('user123', 'Ada', 50, true)
    await closeStorage()
    expect(JSON.parse(data.text('players.json'))).toMatchObject({ user123: { score: 150 }, user456: { score: 0 } })
  })

  it.each([
    ['cut off in the middle', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['full of zeros', (text: string) => '\0'.repeat(text.length)],
    ['valid but different', () => '{"user123":{"username":"Mallory","score":1}}'],
  ])('may be %s: players are read from the log', async (_, damage) => {
    const players = await playAndClose()
    writeFileSync(data.path('players.json'), damage(data.text('players.json')))
    expect(await loadPlayers()).toEqual(players)
  })

  it('that is unreadable and has no log is an error, not an empty store', async () => {
    const text = '{"user123":{"username":"Ada","score":4'
    writeFileSync(data.path('players.json'), text)
    await expect(openStorage()).rejects.toThrow('players.json')
    await expect(updatePlayerStats('user123', 'Ada', 1, true)).rejects.toThrow('players.json')
    expect(data.text('players.json')).toBe(text)
  })
})

describe('a log', () => {
  /** Copies the files while the bot runs, as a kill would leave them, and uses the copy. */
  async function crash(): Promise<void> {
    mkdirSync(data.path('after-crash', 'logs'), { recursive: true })
    for (const name of readdirSync(data.path('logs')).filter((each) => /\.(log|mark)$/.test(each))) {
      copyFileSync(data.path('logs', name), data.path('after-crash', 'logs', name))
    }
    await closeStorage()
    process.env.NTA_DATA_DIR = data.path('after-crash')
  }

  it('has every acknowledged change without being closed', async () => {
    await updatePlayerStats('user123', 'Ada', 100, true)
    await saveGameState('channel1', { round: 4 })
    await crash()
    const reports = await openStorage()
    expect(reports.map(({ name, size }) => [name, size])).toEqual([
      ['players', 1],
      ['tokens', 0],
      ['game_state', 1],
    ])
    expect(await getGameState('channel1')).toEqual({ round: 4 })
  })

  it('with an incomplete last line loses only that line, and reports it', async () => {
    await updatePlayerStats('user123', 'Ada', 100, true)
    const players = await loadPlayers()
    await crash()
    const half = '{"timestamp":"2025-01-15T12:34:56.789Z","seq":99,"op":"SET","key":"user'
    appendFileSync(data.path('after-crash', 'logs', 'players.log'), half)
    const reports = await openStorage()
    const report = reports.find(({ name }) => name === 'players')
    expect(report?.recovery.cutBytes).toBe(half.length)
    expect(reports.flatMap(recoverySentences).join('\n')).toMatch(new RegExp(`${half.length} bytes.*players\\.log`))
    expect(await loadPlayers()).toEqual(players)
    await updatePlayerStats('user123', 'Ada', 1, true)
    await closeStorage()
    expect((await loadPlayers()).user123?.score).toBe(101)
  })

  it('with damage in the middle keeps the records after it, and reports the damage', async () => {
    for (const user of ['a', 'b', 'c']) await updatePlayerStats(user, user.toUpperCase(), 10, true)
    await closeStorage()
    const file = data.path('logs', 'players.log')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"username":"B"', '"username":"X"'))
    const sentences = (await openStorage()).flatMap(recoverySentences).join('\n')
    expect(sentences).toMatch(/Damage was found in players\.log line \d/)
    const players = await loadPlayers()
    expect(players.a?.score).toBe(10)
    expect(players.c?.score).toBe(10)
    expect(players.b?.username).not.toBe('X')
  })

  it('that is unreadable is an error, and is not replaced by a new one', async () => {
    mkdirSync(data.path('logs', 'players.log'), { recursive: true })
    await expect(openStorage()).rejects.toThrow()
    expect(existsSync(data.path('players.json'))).toBe(false)
  })
})
