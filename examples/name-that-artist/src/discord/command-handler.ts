// Plays slash commands and answers them. It depends only on the few members of an interaction that are declared here,
// so every command can be tested without Discord.
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
  roundReply,
  skipReply,
  UNKNOWN_COMMAND,
} from './replies.js'

/** A used slash command: what the bot needs of discord.js's ChatInputCommandInteraction. */
export interface SlashCommand {
  readonly commandName: string
  /** Unique across all servers. Each channel has its own round. */
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

/** Reports a failure and the command that it happened in. */
export type ReportProblem = (what: string, error: unknown) => void

/** Names and guesses must never ping anyone. */
const allowedMentions: MessageMentionOptions = { parse: [] }

/** How long closing waits for Discord to accept the last answers. Their changes are stored in any case. */
const LAST_ANSWERS_MS = 5_000

export class CommandHandler {
  readonly #game: Game
  readonly #onProblem: ReportProblem
  readonly #playing = new Set<Promise<unknown>>()
  readonly #answering = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(game: Game, onProblem: ReportProblem) {
    this.#game = game
    this.#onProblem = onProblem
  }

  /** Plays a command and answers it. It never rejects: a failure is reported, and shown to the user of the command. */
  handle(command: SlashCommand): Promise<void> {
    return track(this.#answering, this.#handle(command))
  }

  /** Accepts no more commands, and waits for the running ones and, for a limited time, for their answers. */
  async close(lastAnswersMs = LAST_ANSWERS_MS): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#playing)
    let timer: NodeJS.Timeout | undefined
    const timeIsUp = new Promise((resolve) => {
      timer = setTimeout(resolve, lastAnswersMs)
    })
    await Promise.race([Promise.allSettled(this.#answering), timeIsUp])
    clearTimeout(timer)
  }

  async #handle(command: SlashCommand): Promise<void> {
    const what = `/${command.commandName} in channel ${command.channelId}`
    try {
      if (this.#isClosed) {
        await command.reply({ content: CLOSING, flags: MessageFlags.Ephemeral, allowedMentions })
        return
      }
      // Discord must be answered within three seconds, and a busy disk may take longer. After this acknowledgement we
      // have fifteen minutes.
      await command.deferReply(isPrivate(command) ? { flags: MessageFlags.Ephemeral } : {})
    } catch (error) {
      // We were too late, or the command was delivered and acknowledged twice. The answer could not be shown, so the
      // command must not count.
      this.#onProblem(`${what} could not be acknowledged, so it was not played`, error)
      return
    }
    const content = await this.#playOrApologize(command, what)
    try {
      await command.editReply({ content, allowedMentions })
    } catch (error) {
      this.#onProblem(`The answer to ${what} could not be delivered, but the command was played`, error)
    }
  }

  async #playOrApologize(command: SlashCommand, what: string): Promise<string> {
    // The handler may have been closed while Discord was acknowledging the command.
    if (this.#isClosed) return CLOSING
    try {
      return await track(this.#playing, this.#play(command))
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
        // The leaderboard covers all servers, so it uses the user's global name and not a name on one server.
        const participant = { userId: user.id, username: user.displayName }
        return guessReply(participant.username, guess, await this.#game.guess(channelId, participant, guess))
      }
      case 'leaderboard':
        return leaderboardReply(await this.#game.leaderboard())
      default:
        return UNKNOWN_COMMAND
    }
  }

  async #round(channelId: string, action: string | null): Promise<string> {
    if (action === HINT) return hintReply(await this.#game.hint(channelId))
    if (action === SKIP) return skipReply(await this.#game.skip(channelId))
    return roundReply(await this.#game.play(channelId))
  }
}

/** The whole channel sees the game. Other answers, such as the leaderboard, are shown only to the user who asked. */
function isPrivate({ commandName }: SlashCommand): boolean {
  return commandName !== 'round' && commandName !== 'guess'
}

function track<T>(running: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const forget = () => running.delete(promise)
  running.add(promise)
  promise.then(forget, forget)
  return promise
}
