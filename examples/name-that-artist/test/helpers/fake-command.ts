// A command as the desk sees it, and what became of it: the part of an interaction that discord.js would bring.
import type { SlashCommand } from '../../src/discord/command-handler.js'

type Message = Parameters<SlashCommand['editReply']>[0]

export const ADA = { id: '7', displayName: 'Ada' }
export const BEN = { id: '8', displayName: 'Ben' }

export class FakeCommand implements SlashCommand {
  readonly commandName: string
  readonly channelId: string
  readonly user: SlashCommand['user']
  readonly options: SlashCommand['options']
  /** What Discord was told, in order. */
  readonly told: string[] = []
  message: Message | undefined
  isPrivate = false
  /** Replaced by tests in which Discord is slow or refuses. */
  discord: (what: 'deferReply' | 'reply' | 'editReply') => Promise<void> = async () => {}

  constructor(name: string, options: Record<string, string> = {}, user = ADA, channelId = '11') {
    this.commandName = name
    this.channelId = channelId
    this.user = user
    this.options = { getString: (option) => options[option] ?? null }
  }

  get content(): string {
    return this.message?.content ?? ''
  }

  async deferReply({ flags }: { flags?: number }): Promise<void> {
    this.told.push('deferReply')
    await this.discord('deferReply')
    this.isPrivate = flags === 64
  }

  async reply(message: Message & { flags: number }): Promise<void> {
    this.told.push('reply')
    await this.discord('reply')
    this.isPrivate = message.flags === 64
    this.message = message
  }

  async editReply(message: Message): Promise<void> {
    this.told.push('editReply')
    await this.discord('editReply')
    this.message = message
  }
}
