import { describe, expect, it, vi } from 'vitest'
import {
  CompactionScheduler,
  compactLog,
  getLogSize,
  needsCompaction,
  readLogEntries,
} from '../../src/services/append-log.js'
import { compactAllLogs, loadPlayers, saveGameState, updatePlayerStats } from '../../src/services/storage.js'
import { linesOf, useDataDir } from '../helpers/data-dir.js'

const data = useDataDir()

async function playALot(): Promise<void> {
  for (let game = 0; game < 30; game++) await updatePlayerStats('ada', 'Ada', 10, true)
  await saveGameState('channel1', { round: 30 })
}

describe('the functions for logs', () => {
  it('measure, read and compact a log of the bot', async () => {
    expect(await getLogSize('players')).toBe(0)
    await playALot()
    const players = await loadPlayers()
    const size = await getLogSize('players')
    expect(size).toBe(Buffer.byteLength(data.text('logs', 'players.log')))
    expect(await needsCompaction('players', 524_288)).toBe(false)
    expect(await needsCompaction('players', 1000)).toBe(true)
    expect((await readLogEntries('players')).filter((entry) => entry.op === 'SET')).toHaveLength(30)

    await compactLog('players')
    expect(await getLogSize('players')).toBeLessThan(size)
    expect(await needsCompaction('players', 1000)).toBe(false)
    expect(await readLogEntries('players')).toMatchObject([{ op: 'CHECKPOINT', state: { ada: { score: 300 } } }])
    expect(await loadPlayers()).toEqual(players)
    await updatePlayerStats('ada', 'Ada', 10, true)
    expect((await loadPlayers()).ada?.score).toBe(310)
  })

  it('compact all logs of the directory', async () => {
    await playALot()
    const done = await compactAllLogs()
    expect(done.map(({ name }) => name).sort()).toEqual(['game_state', 'players', 'tokens'])
    expect(linesOf(data.text('logs', 'players.log'))).toHaveLength(1)
    expect((await loadPlayers()).ada?.games).toBe(30)
  })
})

describe('the scheduler', () => {
  it('does not compact a small log', async () => {
    await playALot()
    const before = data.text('logs', 'players.log')
    const scheduler = new CompactionScheduler(3600000)
    scheduler.start(['players', 'tokens', 'game_state'])
    scheduler.stop()
    expect(data.text('logs', 'players.log')).toBe(before)
  })

  it('compacts logs that are larger than the threshold after the interval', async () => {
    await playALot()
    const problems: Error[] = []
    const scheduler = new CompactionScheduler(5, { minBytes: 1000, onProblem: (error) => problems.push(error) })
    scheduler.start(['players', 'tokens', 'game_state'])
    await vi.waitFor(() => expect(linesOf(data.text('logs', 'players.log'))).toHaveLength(1), {
      timeout: 10_000,
      interval: 10,
    })
    scheduler.stop()
    expect(problems).toEqual([])
    expect((await loadPlayers()).ada?.score).toBe(300)
  })
})
