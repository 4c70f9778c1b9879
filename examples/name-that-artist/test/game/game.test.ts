import { describe, expect, it } from 'vitest'
import { Game } from '../../src/game/game.js'
import { ADA, BEN, MemoryStorage, OLYMPIA, STARRY_NIGHT } from '../helpers/memory-storage.js'

const ANSWERS: Record<string, string> = { 'The Starry Night': 'van gogh', Olympia: 'manet' }

async function setUp(storage = new MemoryStorage(), collection = [STARRY_NIGHT, OLYMPIA]) {
  const game = await Game.open(storage, { collection, random: () => 0, now: () => new Date(Date.UTC(2025, 0, 15)) })
  return { storage, game }
}

function answerTo(round: { title: string }): string {
  return ANSWERS[round.title] ?? 'nobody'
}

describe('a round', () => {
  it('starts once, shows everything except the artist, and caches its artwork', async () => {
    const { game, storage } = await setUp()
    const { round, isNew } = await game.play('c1')
    expect(isNew).toBe(true)
    expect(round).toMatchObject({ round: 1, title: 'The Starry Night', year: '1889', style: 'Post-Impressionism' })
    expect(JSON.stringify(round)).not.toContain('Gogh')
    expect(await game.play('c1')).toEqual({ round, isNew: false })
    expect(JSON.parse(storage.tokens.get('starry-night') ?? '')).toMatchObject({ artist: 'Vincent van Gogh' })
  })

  it('is won by the first right guess, and counts for everyone who guessed', async () => {
    const { game } = await setUp()
    await game.play('c1')
    expect(await game.guess('c1', ADA, 'Manet')).toMatchObject({ kind: 'wrong', wrongGuesses: 1 })
    expect(await game.guess('c1', BEN, 'Monet')).toMatchObject({ kind: 'wrong', wrongGuesses: 1 })
    const right = await game.guess('c1', ADA, 'van gogh')
    expect(right).toMatchObject({ kind: 'right', points: 90, player: { score: 90, wins: 1, streak: 1, games: 1 } })
    expect(await game.guess('c1', BEN, 'van gogh')).toEqual({ kind: 'no-round' })
    expect(await game.leaderboard()).toMatchObject([
      { userId: 'ada', score: 90 },
      { userId: 'ben', score: 0, games: 1, streak: 0 },
    ])
  })

  it('has one winner if two guesses are right at the same time', async () => {
    const { game } = await setUp()
    await game.play('c1')
    const results = await Promise.all([game.guess('c1', ADA, 'van gogh'), game.guess('c1', BEN, 'van gogh')])
    expect(results.map((result) => result.kind).sort()).toEqual(['no-round', 'right'])
    expect((await game.leaderboard()).map((player) => player.wins)).toEqual([1])
  })

  it('is worth less after each of its three hints, and more in a streak', async () => {
    const { game } = await setUp()
    await game.play('c1')
    for (const hint of [1, 2, 3]) expect(await game.hint('c1')).toMatchObject({ kind: 'hint', round: { hints: hint } })
    expect(await game.hint('c1')).toMatchObject({ kind: 'no-more' })
    expect(await game.guess('c1', ADA, 'van gogh')).toMatchObject({ points: 40 })
    const { round } = await game.play('c1')
    expect(await game.guess('c1', ADA, answerTo(round))).toMatchObject({ points: 110, player: { streak: 2 } })
  })

  it('can be skipped, which is a loss for everyone who guessed', async () => {
    const { game } = await setUp()
    await game.play('c1')
    await game.guess('c1', BEN, 'Monet')
    expect(await game.skip('c1')).toEqual({ kind: 'skipped', artwork: STARRY_NIGHT })
    expect(await game.skip('c1')).toEqual({ kind: 'no-round' })
    expect(await game.hint('c1')).toEqual({ kind: 'no-round' })
    expect(await game.leaderboard()).toMatchObject([{ userId: 'ben', games: 1, wins: 0 }])
    expect((await game.play('c1')).round).toMatchObject({ round: 2, title: 'Olympia' })
  })

  it('is separate in each channel', async () => {
    const { game } = await setUp()
    await game.play('c1')
    await game.play('c2')
    await game.guess('c1', ADA, 'van gogh')
    expect(await game.guess('c2', BEN, 'van gogh')).toMatchObject({ kind: 'right' })
    expect((await game.channels()).sort()).toEqual(['c1', 'c2'])
  })

  it('does not repeat a recent picture', async () => {
    const { game } = await setUp()
    const titles: string[] = []
    for (let round = 0; round < 6; round++) {
      titles.push((await game.play('c1')).round.title)
      await game.skip('c1')
    }
    for (const [index, title] of titles.slice(1).entries()) expect(title).not.toBe(titles[index])
  })
})

