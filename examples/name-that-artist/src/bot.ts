// Starts the bot for any front end: opens the storage, prepares the game and schedules compaction.
import collection from './data/artworks.json'
import { Game } from './game/game.js'
import { CompactionScheduler } from './services/append-log.js'
import { compactionSettings, STORE_NAMES } from './services/config.js'
import { recoverySentences } from './services/recovery.js'
import * as storage from './services/storage.js'

export interface Bot {
  game: Game
  /** What opening the data directory found, in sentences. */
  found: string[]
  /** Completes running changes and closes everything. Acknowledged changes are kept even without it. */
  close(): Promise<void>
}

export async function startBot(onProblem: storage.ProblemListener): Promise<Bot> {
  const reports = await storage.openStorage(onProblem)
  try {
    const game = await Game.open(storage, { collection })
    const { enabled, intervalMs, minBytes } = compactionSettings()
    const scheduler = new CompactionScheduler(intervalMs, { minBytes, onProblem })
    if (enabled) scheduler.start(STORE_NAMES)
    const close = async () => {
      scheduler.stop()
      await storage.closeStorage()
    }
    return { game, found: reports.flatMap(recoverySentences), close }
  } catch (error) {
    await storage.closeStorage()
    throw error
  }
}
