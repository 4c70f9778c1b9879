import { describe, expect, it } from 'vitest'
import { embeddedArtwork, readRound } from '../../src/game/round.js'

describe('a stored round of an older version', () => {
  it.each([
    [{ artworkId: 'olympia', round: 4 }, 'olympia', 4],
    [{ tokenId: 17, roundNumber: 2 }, '17', 2],
    [{ currentToken: 'olympia' }, 'olympia', 1],
    [{ token: { id: 'olympia', title: 'Olympia', artist: 'Manet' }, currentRound: 9 }, 'olympia', 9],
    [{ artwork: { title: 'Woman I', artist: 'Willem de Kooning' } }, 'Woman-I', 1],
    [{ tokenId: 'x', token: { title: 'Woman I', artist: 'Willem de Kooning' } }, 'x', 1],
    [{}, '', 1],
  ])('%j has the artwork "%s" and is round %i', (stored, artworkId, round) => {
    expect(readRound(stored)).toMatchObject({ artworkId, round, status: 'open', hints: 0, guessers: [], result: null })
    expect(embeddedArtwork(stored)?.id ?? artworkId).toBe(artworkId)
  })

  it.each([[{ active: false }], [{ isActive: false }], [{ status: 'finished' }]])('%j is over', (stored) => {
    expect(readRound(stored)?.status).toBe('settled')
  })

  it.each([[null], [undefined], ['a text'], [7], [[]]])('%j is not a round', (stored) => {
    expect(readRound(stored)).toBeUndefined()
  })

  it('may have invalid fields', () => {
    const stored = {
      round: -1,
      hints: 'two',
      guessers: [null, { userId: 5 }, { userId: 'ada' }],
      recent: [1, 'olympia'],
      result: { winner: 'ada' },
      startedAt: 1e300,
    }
    expect(readRound(stored)).toEqual({
      round: 1,
      artworkId: '',
      status: 'open',
      startedAt: '',
      hints: 0,
      guessers: [{ userId: 'ada', username: 'ada', wrongGuesses: 0 }],
      recent: ['olympia'],
      result: { endedAt: '' },
    })
  })
})
