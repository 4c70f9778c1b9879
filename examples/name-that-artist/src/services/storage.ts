// The bot's storage: players through Keyv, tokens and games through unstorage.
import type Keyv from 'keyv'
import type { Storage } from 'unstorage'
import { afterRound, type Player, type RoundId, readPlayer } from '../game/player.js'
import { KeyedQueue } from '../keyed-queue.js'
import { openStores, type StoreReport, type Stores } from './stores.js'

export { compactAllLogs } from './append-log.js'

export type ProblemListener = (error: Error, name: string) => void

let opening: Promise<Stores> | undefined
const updates = new KeyedQueue()

/**
 * Opens the bot's storage and returns what was found there.
 *
 * The other functions open it at their first call. Call this one first to get the report, and to be notified of
 * background problems.
 */
export async function openStorage(onProblem: ProblemListener = warn): Promise<StoreReport[]> {
  return (await stores(onProblem)).reports
}

function warn(error: Error, name: string): void {
  console.warn(`${name}: ${error.message}`)
}

function stores(onProblem: ProblemListener = warn): Promise<Stores> {
  if (!opening) {
    const attempt = openStores(onProblem)
    opening = attempt
    // Forget a failed attempt, so that the next call tries again.
    attempt.catch(() => {
      if (opening === attempt) opening = undefined
    })
  }
  return opening
}

/** Waits for all requested changes, then closes the storage. */
export async function closeStorage(): Promise<void> {
  await updates.idle()
  const open = opening
  opening = undefined
  // If opening failed, the call that opened it has rejected.
  await (await open?.catch(() => undefined))?.close()
}

/** Returns all players by user id. */
export async function loadPlayers(): Promise<Record<string, Player>> {
  const { players } = await stores()
  const found: [string, Player][] = []
  for await (const [userId, record] of iterate(players)) found.push([userId, readPlayer(userId, record)])
  return Object.fromEntries(found)
}

function iterate(players: Keyv): AsyncIterable<[string, unknown]> {
  if (!players.iterator)
    throw new Error('The store of the players cannot list its keys. Use a Keyv store with an iterator.')
  return players.iterator(undefined)
}

export async function getPlayer(userId: string): Promise<Player | undefined> {
  const { players } = await stores()
  const record: unknown = await players.get(userId)
  return record === undefined ? undefined : readPlayer(userId, record)
}

/**
 * Adds a round to a player: its points, one game, and a win, which extends the streak, or a loss, which ends it.
 *
 * If `round` is given, it counts only once. Updates of the same player run one after the other, because Keyv cannot read
 * and write in one step.
 */
export function updatePlayerStats(
  userId: string,
  username: string,
  score: number,
  isWinner: boolean,
  round?: RoundId,
): Promise<Player> {
  return updates.run(userId, async () => {
    const { players } = await stores()
    const before: unknown = await players.get(userId)
    const at = new Date().toISOString()
    const after = afterRound(userId, before, { username, score, isWinner, at, round })
    if (after === undefined) return readPlayer(userId, before)
    if (!(await players.set(userId, after))) throw new Error(`The update of player ${userId} was not stored.`)
    return readPlayer(userId, after)
  })
}

/** Returns the cached artworks by id, as they are stored. */
export async function loadTokens(): Promise<Record<string, unknown>> {
  return loadAll((await stores()).tokens)
}

export async function saveToken(id: string, token: object): Promise<void> {
  await (await stores()).tokens.setItem(storageKey(id), token)
}

/** Returns the games of all channels, as they are stored. */
export async function loadGameStates(): Promise<Record<string, unknown>> {
  return loadAll((await stores()).gameState)
}

/** Returns the game of a channel, or undefined if it has none. */
export async function getGameState(channelId: string): Promise<unknown> {
  return (await (await stores()).gameState.getItem(storageKey(channelId))) ?? undefined
}

export async function saveGameState(channelId: string, state: object): Promise<void> {
  await (await stores()).gameState.setItem(storageKey(channelId), { ...state })
}

export async function deleteGameState(channelId: string): Promise<void> {
  await (await stores()).gameState.removeItem(storageKey(channelId))
}

async function loadAll(storage: Storage): Promise<Record<string, unknown>> {
  const items = await storage.getItems(await storage.getKeys())
  return Object.fromEntries(items.map(({ key, value }) => [key, value]))
}

/** Refuses ids that unstorage would change: it replaces "/" and "\" by ":" and drops "?", so two ids could share a record. */
function storageKey(id: string): string {
  if (/[/\\?]|^:|:$|::|^$/.test(id))
    throw new RangeError(
      `"${id}" cannot be an id. It must not be empty, contain / \\ ? or ::, or begin or end with a colon.`,
    )
  return id
}