describe('after a restart', () => {
  it('continues the same round with its hints and guesses', async () => {
    const { game, storage } = await setUp()
    await game.play('c1')
    await game.hint('c1')
    const missed = await game.guess('c1', ADA, 'Manet')
    const { game: again } = await setUp(storage)
    const { round, isNew } = await again.play('c1')
    expect(isNew).toBe(false)
    expect(missed).toMatchObject({ round })
    expect(await again.guess('c1', ADA, 'van gogh')).toMatchObject({ points: 70 })
  })

  it('counts a won round exactly once, wherever it was interrupted', async () => {
    let interruptions = 0
    for (let writesLeft = 0; ; writesLeft++) {
      const { game, storage } = await setUp()
      await game.play('c1')
      await game.guess('c1', BEN, 'Manet')
      storage.writesLeft = writesLeft
      const result = await game.guess('c1', ADA, 'van gogh').catch((error: Error) => error.message)
      storage.writesLeft = Number.POSITIVE_INFINITY

      const { game: again } = await setUp(storage)
      const { round } = await again.play('c1')
      // Nothing of the guess was stored, so Ada has to guess again.
      if (round.round === 1) await again.guess('c1', ADA, 'van gogh')
      expect(await again.leaderboard(), `after ${writesLeft} writes`).toMatchObject([
        { userId: 'ada', score: 100, wins: 1, games: 1, streak: 1 },
        { userId: 'ben', score: 0, wins: 0, games: 1, streak: 0 },
      ])
      expect((await again.play('c1')).round.round).toBe(2)
      if (typeof result !== 'string') break
      interruptions += 1
    }
    // There are four writes that can fail: the result, two players, and the settled round.
    expect(interruptions).toBe(4)
  })

  it('continues the games of an older version with its tokens', async () => {
    const storage = new MemoryStorage()
    storage.tokens.set('t9', JSON.stringify({ title: 'The Kiss', artist: 'Gustav Klimt', year: 1908 }))
    storage.states.set('channel456', JSON.stringify({ tokenId: 't9', round: 7, prize: 'a poster' }))
    storage.states.set('channel7', JSON.stringify({ tokenId: 'gone', round: 3 }))
    const { game } = await setUp(storage)
    expect(await game.play('channel456')).toMatchObject({
      isNew: false,
      round: { round: 7, title: 'The Kiss', year: '1908' },
    })
    expect(await game.guess('channel456', ADA, 'klimt')).toMatchObject({ kind: 'right' })
    expect(JSON.parse(storage.states.get('channel456') ?? '')).toMatchObject({ prize: 'a poster', status: 'settled' })
    expect(await game.play('channel7')).toMatchObject({ isNew: true, round: { round: 4 } })
  })
})

describe('participants', () => {
  it('are found by name, or get a new id', async () => {
    const { game, storage } = await setUp()
    storage.players.set('user123', JSON.stringify({ username: 'Ada', score: 5 }))
    storage.players.set('ben', JSON.stringify({ username: 'Benjamin' }))
    expect(await game.participantNamed(' ada ')).toEqual({ userId: 'user123', username: 'Ada' })
    expect(await game.participantNamed('Cleo P.')).toEqual({ userId: 'cleo-p-', username: 'Cleo P.' })
    expect(await game.participantNamed('Ben')).toEqual({ userId: 'ben-2', username: 'Ben' })
  })
})
