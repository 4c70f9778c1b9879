// Takes commands, plays them, answers them. It sees of discord.js only the few members of an interaction that are
// named here, so everything that a command does can be run without Discord.
import { MessageFlags, type MessageMentionOptions } from 'discord.js'
import type { Game } from '../game/game.js'
import { GUESSED_ARTIST, HINT, ROUND_ACTION, SKIP } from './commands.js'
import {
  CLOSING,
  FAILED,
  guessReply,
  hintReply,
  leaderboardReply,
  NO_GUESS,
  NOT_KNOWN,
  roundReply,
  skipReply,
} from './replies.js'

/** A slash command that somebody has used: what the bot needs of discord.js's ChatInputCommandInteraction. */
export interface SlashCommand {
  readonly commandName: string
  /** No two channels have the same id, whatever server they are on: a round belongs to a channel. */
  readonly channelId: string
  readonly user: { readonly id: string; readonly displayName: string }
  readonly options: { getString(name: string): string | null }
  deferReply(options: { flags?: MessageFlags.Ephemeral }): Promise<unknown>
  reply(message: {
    content: string
    flags: MessageFlags.Ephemeral
    allowedMentions: MessageMentionOptions
  }): Promise<unknown>
  editReply(message: { content: string; allowedMentions: MessageMentionOptions }): Promise<unknown>
}

/** Hears of what went wrong, and with which command. */
export type ReportProblem = (what: string, error: unknown) => void

/** Nobody is ever pinged, whatever name a player has and whatever is guessed. */
const allowedMentions: MessageMentionOptions = { parse: [] }

/** Discord has to take an answer in that time when the bot is closed; what the answer says is stored in any case. */
const LAST_ANSWERS_MS = 5_000

export class CommandHandler {
  readonly #game: Game
  readonly #onProblem: ReportProblem
  readonly #playing = new Set<Promise<unknown>>()
  readonly #answering = new Set<Promise<unknown>>()
  #closed = false

  constructor(game: Game, onProblem: ReportProblem) {
    this.#game = game
    this.#onProblem = onProblem
  }

  /** Plays a command and answers it. What goes wrong is said to whoever used it, and reported; this never rejects. */
  answer(asked: SlashCommand): Promise<void> {
    return track(this.#answering, this.#answer(asked))
  }

  /** Takes no more commands, and waits for those that are being played, and a while for their answers. */
  async close(lastAnswersMs = LAST_ANSWERS_MS): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#playing)
    let timer: NodeJS.Timeout | undefined
    const timeIsUp = new Promise((resolve) => {
      timer = setTimeout(resolve, lastAnswersMs)
    })
    await Promise.race([Promise.allSettled(this.#answering), timeIsUp])
    clearTimeout(timer)
  }

  async #answer(asked: SlashCommand): Promise<void> {
    const what = `/${asked.commandName} in channel ${asked.channelId}`
    try {
      if (this.#closed) {
        await asked.reply({ content: CLOSING, flags: MessageFlags.Ephemeral, allowedMentions })
        return
      }
      // Discord gives three seconds for the first sign of life, and a busy disk may take longer than that; what
      // follows may take fifteen minutes.
      await asked.deferReply(isPrivate(asked) ? { flags: MessageFlags.Ephemeral } : {})
    } catch (error) {
      // It came too late, or it came twice and was acknowledged the first time. Nobody would see the answer, so it
      // must not count either.
      this.#onProblem(`${what} could not be acknowledged, so it was not played`, error)
      return
    }
    const content = await this.#playOrApologize(asked, what)
    try {
      await asked.editReply({ content, allowedMentions })
    } catch (error) {
      this.#onProblem(`The answer to ${what} did not arrive, though what it says is stored`, error)
    }
  }

  async #playOrApologize(asked: SlashCommand, what: string): Promise<string> {
    // It may have been closed while Discord was acknowledging.
    if (this.#closed) return CLOSING
    try {
      return await track(this.#playing, this.#play(asked))
    } catch (error) {
      this.#onProblem(`${what} could not be played`, error)
      return FAILED
    }
  }

  async #play({ commandName, channelId, user, options }: SlashCommand): Promise<string> {
    switch (commandName) {
      case 'round':
        return this.#round(channelId, options.getString(ROUND_ACTION))
      case 'guess': {
        const guess = options.getString(GUESSED_ARTIST)?.trim() ?? ''
        if (guess === '') return NO_GUESS
        // The leaderboard is one for all servers, so it has the name that a player bears on all of them.
        const guest = { userId: user.id, username: user.displayName }
        return guessReply(guest.username, guess, await this.#game.guess(channelId, guest, guess))
      }
      case 'leaderboard':
        return leaderboardReply(await this.#game.leaderboard())
      default:
        return NOT_KNOWN
    }
  }

  async #round(channelId: string, action: string | null): Promise<string> {
    if (action === HINT) return hintReply(await this.#game.hint(channelId))
    if (action === SKIP) return skipReply(await this.#game.skip(channelId))
    return roundReply(await this.#game.play(channelId))
  }
}

/** A game is for the whole channel to see; the leaderboard is shown to whoever asked, and floods nobody. */
function isPrivate({ commandName }: SlashCommand): boolean {
  return commandName !== 'round' && commandName !== 'guess'
}

function track<T>(running: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const forget = () => running.delete(promise)
  running.add(promise)
  promise.then(forget, forget)
  return promise
}
