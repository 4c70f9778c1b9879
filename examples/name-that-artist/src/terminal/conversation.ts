// The game as a conversation: takes the lines that are typed and returns the lines to print. It does no I/O.
import type { Game } from '../game/game.js'
import type { Participant } from '../game/views.js'
import { type Command, HELP, isChannel, isName, parseLine } from './commands.js'
import { type Display, plain } from './layout.js'
import { compactionLines, guessLines, hintLines, leaderboardLines, roundCard, skipLines, tailLines } from './render.js'

/** Access to the logs for the commands /log and /compact. */
export interface LogTools {
  tail(name: string): Promise<string[]>
  compact(): Promise<{ name: string; bytesBefore: number; bytesAfter: number }[]>
}

export interface Reply {
  lines: string[]
  quit?: boolean
}

export class Conversation {
  readonly #game: Game
  readonly #logTools: LogTools
  readonly #display: () => Display
  #channelId: string
  #player: Participant | undefined

  constructor(game: Game, logTools: LogTools, channelId: string, display: () => Display) {
    this.#game = game
    this.#logTools = logTools
    this.#channelId = channelId
    this.#display = display
  }

  get prompt(): string {
    return this.#player ? `${plain(this.#player.username)}> ` : 'Who plays? '
  }

  /** Shows the open round, or starts one. */
  async showRound(): Promise<string[]> {
    const { round, isNew } = await this.#game.play(this.#channelId)
    const card = roundCard(this.#display(), round)
    return isNew ? card : [`The game in "${this.#channelId}" continues.`, ...card]
  }

  /** Answers a line. The first guess is taken as the name of the player. */
  async answer(line: string): Promise<Reply> {
    const command = parseLine(line)
    const isPlayerName = !this.#player && command.name === 'guess' && command.as === undefined
    return isPlayerName ? { lines: await this.#setPlayer(command.text) } : this.#run(command)
  }

  async #run(command: Command): Promise<Reply> {
    const display = this.#display()
    switch (command.name) {
      case 'nothing':
        return { lines: [] }
      case 'quit':
        return { lines: ['Good-bye. The game continues next time.'], quit: true }
      case 'help':
        return { lines: HELP }
      case 'unknown':
        return { lines: [`There is no command /${plain(command.text)}. /help lists the commands.`] }
      case 'as':
        return { lines: await this.#setPlayer(command.argument) }
      case 'channel':
        return { lines: await this.#switchChannel(command.argument) }
      case 'guess':
        return { lines: await this.#guess(command.text, command.as) }
      case 'hint':
        return { lines: hintLines(display, await this.#game.hint(this.#channelId)) }
      case 'skip':
        return { lines: [...skipLines(display, await this.#game.skip(this.#channelId)), ...(await this.#next())] }
      case 'leaderboard':
        return { lines: leaderboardLines(display, await this.#game.leaderboard()) }
      case 'log':
        return { lines: await this.#tails(display) }
      case 'compact':
        return { lines: compactionLines(await this.#logTools.compact()) }
    }
  }

  async #setPlayer(name: string): Promise<string[]> {
    if (!isName(name)) return ['A name needs a letter or a digit, and at most 40 characters: /as NAME']
    this.#player = await this.#game.participantNamed(name)
    return [`${plain(this.#player.username)} plays.`]
  }

  async #switchChannel(channelId: string): Promise<string[]> {
    if (!isChannel(channelId)) {
      const channels = await this.#game.channels()
      return [`You are in "${this.#channelId}". Games: ${channels.join(', ') || 'none'}. Switch with /channel NAME.`]
    }
    this.#channelId = channelId
    return this.showRound()
  }

  async #guess(text: string, as: string | undefined): Promise<string[]> {
    if (as !== undefined && !isName(as)) return ['A name needs a letter or a digit, and at most 40 characters.']
    const participant = as === undefined ? this.#player : await this.#game.participantNamed(as)
    if (!participant) return ['First enter the name of the player.']
    const result = await this.#game.guess(this.#channelId, participant, text)
    const lines = guessLines(this.#display(), participant.username, result)
    return result.kind === 'right' || result.kind === 'no-round' ? [...lines, ...(await this.#next())] : lines
  }

  async #next(): Promise<string[]> {
    return roundCard(this.#display(), (await this.#game.play(this.#channelId)).round)
  }

  async #tails(display: Display): Promise<string[]> {
    const players = tailLines(display, 'The last lines of logs/players.log', await this.#logTools.tail('players'))
    const games = tailLines(display, 'The last lines of logs/game_state.log', await this.#logTools.tail('game_state'))
    return [...players, ...games]
  }
}
