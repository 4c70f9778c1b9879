// Player records: how to read one, and how a round changes it.
import { isRecord } from './artwork.js'

export interface Player {
  userId: string
  username: string
  score: number
  wins: number
  streak: number
  bestStreak: number
  games: number
  lastPlayed: string | undefined
}

/** Identifies a round: its channel and the time when it started there. */
export interface RoundId {
  channelId: string
  startedAt: string
}

export interface PlayedRound {
  username: string
  score: number
  isWinner: boolean
  at: string
  /** If given, the round counts only once, however often it is applied. */
  round?: RoundId | undefined
}

// The names of each field in the records of all versions. New records use the first one.
const FIELD_NAMES = {
  username: ['username', 'name', 'displayName'],
  score: ['score', 'totalScore', 'points'],
  wins: ['wins', 'totalWins'],
  streak: ['streak', 'currentStreak'],
  bestStreak: ['bestStreak', 'maxStreak', 'longestStreak'],
  games: ['games', 'gamesPlayed', 'totalGames'],
  lastPlayed: ['lastPlayed', 'lastPlayedAt'],
} as const

type Field = keyof typeof FIELD_NAMES

/** The name of the field in this record. Changes keep that name, so that a record never has the same field twice. */
function nameIn(record: Record<string, unknown>, field: Field): string {
  return FIELD_NAMES[field].find((name) => Object.hasOwn(record, name)) ?? FIELD_NAMES[field][0]
}

function numberIn(record: Record<string, unknown>, field: Field): number {
  const value = Number(record[nameIn(record, field)] ?? 0)
  return Number.isFinite(value) ? value : 0
}

function textIn(record: Record<string, unknown>, field: Field): string | undefined {
  const value = record[nameIn(record, field)]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A record may also be just a number, which is the score. */
function asRecord(stored: unknown): Record<string, unknown> {
  if (isRecord(stored)) return stored
  return typeof stored === 'number' ? { score: stored } : {}
}

export function readPlayer(userId: string, stored: unknown): Player {
  const record = asRecord(stored)
  const streak = numberIn(record, 'streak')
  const wins = numberIn(record, 'wins')
  return {
    userId,
    username: textIn(record, 'username') ?? userId,
    score: numberIn(record, 'score'),
    wins,
    streak,
    bestStreak: Math.max(streak, numberIn(record, 'bestStreak')),
    games: Math.max(wins, numberIn(record, 'games')),
    lastPlayed: textIn(record, 'lastPlayed'),
  }
}

/** Returns the record after a round, or undefined if it already includes the round. Unknown fields are kept. */
export function afterRound(userId: string, stored: unknown, played: PlayedRound): Record<string, unknown> | undefined {
  const record = asRecord(stored)
  const settled = isRecord(record.settled) ? record.settled : {}
  const { round } = played
  if (round && settled[round.channelId] === round.startedAt) return undefined

  const before = readPlayer(userId, stored)
  const streak = played.isWinner ? before.streak + 1 : 0
  const changed: Record<Field, string | number> = {
    username: played.username,
    score: before.score + played.score,
    wins: before.wins + (played.isWinner ? 1 : 0),
    streak,
    bestStreak: Math.max(before.bestStreak, streak),
    games: before.games + 1,
    lastPlayed: played.at,
  }
  const fields = Object.entries(changed).map(([field, value]) => [nameIn(record, field as Field), value])
  return {
    ...record,
    ...Object.fromEntries(fields),
    ...(round && { settled: { ...settled, [round.channelId]: round.startedAt } }),
  }
}
