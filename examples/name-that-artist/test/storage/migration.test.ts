import { existsSync, readFileSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import collection from '../../src/data/artworks.json'
import { Game } from '../../src/game/game.js'
import { readLogEntries } from '../../src/services/append-log.js'
import * as storage from '../../src/services/storage.js'
import { installFixture, useDataDir } from '../helpers/data-dir.js'

const { closeStorage, getGameState, loadGameStates, loadPlayers, loadTokens, updatePlayerStats } = storage
const data = useDataDir()

function installOnlyJsonFiles() {
  installFixture('format-0', data.path())
  rmSync(data.path('logs'), { recursive: true })
}

describe('a data directory of JSON files without logs', () => {
  it('is opened with its players, tokens and games', async () => {
    installOnlyJsonFiles()
    expect(await loadPlayers()).toMatchObject({
      user123: { username: 'Ada', score: 450, wins: 6, streak: 2, bestStreak: 4, games: 11 },
      user456: { username: 'Ben', score: 120, wins: 2, games: 7 },
      user789: { username: 'Cleo', score: 80 },
    })
    expect(await loadTokens()).toEqual(JSON.parse(data.text('tokens.json.before-flatlog')))
    expect(await loadGameStates()).toEqual(JSON.parse(data.text('game_state.json.before-flatlog')))
  })

  it('keeps its files under another name', async () => {
    installOnlyJsonFiles()
    const before = data.text('players.json')
    await updatePlayerStats('user123', 'Ada', 10, true)
    await closeStorage()
    expect(data.text('players.json.before-flatlog')).toBe(before)
    expect(JSON.parse(data.text('players.json'))).toMatchObject({ user123: { score: 460 }, user789: { score: 80 } })
  })

  it('keeps the field names and unknown fields of a player', async () => {
    installOnlyJsonFiles()
    await updatePlayerStats('user456', 'Ben', 30, true)
    await updatePlayerStats('user123', 'Ada', 0, false)
    const records = (await readLogEntries('players')).slice(-2)
    expect(records).toMatchObject([
      { key: 'user456', value: { username: 'Ben', totalScore: 150, gamesPlayed: 8, wins: 3 } },
      { key: 'user123', value: { score: 450, streak: 0, bestStreak: 4, avatar: 'https://example.org/ada.png' } },
    ])
  })

  it('is imported only once: later starts do not restore the old numbers', async () => {
    installOnlyJsonFiles()
    await updatePlayerStats('user123', 'Ada', 10, true)
    await closeStorage()
    await updatePlayerStats('user123', 'Ada', 10, true)
    await closeStorage()
    expect((await loadPlayers()).user123?.score).toBe(470)
  })
})

describe('a data directory with logs of format 0', () => {
  it('is opened with the changes of the logs applied to the JSON files', async () => {
    installFixture('format-0', data.path())
    const players = await loadPlayers()
    expect(Object.keys(players).sort()).toEqual(['user123', 'user456', 'user900'])
    expect(players.user123).toMatchObject({ score: 550, wins: 7, streak: 3 })
    expect(await getGameState('channel456')).toMatchObject({ tokenId: 'token-18', round: 8 })
    expect(await getGameState('channel789')).toMatchObject({ round: 2, active: false })
    expect(Object.keys(await loadTokens()).sort()).toEqual(['token-17', 'token-18', 'token-19'])
  })

  it('uses only the log if it has a checkpoint', async () => {
    installFixture('format-0-checkpoint', data.path())
    expect(Object.entries(await loadPlayers())).toMatchObject([['user456', { username: 'Ben', score: 150 }]])
    await updatePlayerStats('user456', 'Ben', 5, true)
    await closeStorage()
    expect(await loadPlayers()).toMatchObject({ user456: { score: 155 } })
  })

  it('keeps its log unchanged under another name', async () => {
    installFixture('format-0', data.path())
    const before = data.text('logs', 'players.log')
    await updatePlayerStats('user900', 'Dora', 1, true)
    await closeStorage()
    expect(existsSync(data.path('logs', 'players.log.before-flatlog'))).toBe(true)
    expect(readFileSync(data.path('logs', 'players.log.before-flatlog'), 'utf8')).toBe(before)
  })
})

describe('a game in a data directory of format 0', () => {
  it('continues with the same round, artwork and player', async () => {
    installFixture('format-0', data.path())
    const game = await Game.open(storage, { collection })
    const { round, isNew } = await game.play('channel456')
    expect(isNew).toBe(false)
    expect(round).toMatchObject({ round: 8, title: 'Red Barn, Morning', style: 'Regionalism', year: '1934' })
    const ada = await game.participantNamed('Ada')
    expect(ada.userId).toBe('user123')
    expect(await game.guess('channel456', ada, 'hobbs')).toMatchObject({
      kind: 'right',
      player: { streak: 4, wins: 8 },
    })
    expect((await game.play('channel456')).round.round).toBe(9)
    expect(await getGameState('channel456')).toMatchObject({ prize: 'a poster' })
    expect(await game.play('channel789')).toMatchObject({ isNew: true, round: { round: 3 } })
  })
})
