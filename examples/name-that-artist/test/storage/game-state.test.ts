import { describe, expect, it } from 'vitest'
import {
  closeStorage,
  deleteGameState,
  getGameState,
  loadGameStates,
  loadTokens,
  openStorage,
  saveGameState,
  saveToken,
} from '../../src/services/storage.js'
import { linesOf, useDataDir } from '../helpers/data-dir.js'

const data = useDataDir()

describe('the game state', () => {
  it('is separate for each channel', async () => {
    expect(await getGameState('channel1')).toBeUndefined()
    await saveGameState('channel1', { round: 1 })
    await saveGameState('channel2', { round: 5 })
    await saveGameState('channel1', { round: 2 })
    expect(await getGameState('channel1')).toEqual({ round: 2 })
    expect(await getGameState('channel2')).toEqual({ round: 5 })
    await deleteGameState('channel2')
    expect(await loadGameStates()).toEqual({ channel1: { round: 2 } })
  })

  it('is written to the log as one record per change', async () => {
    await openStorage()
    const before = linesOf(data.text('logs', 'game_state.log')).length
    await saveGameState('channel1', { round: 1 })
    await saveGameState('channel1', { round: 2 })
    await deleteGameState('channel1')
    const records = linesOf(data.text('logs', 'game_state.log')).slice(before)
    expect(records.map((line) => JSON.parse(line))).toMatchObject([
      { op: 'SET', key: 'channel1', value: { round: 1 } },
      { op: 'SET', key: 'channel1', value: { round: 2 } },
      { op: 'DELETE', key: 'channel1' },
    ])
  })

  it('is restored after a restart, without deleted games', async () => {
    await saveGameState('channel1', { round: 3, guessers: [{ userId: 'ada', wrongGuesses: 2 }] })
    await saveGameState('channel2', { round: 1 })
    await deleteGameState('channel2')
    await closeStorage()
    expect(await loadGameStates()).toEqual({
      channel1: { round: 3, guessers: [{ userId: 'ada', wrongGuesses: 2 }] },
    })
  })

  it('is stored for many channels concurrently', async () => {
    const channels = Array.from({ length: 50 }, (_, index) => `channel${index}`)
    await Promise.all(channels.map((channel, index) => saveGameState(channel, { round: index })))
    const states = await loadGameStates()
    expect(channels.map((channel) => states[channel])).toEqual(channels.map((_, index) => ({ round: index })))
  })

  it.each(['', 'a/b', 'a\\b', 'a?b', ':a', 'a:', 'a::b'])(
    'refuses the id "%s", which could share a record with another id',
    async (id) => {
      await expect(saveGameState(id, {})).rejects.toThrow('cannot be an id')
      await expect(getGameState(id)).rejects.toThrow('cannot be an id')
    },
  )
})

describe('the cache of tokens', () => {
  it('returns cached tokens, also after a restart', async () => {
    const token = { title: 'Olympia', year: '1863', style: 'Realism', artist: 'Édouard Manet' }
    await saveToken('olympia', token)
    expect(await loadTokens()).toEqual({ olympia: token })
    await closeStorage()
    expect(await loadTokens()).toEqual({ olympia: token })
  })
})
