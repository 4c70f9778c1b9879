// One person's (or one keyboard's) evening with the game: takes lines, gives lines. It knows nothing of files, and
// what it prints goes through render.ts.
import type { Game } from '../game/game.js'
import type { Participant } from '../game/views.js'
import { type Command, HELP, isChannel, isName, parseLine } from './commands.js'
import { type Display, plain } from './layout.js'
import { compactionLines, guessLines, hintLines, leaderboardLines, roundCard, skipLines, tailLines } from './render.js'

/** What the conversation may do beside the game. */
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
  readonly #upkeep: LogTools
  readonly #look: () => Display
  #channelId: string
  #player: Participant | undefined

  constructor(game: Game, upkeep: LogTools, channelId: string, look: () => Display) {
    this.#game = game
    this.#upkeep = upkeep
    this.#channelId = channelId
    this.#look = look
  }

  get prompt(): string {
    return this.#player ? `${plain(this.#player.username)}> ` : 'Who plays? '
  }

  /** Shows the round in progress, or begins one. */
  async showRound(): Promise<string[]> {
    const { round, isNew } = await this.#game.play(this.#channelId)
    const card = roundCard(this.#look(), round)
    return isNew ? card : [`The game in "${this.#channelId}" goes on.`, ...card]
  }

  /** Answers a line. The first one of all is the name of whoever plays. */
  async answer(line: string): Promise<Reply> {
    const command = parseLine(line)
    if (this.#player || command.name !== 'guess') return this.#obey(command)
    if (command.as !== undefined) return this.#obey(command)
    return { lines: await this.#seat(command.text) }
  }

  async #obey(command: Command): Promise<Reply> {
    const look = this.#look()
    switch (command.name) {
      case 'nothing':
        return { lines: [] }
      case 'quit':
        return { lines: ['Good-bye. The game goes on next time.'], quit: true }
      case 'help':
        return { lines: HELP }
      case 'unknown':
        return { lines: [`There is no /${plain(command.text)}; /help shows what there is.`] }
      case 'as':
        return { lines: await this.#seat(command.argument) }
      case 'channel':
        return { lines: await this.#move(command.argument) }
      case 'guess':
        return { lines: await this.#guess(command.text, command.as) }
      case 'hint':
        return { lines: hintLines(look, await this.#game.hint(this.#channelId)) }
      case 'skip':
        return { lines: [...skipLines(look, await this.#game.skip(this.#channelId)), ...(await this.#next())] }
      case 'leaderboard':
        return { lines: leaderboardLines(look, await this.#game.leaderboard()) }
      case 'log':
        return { lines: await this.#tails(look) }
      case 'compact':
        return { lines: compactionLines(await this.#upkeep.compact()) }
    }
  }

  async #seat(name: string): Promise<string[]> {
    if (!isName(name)) return ['A name needs a letter or a digit, and at most 40 characters: /as NAME']
    this.#player = await this.#game.participantNamed(name)
    return [`${plain(this.#player.username)} plays.`]
  }

  async #move(channelId: string): Promise<string[]> {
    if (!isChannel(channelId)) {
      const channels = await this.#game.channels()
      return [`You are in "${this.#channelId}". Games: ${channels.join(', ') || 'none'}. Go there with /channel NAME.`]
    }
    this.#channelId = channelId
    return this.showRound()
  }

  async #guess(text: string, as: string | undefined): Promise<string[]> {
    if (as !== undefined && !isName(as)) return ['A name needs a letter or a digit, and at most 40 characters.']
    const guest = as === undefined ? this.#player : await this.#game.participantNamed(as)
    if (!guest) return ['Say first who plays.']
    const result = await this.#game.guess(this.#channelId, guest, text)
    const lines = guessLines(this.#look(), guest.username, result)
    return result.kind === 'right' || result.kind === 'no-round' ? [...lines, ...(await this.#next())] : lines
  }

  async #next(): Promise<string[]> {
    return roundCard(this.#look(), (await this.#game.play(this.#channelId)).round)
  }

  async #tails(look: Display): Promise<string[]> {
    const players = tailLines(look, 'The last lines of logs/players.log', await this.#upkeep.tail('players'))
    const games = tailLines(look, 'The last lines of logs/game_state.log', await this.#upkeep.tail('game_state'))
    return [...players, ...games]
  }
}
