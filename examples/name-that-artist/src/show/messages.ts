// What the show and its game process say to each other.
import type { Player } from '../game/player.js'
import type { GuessResult, HintResult, Participant, RoundView } from '../game/views.js'

export type Request =
  | { ask: 'play' }
  | { ask: 'guess'; guest: Participant; text: string }
  | { ask: 'hint' }
  | { ask: 'standing' }
  | { ask: 'leaderboard' }
  | { ask: 'leave' }

/** What is stored at some moment: the round in progress, and all players. */
export interface Standing {
  round: RoundView
  players: Player[]
}

export interface Answers {
  play: { round: RoundView; isNew: boolean }
  guess: GuessResult
  hint: HintResult
  standing: Standing
  leaderboard: Player[]
  leave: Record<string, never>
}

/** The number of the message that a game process sends, unasked, when it is ready: what it found in its data. */
export const READY = 0

export type ToGame = Request & { id: number }
export type FromGame = { id: number; answer: Answers[keyof Answers] | string[] } | { id: number; error: string }
