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
  it('is one of its own for each channel', async () => {
    expect(await getGameState('channel1')).toBeUndefined()
    await saveGameState('channel1', { round: 1 })
    await saveGameState('channel2', { round: 5 })
    await saveGameState('channel1', { round: 2 })
    expect(await getGameState('channel1')).toEqual({ round: 2 })
    expect(await getGameState('channel2')).toEqual({ round: 5 })
    await deleteGameState('channel2')
    expect(await loadGameStates()).toEqual({ channel1: { round: 2 } })
  })

  it('is appended to the log, change by change', async () => {
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

  it('is there again after a restart, and what was deleted is not', async () => {
    await saveGameState('channel1', { round: 3, guessers: [{ userId: 'ada', wrongGuesses: 2 }] })
    await saveGameState('channel2', { round: 1 })
    await deleteGameState('channel2')
    await closeStorage()
    expect(await loadGameStates()).toEqual({
      channel1: { round: 3, guessers: [{ userId: 'ada', wrongGuesses: 2 }] },
    })
  })

  it('keeps many channels that play at once apart', async () => {
    const channels = Array.from({ length: 50 }, (_, index) => `channel${index}`)
    await Promise.all(channels.map((channel, index) => saveGameState(channel, { round: index })))
    const states = await loadGameStates()
    expect(channels.map((channel) => states[channel])).toEqual(channels.map((_, index) => ({ round: index })))
  })

  it.each(['', 'a/b', 'a\\b', 'a?b', ':a', 'a:', 'a::b'])(
    'refuses the id "%s", which another one could overwrite',
    async (id) => {
      await expect(saveGameState(id, {})).rejects.toThrow('cannot be an id')
      await expect(getGameState(id)).rejects.toThrow('cannot be an id')
    },
  )
})

describe('the cache of tokens', () => {
  it('gives back what was cached, also after a restart', async () => {
    const token = { title: 'Olympia', year: '1863', style: 'Realism', artist: 'Édouard Manet' }
    await saveToken('olympia', token)
    expect(await loadTokens()).toEqual({ olympia: token })
    await closeStorage()
    expect(await loadTokens()).toEqual({ olympia: token })
  })
})
