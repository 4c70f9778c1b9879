// The players of the show and their guesses. They know every picture, and type names as people do.
import collection from '../data/artworks.json'
import { wordsOf } from '../game/answers.js'
import type { Participant, RoundView } from '../game/views.js'

export const ADA: Participant = { userId: 'ada', username: 'Ada' }
export const BEN: Participant = { userId: 'ben', username: 'Ben' }
export const CLEO: Participant = { userId: 'cleo', username: 'Cleo' }

function artistOf(round: RoundView): string {
  const artwork = collection.find((candidate) => candidate.id === round.artworkId)
  if (!artwork) throw new Error(`"${round.title}" is not in the collection.`)
  return artwork.artist
}

export const fullName = (round: RoundView): string => artistOf(round)

/** "paul cezanne" for Paul Cézanne. */
export const plainName = (round: RoundView): string => wordsOf(artistOf(round)).join(' ')

export const shoutedName = (round: RoundView): string => `${artistOf(round).toUpperCase()}!!`

/** Another artist of the collection, a different one for each number. */
export function wrongName(round: RoundView, number: number): string {
  const right = artistOf(round)
  const others = [...new Set(collection.map((artwork) => artwork.artist))].filter((artist) => artist !== right)
  return others[(number * 7) % others.length] ?? 'nobody'
}
