// The show: plays a few rounds, kills the game process in the middle of one, and checks that the game continues.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Participant, RoundView } from '../game/views.js'
import { tailOfLog } from '../services/log-tail.js'
import { type Display, wrap } from '../terminal/layout.js'
import { guessLines, hintLines, leaderboardLines, roundCard, tailLines } from '../terminal/render.js'
import { ADA, BEN, CLEO, fullName, plainName, shoutedName, wrongName } from './cast.js'
import { GameClient } from './game-client.js'
import type { Standings } from './messages.js'

export interface ShowOptions {
  mainFile: string
  /** Keeps the data directory, so that it can be inspected. */
  keep: boolean
  print: (lines: readonly string[]) => void
  width: number
  /** The width to which lines of the logs are cut. 80 columns would be too narrow for them. */
  logWidth: number
}

const TAIL_LINES = 6
const MAX_SHOW_MS = 60_000

/** Throws if the state after the kill is not the state that was acknowledged before. */
function checkNothingLost(before: Standings, after: Standings): void {
  if (isDeepStrictEqual(before, after)) return
  const [was, is] = [before, after].map((standings) => JSON.stringify(standings))
  throw new Error(`The state changed in the kill.\n  before: ${was}\n  after:  ${is}`)
}

class Show {
  readonly #options: ShowOptions
  readonly #dir: string
  readonly #display: Display
  readonly #points = new Map<string, number>()
  #game: GameClient
  #isOver = false

  constructor(options: ShowOptions, dir: string) {
    this.#options = options
    this.#dir = dir
    this.#display = { width: options.width, colours: false }
    this.#game = new GameClient(options.mainFile, dir)
  }

  /** Kills the current game process, if it is still running. */
  end(): Promise<void> {
    this.#isOver = true
    return this.#game.kill()
  }

  async run(): Promise<void> {
    await this.#introduce('The game process')
    let round = await this.#showRound()
    await this.#guess(ADA, wrongName(round, 1))
    await this.#guess(BEN, plainName(round))

    round = await this.#showRound()
    await this.#guess(CLEO, wrongName(round, 2))
    await this.#hint()
    await this.#guess(BEN, fullName(round))

    round = await this.#showRound()
    await this.#guess(ADA, wrongName(round, 3))
    await this.#hint()
    await this.#guess(CLEO, wrongName(round, 4))
    await this.#killAndContinue()
    await this.#guess(CLEO, shoutedName(round))

    round = await this.#showRound()
    await this.#guess(CLEO, plainName(round))

    await this.#finish()
  }

  #print(...lines: string[]): void {
    this.#options.print(lines)
  }

  async #introduce(who: string): Promise<void> {
    const sentences = (await this.#game.ready).flatMap((sentence) => wrap(sentence, this.#display.width - 2))
    this.#print(`${who} (pid ${this.#game.pid}) has opened its data:`, ...sentences.map((line) => `  ${line}`), '')
  }

  async #showRound(): Promise<RoundView> {
    const { round } = await this.#game.request<'play'>({ type: 'play' })
    this.#print(...roundCard(this.#display, round))
    return round
  }

  async #guess(participant: Participant, text: string): Promise<void> {
    const { userId, username } = participant
    const result = await this.#game.request<'guess'>({ type: 'guess', participant, text })
    this.#print(`${username}: ${text}`, ...guessLines(this.#display, username, result))
    if (result.kind !== 'right') return
    this.#print('')
    this.#points.set(userId, (this.#points.get(userId) ?? 0) + result.points)
  }

  async #hint(): Promise<void> {
    this.#print(...hintLines(this.#display, await this.#game.request<'hint'>({ type: 'hint' })))
  }

  async #killAndContinue(): Promise<void> {
    const before = await this.#game.request<'standings'>({ type: 'standings' })
    const { pid } = this.#game
    await this.#game.kill()
    this.#print('', `*** SIGKILL: process ${pid} is gone, in the middle of round ${before.round.round}. ***`, '')

    if (this.#isOver) throw new Error('it was stopped')
    this.#game = new GameClient(this.#options.mainFile, this.#dir)
    await this.#introduce('A new process')
    const after = await this.#game.request<'standings'>({ type: 'standings' })
    checkNothingLost(before, after)
    const verdict = `Round ${after.round.round} continues: its hints and guesses and all scores and streaks are unchanged.`
    this.#print(...wrap(verdict, this.#display.width), ...roundCard(this.#display, after.round))
  }

  async #finish(): Promise<void> {
    const players = await this.#game.request<'leaderboard'>({ type: 'leaderboard' })
    for (const { userId, username, score } of players) {
      const won = this.#points.get(userId) ?? 0
      if (score !== won) throw new Error(`${username} won ${won} points in this show, but ${score} are stored.`)
    }
    const exitCode = await this.#game.quit()
    if (exitCode !== 0) throw new Error(`The game process ended with exit code ${exitCode}.`)
    this.#print(...leaderboardLines(this.#display, players), '')
    for (const name of ['players', 'game_state']) {
      const lines = await tailOfLog(this.#dir, name, TAIL_LINES)
      const display = { ...this.#display, width: this.#options.logWidth }
      this.#print(...tailLines(display, `The last lines of logs/${name}.log`, lines), '')
    }
  }
}

/** Rejects when a signal stops the show, or when it takes too long. */
function interruption(): { happened: Promise<never>; exitCode: () => number; stop: () => void } {
  let exitCode = 1
  let stop = () => {}
  const happened = new Promise<never>((_, reject) => {
    const interrupt = (code: number, reason: string) => {
      exitCode = code
      reject(new Error(reason))
    }
    const onInterrupt = () => interrupt(130, 'it was interrupted')
    const onTerminate = () => interrupt(143, 'it was terminated')
    const timer = setTimeout(() => interrupt(1, `it took too long`), MAX_SHOW_MS)
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
    stop = () => {
      clearTimeout(timer)
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
    }
  })
  // Mark the rejection as handled, because it may happen before it is awaited.
  happened.catch(() => undefined)
  return { happened, exitCode: () => exitCode, stop: () => stop() }
}

/** Runs the show in a temporary directory. Resolves to the exit code, which is 0 if nothing was lost. */
export async function runShow(options: ShowOptions): Promise<number> {
  const { happened, exitCode, stop } = interruption()
  const dir = await mkdtemp(join(tmpdir(), 'name-that-artist-'))
  options.print(['Name that artist, played by three players who know every picture.', `Data: ${dir}`, ''])
  const show = new Show(options, dir)
  try {
    await Promise.race([show.run(), happened])
    options.print(['Nothing was lost.'])
    return 0
  } catch (error) {
    options.print([`The show failed: ${error instanceof Error ? error.message : String(error)}`])
    return exitCode()
  } finally {
    stop()
    await show.end()
    if (options.keep) options.print([`The data is kept in ${dir}`])
    else await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}
