// The game itself, for any front end: it takes who said what in which channel, and gives plain objects to show.
// Nothing is held in memory between two calls but the gallery; every answer has been stored before it is given.
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

  /** The round in progress, or else the next one, begun now. */
  play(channelId: string): Promise<{ round: RoundView; isNew: boolean }> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (open) return { round: viewOf(channelId, open), isNew: false }
      return { round: viewOf(channelId, await this.#begin(channelId)), isNew: true }
    })
  }

  guess(channelId: string, guest: Participant, text: string): Promise<GuessResult> {
    return this.#turns.run(channelId, async () => {
      const open = await this.#openRound(channelId)
      if (!open) return { kind: 'no-round' }
      const verdict = judgeGuess(text, this.#gallery.artistOf(open.artwork), this.#gallery.artists.values())
      return verdict === 'right' ? this.#won(channelId, open, guest) : this.#missed(channelId, open, guest, verdict)
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

  /** Ends the round without a winner. Those who had guessed have played it and lost. */
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

  /** The channels in which a game is in progress, the one that was played last first. */
  async channels(): Promise<string[]> {
    const states = Object.entries(await this.#storage.loadGameStates())
    const games = states.flatMap(([channelId, stored]) => {
      const round = readRound(stored)
      return round ? [{ channelId, startedAt: round.startedAt }] : []
    })
    games.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
    return games.map((game) => game.channelId)
  }

  /** The player of that name. Front ends whose people have no ids of their own get one made from the name. */
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

  async #won(channelId: string, open: OpenRound, guest: Participant): Promise<GuessResult> {
    const { hints, guessers } = open.round
    const wrongGuesses = guessers.find((guesser) => guesser.userId === guest.userId)?.wrongGuesses ?? 0
    const streak = (await this.#storage.getPlayer(guest.userId))?.streak ?? 0
    const points = pointsFor({ hints, wrongGuesses, streak })
    await this.#end(channelId, open, { winner: { ...guest, points }, endedAt: this.#now().toISOString() })
    const player = await this.#storage.getPlayer(guest.userId)
    if (!player) throw new Error(`The points of ${guest.username} were stored, but the player cannot be found.`)
    return { kind: 'right', artwork: open.artwork, points, player }
  }

  async #missed(channelId: string, open: OpenRound, guest: Participant, kind: 'close' | 'wrong'): Promise<GuessResult> {
    const before = open.round.guessers.find((guesser) => guesser.userId === guest.userId)
    const wrongGuesses = (before?.wrongGuesses ?? 0) + 1
    const others = open.round.guessers.filter((guesser) => guesser !== before)
    const guessers = [...others, { userId: guest.userId, username: guest.username, wrongGuesses }]
    const next = await this.#save(channelId, open, { ...open.round, guessers })
    return { kind, wrongGuesses, round: viewOf(channelId, next) }
  }

  async #begin(channelId: string): Promise<OpenRound> {
    const before = await this.#storage.getGameState(channelId)
    const last = readRound(before)
    const { artwork, recent } = this.#gallery.draw(last?.recent ?? [], this.#random)
    // The cache comes first: a round must never point to an artwork that is not there.
    await this.#gallery.keep(artwork)
    const round: Round = {
      round: (last?.round ?? 0) + 1,
      artworkId: artwork.id,
      status: 'open',
      startedAt: this.#startOfRound(last),
      hints: 0,
      guessers: [],
      recent,
      result: null,
    }
    return this.#save(channelId, { stored: (before ?? {}) as StoredRound, round, artwork }, round)
  }

  /** When a round began is also what tells it from the one before, so two never get the same time. */
  #startOfRound(last: Round | undefined): string {
    const now = this.#now()
    const before = Date.parse(last?.startedAt ?? '')
    return new Date(Math.max(now.getTime(), Number.isNaN(before) ? 0 : before + 1)).toISOString()
  }

  /** Stores the result, then what it means for each player, then that all of that is done. */
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

  /** The open round, if any. A round that was being settled when the bot was stopped is settled to its end first. */
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

  /** Fields that the bot does not know stay in the stored state. */
  async #save(channelId: string, { stored, artwork }: OpenRound, round: Round): Promise<OpenRound> {
    const next = { ...stored, ...round }
    await this.#storage.saveGameState(channelId, next)
    return { stored: next, round, artwork }
  }
}

/** Stands in while a round is settled whose artwork is not in the gallery any more: settling needs no artwork. */
const UNKNOWN_ARTWORK: Artwork = { id: '', title: '', year: '', style: '', artist: '' }
