// Who plays in the show, and what they say. They know every picture, and type names as people do.
import collection from '../data/artworks.json'
import { wordsOf } from '../game/answers.js'
import type { Participant, RoundView } from '../game/views.js'

export const ADA: Participant = { userId: 'ada', username: 'Ada' }
export const BEN: Participant = { userId: 'ben', username: 'Ben' }
export const CLEO: Participant = { userId: 'cleo', username: 'Cleo' }

function artistOf(round: RoundView): string {
  const artwork = collection.find((candidate) => candidate.id === round.artworkId)
  if (!artwork) throw new Error(`Nobody in the show knows "${round.title}".`)
  return artwork.artist
}

export const inFull = (round: RoundView): string => artistOf(round)

/** "paul cezanne" for Paul Cézanne. */
export const carelessly = (round: RoundView): string => wordsOf(artistOf(round)).join(' ')

export const loudly = (round: RoundView): string => `${artistOf(round).toUpperCase()}!!`

/** Somebody else of the collection, another one for every number. */
export function wrongly(round: RoundView, number: number): string {
  const right = artistOf(round)
  const others = [...new Set(collection.map((artwork) => artwork.artist))].filter((artist) => artist !== right)
  return others[(number * 7) % others.length] ?? 'nobody'
}
