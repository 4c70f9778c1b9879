import { describe, expect, it } from 'vitest'
import { afterRound, readPlayer } from '../../src/game/player.js'

const played = { username: 'Ada', score: 90, isWinner: true, at: '2025-01-15T12:00:00.000Z' }

describe('a player record', () => {
  it('is created by the first round', () => {
    expect(afterRound('ada', undefined, played)).toEqual({
      username: 'Ada',
      score: 90,
      wins: 1,
      streak: 1,
      bestStreak: 1,
      games: 1,
      lastPlayed: '2025-01-15T12:00:00.000Z',
    })
  })

  it('counts wins as a streak, which a loss ends without changing the best streak', () => {
    let record: unknown
    for (const isWinner of [true, true, false, true])
      record = afterRound('ada', record, { ...played, isWinner, score: 10 })
    expect(record).toMatchObject({ score: 40, wins: 3, streak: 1, bestStreak: 2, games: 4 })
  })

  it('keeps unknown fields, and keeps the names of its fields', () => {
    const older = {
      name: 'ada_l',
      totalScore: 450,
      gamesPlayed: 12,
      avatar: 'https://example.org/a.png',
      roles: ['admin'],
    }
    expect(readPlayer('user123', older)).toMatchObject({ username: 'ada_l', score: 450, games: 12, wins: 0, streak: 0 })
    const after = afterRound('user123', older, played)
    expect(after).toMatchObject({
      name: 'Ada',
      totalScore: 540,
      gamesPlayed: 13,
      avatar: older.avatar,
      roles: ['admin'],
    })
    expect(after).not.toHaveProperty('score')
    expect(after).not.toHaveProperty('username')
  })

  it.each([
    [{}, 0],
    [{ score: 'many' }, 0],
    [{ score: '70' }, 70],
    [{ score: null }, 0],
    [450, 450],
    ['a text', 0],
    [null, 0],
    [[], 0],
  ])('is read from %j without a NaN', (stored, score) => {
    const player = readPlayer('ada', stored)
    expect(player).toMatchObject({ userId: 'ada', username: 'ada', score, wins: 0, streak: 0, bestStreak: 0, games: 0 })
    expect(afterRound('ada', stored, played)).toMatchObject({ score: score + 90 })
  })

  it('counts each round of each channel once', () => {
    const round = { channelId: 'a', startedAt: '2025-01-15T11:00:00.000Z' }
    const once = afterRound('ada', undefined, { ...played, round })
    expect(once).toMatchObject({ score: 90 })
    expect(afterRound('ada', once, { ...played, round })).toBeUndefined()
    const elsewhere = afterRound('ada', once, { ...played, round: { ...round, channelId: 'b' } })
    expect(elsewhere).toMatchObject({ score: 180 })
    expect(afterRound('ada', elsewhere, { ...played, round })).toBeUndefined()
    const next = { channelId: 'a', startedAt: '2025-01-15T11:05:00.000Z' }
    expect(afterRound('ada', elsewhere, { ...played, round: next })).toMatchObject({ score: 270 })
  })
})
