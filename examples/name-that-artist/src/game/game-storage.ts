// The storage that the game needs.
import type { Player, RoundId } from './player.js'

export interface GameStorage {
  loadPlayers(): Promise<Record<string, Player>>
  getPlayer(userId: string): Promise<Player | undefined>
  updatePlayerStats(
    userId: string,
    username: string,
    score: number,
    isWinner: boolean,
    round?: RoundId,
  ): Promise<Player>
  loadTokens(): Promise<Record<string, unknown>>
  saveToken(id: string, token: object): Promise<void>
  loadGameStates(): Promise<Record<string, unknown>>
  getGameState(channelId: string): Promise<unknown>
  saveGameState(channelId: string, state: object): Promise<void>
}
