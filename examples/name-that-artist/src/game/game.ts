// The game, for any front end. It takes the guesses of each channel and returns plain objects to show. Every change is
// stored before it is returned, and only the gallery stays in memory between calls.
import { KeyedQueue } from '../keyed-queue.js'
import { judgeGuess } from './answers.js'
import type { Artwork } from './artwork.js'
import { Gallery } from './gallery.js'
import type { GameStorage } from './game-storage.js'
import { MAX_HINTS } from './hints.js'
import type { Player } from './player.js'
import { embeddedArtwork, type Round, readRound, type StoredRound } from './round.js'
import { pointsFor } from './scoring.js'
import {
  type GuessResult,
  type HintResult,
  type Participant,
  type RoundView,
  type SkipResult,
  viewOf,
} from './views.js'

interface OpenRound {
  stored: StoredRound
  round: Round
  artwork: Artwork
}

export interface GameOptions {
  collection: readonly Artwork[]
  random?: () => number
  now?: () => Date
}

export class Game {
  readonly #storage: GameStorage
  readonly #gallery: Gallery
  readonly #random: () => number
  readonly #now: () => Date
  readonly #turns = new KeyedQueue()

  private constructor(storage: GameStorage, gallery: Gallery, options: GameOptions) {
    this.#storage = storage
    this.#gallery = gallery
    this.#random = options.random ?? Math.random
    this.#now = options.now ?? (() => new Date())
  }

  static async open(storage: GameStorage, options: GameOptions): Promise<Game> {
    return new Game(storage, await Gallery.open(storage, options.collection), options)
  }

