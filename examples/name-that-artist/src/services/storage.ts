// What the bot keeps: players through Keyv, tokens and games through unstorage.
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
 * Opens the bot's storage and says what was found there. All other functions open it by themselves at their first
 * call; calling this first means to hear the report, and of problems in the background.
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
    // An opening that failed is not remembered: whatever was in the way may be gone at the next call.
    attempt.catch(() => {
      if (opening === attempt) opening = undefined
    })
  }
  return opening
}

/** Waits for every change that was asked for, then closes. */
export async function closeStorage(): Promise<void> {
  await updates.idle()
  const open = opening
  opening = undefined
  // If it could not be opened, whoever opened it has been told.
  await (await open?.catch(() => undefined))?.close()
}

/** Every player by user id. */
export async function loadPlayers(): Promise<Record<string, Player>> {
  const { players } = await stores()
  const found: [string, Player][] = []
  for await (const [userId, record] of iterate(players)) found.push([userId, readPlayer(userId, record)])
  return Object.fromEntries(found)
}

function iterate(players: Keyv): AsyncIterable<[string, unknown]> {
  if (!players.iterator) throw new Error('The store of the players cannot list them.')
  return players.iterator(undefined)
}

export async function getPlayer(userId: string): Promise<Player | undefined> {
  const { players } = await stores()
  const record: unknown = await players.get(userId)
  return record === undefined ? undefined : readPlayer(userId, record)
}

/**
 * Adds a played round to a player: the points, one game, and a win that lengthens the streak or a loss that ends it.
 * With `round`, a round that counts already is not counted twice. Updates of one player wait for each other, since
 * Keyv has no way to read and write in one step.
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

/** The cached artworks by id, as they are stored. */
export async function loadTokens(): Promise<Record<string, unknown>> {
  return loadAll((await stores()).tokens)
}

export async function saveToken(id: string, token: object): Promise<void> {
  await (await stores()).tokens.setItem(storageKey(id), token)
}

/** The games of all channels, as they are stored. */
export async function loadGameStates(): Promise<Record<string, unknown>> {
  return loadAll((await stores()).gameState)
}

/** The game of a channel, or undefined where none is in progress. */
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

/** unstorage reads "/" and "\" as ":" and drops what follows a "?": two ids would share one record, unnoticed. */
function storageKey(id: string): string {
  if (/[/\\?]|^:|:$|::|^$/.test(id))
    throw new RangeError(`"${id}" cannot be an id: it must not be empty or hold / \\ ?`)
  return id
}
