// Configures the stores. Only this file and append-log.ts use Flatlog directly; the rest of the bot uses Keyv and
// unstorage.
import { type FlatlogError, openStore, type Recovery, type Store } from '@flatlog/core'
import KeyvFlatlog from '@flatlog/keyv'
import flatlogDriver from '@flatlog/unstorage'
import Keyv from 'keyv'
import { createStorage, type Storage } from 'unstorage'
import { compactionSettings, dataDir, durability, STORE_NAMES, type StoreName } from './config.js'

export interface StoreReport {
  name: StoreName
  size: number
  recovery: Recovery
}

export interface Stores {
  players: Keyv
  tokens: Storage
  gameState: Storage
  /** What was found when the three stores were opened. */
  reports: StoreReport[]
  close(): Promise<void>
}

function storeOptions() {
  const { enabled, minBytes } = compactionSettings()
  return { durability: durability(), compaction: enabled ? { minBytes } : (false as const) }
}

/**
 * Opens all three stores, so that a directory that is locked or unreadable fails now and not at the first guess.
 *
 * `onProblem` is called for failures in the background, which no call can return.
 */
export async function openStores(onProblem: (error: FlatlogError, name: StoreName) => void): Promise<Stores> {
  const dir = dataDir()
  const options = storeOptions()
  const handles: Store[] = []
  const closeHandles = () => Promise.all(handles.map((handle) => handle.close()))
  const reports: StoreReport[] = []
  try {
    for (const name of STORE_NAMES) {
      const handle = await openStore({ dir, name, ...options })
      handles.push(handle)
      handle.on('problem', (error) => onProblem(error, name))
      reports.push({ name, size: handle.size, recovery: handle.recovery })
    }
  } catch (error) {
    await closeHandles()
    throw error
  }

  const players = new Keyv({
    store: new KeyvFlatlog({ dir, name: 'players', bareNamespace: 'players', ...options }),
    namespace: 'players',
    // Otherwise Keyv would treat a failed read as a missing player, and the next update would start from 0.
    throwOnErrors: true,
  })
  const tokens = createStorage({ driver: flatlogDriver({ base: dir, name: 'tokens', ...options }) })
  const gameState = createStorage({ driver: flatlogDriver({ base: dir, name: 'game_state', ...options }) })

  return {
    players,
    tokens,
    gameState,
    reports,
    close: async () => {
      await Promise.all([players.disconnect(), tokens.dispose(), gameState.dispose()])
      await closeHandles()
    },
  }
}