  /** Returns the open round, or starts the next one. */
  play(channelId: string): Promise<{ round: RoundView; isNew: boolean }> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (open) return { round: viewOf(channelId, open), isNew: false }
      return { round: viewOf(channelId, await this.#begin(channelId)), isNew: true }
    })
  }

  guess(channelId: string, participant: Participant, text: string): Promise<GuessResult> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (!open) return { kind: 'no-round' }
      const verdict = judgeGuess(text, this.#gallery.artistOf(open.artwork), this.#gallery.artists.values())
      return verdict === 'right'
        ? this.#won(channelId, open, participant)
        : this.#missed(channelId, open, participant, verdict)
    })
  }

  hint(channelId: string): Promise<HintResult> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (!open) return { kind: 'no-round' }
      if (open.round.hints >= MAX_HINTS) return { kind: 'no-more', round: viewOf(channelId, open) }
      const next = await this.#save(channelId, open, { ...open.round, hints: open.round.hints + 1 })
      return { kind: 'hint', round: viewOf(channelId, next) }
    })
  }

  /** Ends the round without a winner. For everyone who has guessed it counts as a loss. */
  skip(channelId: string): Promise<SkipResult> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (!open) return { kind: 'no-round' }
      await this.#end(channelId, open, { endedAt: this.#now().toISOString() })
      return { kind: 'skipped', artwork: open.artwork }
    })
  }

  async leaderboard(limit = 10): Promise<Player[]> {
    const players = Object.values(await this.#storage.loadPlayers())
    players.sort((a, b) => b.score - a.score || b.wins - a.wins || a.username.localeCompare(b.username))
    return players.slice(0, limit)
  }

  /** The channels that have a game, the most recently played first. */
  async channels(): Promise<string[]> {
    const states = Object.entries(await this.#storage.loadGameStates())
    const games = states.flatMap(([channelId, stored]) => {
      const round = readRound(stored)
      return round ? [{ channelId, startedAt: round.startedAt }] : []
    })
    games.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
    return games.map((game) => game.channelId)
  }

  /** Finds a player by name. A new player gets an id made from the name, for front ends without user ids. */
  async participantNamed(name: string): Promise<Participant> {
    const wanted = name.trim().toLowerCase()
    const players = Object.values(await this.#storage.loadPlayers())
    const known = players.find((player) => player.username.toLowerCase() === wanted)
    if (known) return { userId: known.userId, username: known.username }
    const base = wanted.replace(/[^\p{L}\p{N}]+/gu, '-')
    const taken = new Set(players.map((player) => player.userId))
    let userId = base
    for (let number = 2; taken.has(userId); number++) userId = `${base}-${number}`
    return { userId, username: name.trim() }
  }

  async #won(channelId: string, open: OpenRound, participant: Participant): Promise<GuessResult> {
    const { hints, guessers } = open.round
    const wrongGuesses = guessers.find((guesser) => guesser.userId === participant.userId)?.wrongGuesses ?? 0
    const streak = (await this.#storage.getPlayer(participant.userId))?.streak ?? 0
    const points = pointsFor({ hints, wrongGuesses, streak })
    await this.#end(channelId, open, { winner: { ...participant, points }, endedAt: this.#now().toISOString() })
    const player = await this.#storage.getPlayer(participant.userId)
    if (!player) throw new Error(`The points of ${participant.username} were stored, but the player cannot be found.`)
    return { kind: 'right', artwork: open.artwork, points, player }
  }

  async #missed(
    channelId: string,
    open: OpenRound,
    participant: Participant,
    kind: 'close' | 'wrong',
  ): Promise<GuessResult> {
    const before = open.round.guessers.find((guesser) => guesser.userId === participant.userId)
    const wrongGuesses = (before?.wrongGuesses ?? 0) + 1
    const others = open.round.guessers.filter((guesser) => guesser !== before)
    const guessers = [...others, { userId: participant.userId, username: participant.username, wrongGuesses }]
    const next = await this.#save(channelId, open, { ...open.round, guessers })
    return { kind, wrongGuesses, round: viewOf(channelId, next) }
  }

  async #begin(channelId: string): Promise<OpenRound> {
    const before = await this.#storage.getGameState(channelId)
    const last = readRound(before)
    const { artwork, recent } = this.#gallery.draw(last?.recent ?? [], this.#random)
    // Cache the artwork first: a round must never refer to a missing artwork.
    await this.#gallery.keep(artwork)
    const round: Round = {
      round: (last?.round ?? 0) + 1,
      artworkId: artwork.id,
      status: 'open',
      startedAt: this.#startTime(last),
      hints: 0,
      guessers: [],
      recent,
      result: null,
    }
    return this.#save(channelId, { stored: (before ?? {}) as StoredRound, round, artwork }, round)
  }

  /** Returns the start time of a new round. It identifies the round, so it must differ from that of the last round. */
  #startTime(last: Round | undefined): string {
    const now = this.#now()
    const before = Date.parse(last?.startedAt ?? '')
    return new Date(Math.max(now.getTime(), Number.isNaN(before) ? 0 : before + 1)).toISOString()
  }

  /** Stores the result, then updates each player, then marks the round as settled. */
  async #end(channelId: string, open: OpenRound, result: Round['result']): Promise<void> {
    const settling: Round = { ...open.round, status: 'settling', result }
    await this.#settle(channelId, await this.#save(channelId, open, settling))
  }

  async #settle(channelId: string, open: OpenRound): Promise<void> {
    const { guessers, result, startedAt } = open.round
    const winner = result?.winner
    const id = { channelId, startedAt }
    const losers = guessers.filter((guesser) => guesser.userId !== winner?.userId)
    if (winner) await this.#storage.updatePlayerStats(winner.userId, winner.username, winner.points, true, id)
    for (const loser of losers) {
      await this.#storage.updatePlayerStats(loser.userId, loser.username, 0, false, id)
    }
    await this.#save(channelId, open, { ...open.round, status: 'settled' })
  }

  /** Returns the open round, if any. If the bot was stopped while it settled a round, this settles the rest first. */
  async #openRound(channelId: string): Promise<OpenRound | undefined> {
    const stored = (await this.#storage.getGameState(channelId)) as StoredRound | undefined
    const round = readRound(stored)
    if (!stored || !round) return undefined
    const embedded = embeddedArtwork(stored)
    if (embedded) await this.#gallery.keep(embedded)
    const artwork = this.#gallery.get(round.artworkId)
    if (round.status === 'settling') {
      await this.#settle(channelId, { stored, round, artwork: artwork ?? UNKNOWN_ARTWORK })
      return undefined
    }
    return round.status === 'open' && artwork ? { stored, round, artwork } : undefined
  }

  /** Stores a round. Unknown fields of the stored state are kept. */
  async #save(channelId: string, { stored, artwork }: OpenRound, round: Round): Promise<OpenRound> {
    const next = { ...stored, ...round }
    await this.#storage.saveGameState(channelId, next)
    return { stored: next, round, artwork }
  }
}

/** A placeholder for settling a round whose artwork is no longer in the gallery. Settling does not use the artwork. */
const UNKNOWN_ARTWORK: Artwork = { id: '', title: '', year: '', style: '', artist: '' }
