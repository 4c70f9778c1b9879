// A storage for the game in memory. Like a file it stores JSON texts, and it can simulate a full disk.
import type { GameStorage } from '../../src/game/game-storage.js'
import { afterRound, type Player, type RoundId, readPlayer } from '../../src/game/player.js'

export class MemoryStorage implements GameStorage {
  readonly players = new Map<string, string>()
  readonly tokens = new Map<string, string>()
  readonly states = new Map<string, string>()
  /** How many more writes succeed. All later ones fail. */
  writesLeft = Number.POSITIVE_INFINITY
  writes = 0

  #write(map: Map<string, string>, key: string, value: unknown): void {
    if (this.writesLeft <= 0) throw new Error('the disk is full')
    this.writesLeft -= 1
    this.writes += 1
    map.set(key, JSON.stringify(value))
  }

  async loadPlayers(): Promise<Record<string, Player>> {
    return Object.fromEntries(Array.from(this.players, ([id, text]) => [id, readPlayer(id, JSON.parse(text))]))
  }

  async getPlayer(userId: string): Promise<Player | undefined> {
    const text = this.players.get(userId)
    return text === undefined ? undefined : readPlayer(userId, JSON.parse(text))
  }

  async updatePlayerStats(userId: string, username: string, score: number, isWinner: boolean, round?: RoundId) {
    const before: unknown = JSON.parse(this.players.get(userId) ?? 'null')
    const after = afterRound(userId, before, { username, score, isWinner, at: '2025-01-15T12:00:00.000Z', round })
    if (after) this.#write(this.players, userId, after)
    return readPlayer(userId, after ?? before)
  }

  async loadTokens(): Promise<Record<string, unknown>> {
    return Object.fromEntries(Array.from(this.tokens, ([id, text]) => [id, JSON.parse(text)]))
  }

  async saveToken(id: string, token: object): Promise<void> {
    this.#write(this.tokens, id, token)
  }

  async loadGameStates(): Promise<Record<string, unknown>> {
    return Object.fromEntries(Array.from(this.states, ([id, text]) => [id, JSON.parse(text)]))
  }

  async getGameState(channelId: string): Promise<unknown> {
    const text = this.states.get(channelId)
    return text === undefined ? undefined : JSON.parse(text)
  }

  async saveGameState(channelId: string, state: object): Promise<void> {
    this.#write(this.states, channelId, state)
  }
}

export const STARRY_NIGHT = {
  id: 'starry-night',
  title: 'The Starry Night',
  year: '1889',
  style: 'Post-Impressionism',
  artist: 'Vincent van Gogh',
}
export const OLYMPIA = { id: 'olympia', title: 'Olympia', year: '1863', style: 'Realism', artist: 'Édouard Manet' }

export const ADA = { userId: 'ada', username: 'Ada' }
export const BEN = { userId: 'ben', username: 'Ben' }
