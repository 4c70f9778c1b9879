// A player's record: what the bot reads in it, and what a played round does to it.
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

/** Names a round once and for all: the channel, and when the round began there. */
export interface RoundId {
  channelId: string
  startedAt: string
}

export interface PlayedRound {
  username: string
  score: number
  isWinner: boolean
  at: string
  /** The round that this counts for. A round that counts already is not counted again. */
  round?: RoundId | undefined
}

// Records of older versions spell some fields in another way. The first name is the one that new records get.
const SPELLINGS = {
  username: ['username', 'name', 'displayName'],
  score: ['score', 'totalScore', 'points'],
  wins: ['wins', 'totalWins'],
  streak: ['streak', 'currentStreak'],
  bestStreak: ['bestStreak', 'maxStreak', 'longestStreak'],
  games: ['games', 'gamesPlayed', 'totalGames'],
  lastPlayed: ['lastPlayed', 'lastPlayedAt'],
} as const

type Field = keyof typeof SPELLINGS

/** The field's name in this record, so that a record goes on in its own spelling and never holds a number twice. */
function nameIn(record: Record<string, unknown>, field: Field): string {
  return SPELLINGS[field].find((name) => Object.hasOwn(record, name)) ?? SPELLINGS[field][0]
}

function numberIn(record: Record<string, unknown>, field: Field): number {
  const value = Number(record[nameIn(record, field)] ?? 0)
  return Number.isFinite(value) ? value : 0
}

function textIn(record: Record<string, unknown>, field: Field): string | undefined {
  const value = record[nameIn(record, field)]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A record may also be a bare number: then it is the score. */
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

/**
 * The record after a round, or undefined when that round counts in it already. Fields that the bot does not know stay
 * as they were.
 */
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
