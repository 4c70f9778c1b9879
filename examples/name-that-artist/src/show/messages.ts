// The messages between the show and its game process.
import type { Player } from '../game/player.js'
import type { GuessResult, HintResult, Participant, RoundView } from '../game/views.js'

export type Request =
  | { type: 'play' }
  | { type: 'guess'; participant: Participant; text: string }
  | { type: 'hint' }
  | { type: 'standings' }
  | { type: 'leaderboard' }
  | { type: 'quit' }

/** The stored state: the open round and all players. */
export interface Standings {
  round: RoundView
  players: Player[]
}

export interface Answers {
  play: { round: RoundView; isNew: boolean }
  guess: GuessResult
  hint: HintResult
  standings: Standings
  leaderboard: Player[]
  quit: Record<string, never>
}

/** The id of the first message of a game process. It sends it when it is ready, with what it found in its data. */
export const READY = 0

export type ToGame = Request & { id: number }
export type FromGame = { id: number; answer: Answers[keyof Answers] | string[] } | { id: number; error: string }
