// The state of the game in one channel. It is stored after every guess, so that the bot can continue the same round
// after it was killed.
import { type Artwork, isRecord, readArtwork } from './artwork.js'

export interface Guesser {
  userId: string
  username: string
  wrongGuesses: number
}

export interface Result {
  winner?: { userId: string; username: string; points: number }
  endedAt: string
}

export interface Round {
  round: number
  artworkId: string
  /**
   * `settling` is stored before the players get their points, and `settled` after. So a finished round counts exactly
   * once, even if the bot is killed in between.
   */
  status: 'open' | 'settling' | 'settled'
  startedAt: string
  hints: number
  guessers: Guesser[]
  /** The artworks shown last, newest first. They are not drawn again soon. */
  recent: string[]
  result: Result | null
}

export type StoredRound = Record<string, unknown>

function countIn(record: StoredRound, ...names: string[]): number | undefined {
  for (const name of names) {
    const value = record[name]
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  }
  return undefined
}

function readGuesser(value: unknown): Guesser[] {
  if (!isRecord(value) || typeof value.userId !== 'string') return []
  const username = typeof value.username === 'string' ? value.username : value.userId
  return [{ userId: value.userId, username, wrongGuesses: countIn(value, 'wrongGuesses') ?? 0 }]
}

function readResult(value: unknown, endedAt: string): Result | null {
  if (!isRecord(value)) return null
  const ended = typeof value.endedAt === 'string' ? value.endedAt : endedAt
  const { winner } = value
  if (!isRecord(winner) || typeof winner.userId !== 'string') return { endedAt: ended }
  const username = typeof winner.username === 'string' ? winner.username : winner.userId
  return { winner: { userId: winner.userId, username, points: countIn(winner, 'points') ?? 0 }, endedAt: ended }
}

/** The fields in which older versions stored the artwork of the round, either its id or the artwork itself. */
const ARTWORK_FIELDS = ['artworkId', 'tokenId', 'currentTokenId', 'artwork', 'token', 'currentToken', 'currentArtwork']

/** The id of the round's artwork as text, or an empty text if the state has none. */
function idIn(stored: StoredRound): string {
  const id = ARTWORK_FIELDS.map((field) => stored[field]).find((value) => ['string', 'number'].includes(typeof value))
  return id === undefined ? '' : String(id)
}

/** The artwork that is stored in the state itself, with the id under which to cache it. */
export function embeddedArtwork(stored: StoredRound): Artwork | undefined {
  for (const field of ARTWORK_FIELDS) {
    const value = stored[field]
    const artwork = readArtwork('', value)
    if (!artwork || !isRecord(value)) continue
    const id = String(value.id ?? value.tokenId ?? '') || idIn(stored) || artwork.title
    return { ...artwork, id: id.replace(/[^\p{L}\p{N}._-]+/gu, '-') }
  }
  return undefined
}

function artworkIdIn(stored: StoredRound): string {
  return idIn(stored) || (embeddedArtwork(stored)?.id ?? '')
}

function statusIn(stored: StoredRound): Round['status'] {
  const { status } = stored
  if (status === 'open' || status === 'settling' || status === 'settled') return status
  const isOver = [stored.active, stored.isActive].includes(false) || status === 'ended' || status === 'finished'
  return isOver ? 'settled' : 'open'
}

/** The start of the round as text. Older versions also stored it in Unix ms. */
function startIn(stored: StoredRound): string {
  const at = stored.startedAt ?? stored.startTime ?? stored.createdAt
  if (typeof at === 'string') return at
  const date = new Date(typeof at === 'number' ? at : Number.NaN)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}

/** Reads a stored state of any version. It may be any object. */
export function readRound(stored: unknown): Round | undefined {
  if (!isRecord(stored)) return undefined
  const at = startIn(stored)
  return {
    round: countIn(stored, 'round', 'roundNumber', 'currentRound') ?? 1,
    artworkId: artworkIdIn(stored),
    status: statusIn(stored),
    startedAt: at,
    hints: countIn(stored, 'hints', 'hintsGiven', 'hintsUsed') ?? 0,
    guessers: Array.isArray(stored.guessers) ? stored.guessers.flatMap(readGuesser) : [],
    recent: Array.isArray(stored.recent) ? stored.recent.filter((id) => typeof id === 'string') : [],
    result: readResult(stored.result, at),
  }
}
