// What the game returns to a front end: plain objects without any formatting.
import type { Artwork } from './artwork.js'
import { hintText } from './hints.js'
import type { Player } from './player.js'
import type { Guesser, Round } from './round.js'

/** A person who plays, whether or not there is a player record yet. */
export interface Participant {
  userId: string
  username: string
}

/** A round without its artist, so that it can be shown to the players. */
export interface RoundView {
  channelId: string
  round: number
  artworkId: string
  title: string
  year: string
  style: string
  startedAt: string
  hints: number
  hint: string | undefined
  guessers: Guesser[]
}

export type GuessResult =
  | { kind: 'right'; artwork: Artwork; points: number; player: Player }
  | { kind: 'close' | 'wrong'; wrongGuesses: number; round: RoundView }
  | { kind: 'no-round' }

export type HintResult =
  | { kind: 'hint'; round: RoundView }
  | { kind: 'no-more'; round: RoundView }
  | { kind: 'no-round' }
export type SkipResult = { kind: 'skipped'; artwork: Artwork } | { kind: 'no-round' }

export function viewOf(channelId: string, { round, artwork }: { round: Round; artwork: Artwork }): RoundView {
  return {
    channelId,
    round: round.round,
    artworkId: artwork.id,
    title: artwork.title,
    year: artwork.year,
    style: artwork.style,
    startedAt: round.startedAt,
    hints: round.hints,
    hint: round.hints > 0 ? hintText(artwork.artist, round.hints) : undefined,
    guessers: round.guessers,
  }
}
