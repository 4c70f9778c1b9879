// The show: plays a few rounds with itself, kills the game in the middle of one, and checks that it goes on.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Participant, RoundView } from '../game/views.js'
import { tailOfLog } from '../services/log-tail.js'
import { type Display, wrap } from '../terminal/layout.js'
import { guessLines, hintLines, leaderboardLines, roundCard, tailLines } from '../terminal/render.js'
import { ADA, BEN, CLEO, carelessly, inFull, loudly, wrongly } from './cast.js'
import { GameClient } from './game-client.js'
import type { Standing } from './messages.js'

export interface ShowOptions {
  mainFile: string
  /** Leaves the data directory behind, to be looked at. */
  keep: boolean
  print: (lines: readonly string[]) => void
  width: number
  /** Where the lines of the logs are cut; they say little in 80 columns. */
  logWidth: number
}

const TAIL_LINES = 6
const LONGEST_SHOW_MS = 60_000

/** The answer to the show's question: is everything that was acknowledged still there? Throws when it is not. */
function checkNothingLost(before: Standing, after: Standing): void {
  if (isDeepStrictEqual(before, after)) return
  const [was, is] = [before, after].map((standing) => JSON.stringify(standing))
  throw new Error(`What was acknowledged is not what is there after the kill.\n  before: ${was}\n  after:  ${is}`)
}

class Show {
  readonly #options: ShowOptions
  readonly #dir: string
  readonly #look: Display
  readonly #points = new Map<string, number>()
  #game: GameClient
  #isOver = false

  constructor(options: ShowOptions, dir: string) {
    this.#options = options
    this.#dir = dir
    this.#look = { width: options.width, colours: false }
    this.#game = new GameClient(options.mainFile, dir)
  }

  /** Ends the game process, whichever it is by now, if it is still there. */
  end(): Promise<void> {
    this.#isOver = true
    return this.#game.kill()
  }

  async run(): Promise<void> {
    await this.#introduce('The game process')
    let round = await this.#showRound()
    await this.#guess(ADA, wrongly(round, 1))
    await this.#guess(BEN, carelessly(round))

    round = await this.#showRound()
    await this.#guess(CLEO, wrongly(round, 2))
    await this.#hint()
    await this.#guess(BEN, inFull(round))

    round = await this.#showRound()
    await this.#guess(ADA, wrongly(round, 3))
    await this.#hint()
    await this.#guess(CLEO, wrongly(round, 4))
    await this.#killAndGoOn()
    await this.#guess(CLEO, loudly(round))

    round = await this.#showRound()
    await this.#guess(CLEO, carelessly(round))

    await this.#finish()
  }

  #print(...lines: string[]): void {
    this.#options.print(lines)
  }

  async #introduce(who: string): Promise<void> {
    const sentences = (await this.#game.ready).flatMap((sentence) => wrap(sentence, this.#look.width - 2))
    this.#print(`${who} (pid ${this.#game.pid}) has opened its data:`, ...sentences.map((line) => `  ${line}`), '')
  }

  async #showRound(): Promise<RoundView> {
    const { round } = await this.#game.ask<'play'>({ ask: 'play' })
    this.#print(...roundCard(this.#look, round))
    return round
  }

  async #guess(guest: Participant, text: string): Promise<void> {
    const result = await this.#game.ask<'guess'>({ ask: 'guess', guest, text })
    this.#print(`${guest.username}: ${text}`, ...guessLines(this.#look, guest.username, result))
    if (result.kind !== 'right') return
    this.#print('')
    this.#points.set(guest.userId, (this.#points.get(guest.userId) ?? 0) + result.points)
  }

  async #hint(): Promise<void> {
    this.#print(...hintLines(this.#look, await this.#game.ask<'hint'>({ ask: 'hint' })))
  }

  async #killAndGoOn(): Promise<void> {
    const before = await this.#game.ask<'standing'>({ ask: 'standing' })
    const { pid } = this.#game
    await this.#game.kill()
    this.#print('', `*** SIGKILL: process ${pid} is gone, in the middle of round ${before.round.round}. ***`, '')

    if (this.#isOver) throw new Error('it was ended')
    this.#game = new GameClient(this.#options.mainFile, this.#dir)
    await this.#introduce('A new process')
    const after = await this.#game.ask<'standing'>({ ask: 'standing' })
    checkNothingLost(before, after)
    const verdict = `Round ${after.round.round} goes on: its hints, its guesses, every score and streak are as they were.`
    this.#print(...wrap(verdict, this.#look.width), ...roundCard(this.#look, after.round))
  }

  async #finish(): Promise<void> {
    const players = await this.#game.ask<'leaderboard'>({ ask: 'leaderboard' })
    for (const { userId, username, score } of players) {
      const won = this.#points.get(userId) ?? 0
      if (score !== won) throw new Error(`${username} won ${won} points in this show, but the store says ${score}.`)
    }
    const exitCode = await this.#game.leave()
    if (exitCode !== 0) throw new Error(`The game process did not close well: exit code ${exitCode}.`)
    this.#print(...leaderboardLines(this.#look, players), '')
    for (const name of ['players', 'game_state']) {
      const lines = await tailOfLog(this.#dir, name, TAIL_LINES)
      const look = { ...this.#look, width: this.#options.logWidth }
      this.#print(...tailLines(look, `The last lines of logs/${name}.log`, lines), '')
    }
  }
}

/** Rejects when the show is asked to stop, or takes so long that something must be wrong. */
function interruption(): { happened: Promise<never>; exitCode: () => number; stop: () => void } {
  let exitCode = 1
  let stop = () => {}
  const happened = new Promise<never>((_, reject) => {
    const interrupt = (code: number, reason: string) => {
      exitCode = code
      reject(new Error(reason))
    }
    const onInterrupt = () => interrupt(130, 'it was interrupted')
    const onTerminate = () => interrupt(143, 'it was told to end')
    const timer = setTimeout(() => interrupt(1, `nothing happened for too long`), LONGEST_SHOW_MS)
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
    stop = () => {
      clearTimeout(timer)
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
    }
  })
  // It may come at a moment when nobody is waiting for it yet.
  happened.catch(() => undefined)
  return { happened, exitCode: () => exitCode, stop: () => stop() }
}

/** Runs the show in a directory of its own. Resolves to the exit code: 0 when nothing was lost. */
export async function runShow(options: ShowOptions): Promise<number> {
  const { happened, exitCode, stop } = interruption()
  const dir = await mkdtemp(join(tmpdir(), 'name-that-artist-'))
  options.print(['Name that artist, played by three who know every picture.', `Data: ${dir}`, ''])
  const show = new Show(options, dir)
  try {
    await Promise.race([show.run(), happened])
    options.print(['Nothing was lost.'])
    return 0
  } catch (error) {
    options.print([`The show has failed: ${error instanceof Error ? error.message : String(error)}`])
    return exitCode()
  } finally {
    stop()
    await show.end()
    if (options.keep) options.print([`The data is kept in ${dir}`])
    else await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}
