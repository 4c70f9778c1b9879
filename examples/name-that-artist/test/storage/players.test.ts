import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readLogEntries } from '../../src/services/append-log.js'
import { closeStorage, getPlayer, loadPlayers, openStorage, updatePlayerStats } from '../../src/services/storage.js'
import { linesOf, useDataDir } from '../helpers/data-dir.js'

const data = useDataDir()

describe('updatePlayerStats', () => {
  it('appends one line per update and rewrites nothing', async () => {
    await openStorage()
    let before = data.text('logs', 'players.log')
    for (const [index, isWinner] of [true, true, false].entries()) {
      await updatePlayerStats('user123', 'Ada', 100 * (index + 1), isWinner)
      const after = data.text('logs', 'players.log')
      expect(after.startsWith(before)).toBe(true)
      expect(linesOf(after)).toHaveLength(linesOf(before).length + 1)
      before = after
    }
    expect(JSON.parse(linesOf(before).at(-1) ?? '')).toMatchObject({
      op: 'SET',
      key: 'user123',
      value: { username: 'Ada', score: 600, wins: 2, streak: 0, bestStreak: 2, games: 3 },
    })
  })

  it('adds up scores, wins and streaks for each player', async () => {
    await updatePlayerStats('user123', 'Ada', 100, true)
    await updatePlayerStats('user456', 'Ben', 0, false)
    await updatePlayerStats('user123', 'Ada', 110, true)
    const after = await updatePlayerStats('user456', 'Benjamin', 90, true)
    expect(after).toMatchObject({ userId: 'user456', username: 'Benjamin', score: 90, streak: 1 })
    expect(await loadPlayers()).toMatchObject({
      user123: { username: 'Ada', score: 210, wins: 2, streak: 2, bestStreak: 2, games: 2 },
      user456: { username: 'Benjamin', score: 90, wins: 1, streak: 1, bestStreak: 1, games: 2 },
    })
    expect(Date.parse(after.lastPlayed ?? '')).toBeGreaterThan(Date.parse('2025-01-01'))
  })

  it('loses none of 200 concurrent updates', async () => {
    const users = ['ada', 'ben', 'cleo']
    await openStorage()
    const before = linesOf(data.text('logs', 'players.log')).length
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => updatePlayerStats(users[index % 3] ?? '', 'X', 1, index % 2 === 0)),
    )
    const players = await loadPlayers()
    expect(users.map((user) => players[user]?.games)).toEqual([67, 67, 66])
    expect(users.map((user) => players[user]?.score)).toEqual([67, 67, 66])
    expect(Object.values(players).reduce((sum, player) => sum + player.wins, 0)).toBe(100)
    expect(linesOf(data.text('logs', 'players.log'))).toHaveLength(before + 200)
  })

  it('counts a round only once', async () => {
    const round = { channelId: 'c1', startedAt: '2025-01-15T12:00:00.000Z' }
    await updatePlayerStats('ada', 'Ada', 100, true, round)
    expect(await updatePlayerStats('ada', 'Ada', 100, true, round)).toMatchObject({ score: 100, games: 1 })
  })

  it('is kept after closing and opening again', async () => {
    await updatePlayerStats('ada', 'Ada', 100, true)
    await updatePlayerStats('__proto__', 'Proto', 7, false)
    const before = await loadPlayers()
    expect(Object.keys(before).sort()).toEqual(['__proto__', 'ada'])
    await closeStorage()
    expect(await loadPlayers()).toEqual(before)
    expect(await getPlayer('nobody')).toBeUndefined()
  })

  it('completes running updates before closing', async () => {
    await openStorage()
    let stored = 0
    const updates = Array.from({ length: 20 }, () => updatePlayerStats('ada', 'Ada', 5, true).then(() => stored++))
    await closeStorage()
    expect(stored).toBe(20)
    await Promise.all(updates)
    expect(existsSync(data.path('logs', 'players.lock'))).toBe(false)
    expect((await getPlayer('ada'))?.score).toBe(100)
  })

  it('writes keys without a prefix', async () => {
    await updatePlayerStats('user123', 'Ada', 100, true)
    expect((await readLogEntries('players')).at(-1)).toMatchObject({ op: 'SET', key: 'user123' })
    await closeStorage()
    expect(JSON.parse(data.text('players.json'))).toMatchObject({ user123: { score: 100 } })
  })
})
