// A slash command as the handler sees it, without discord.js. It records what the handler does with it.
import type { SlashCommand } from '../../src/discord/command-handler.js'

type Message = Parameters<SlashCommand['editReply']>[0]
type Call = 'deferReply' | 'reply' | 'editReply'

export const ADA = { id: '7', displayName: 'Ada' }
export const BEN = { id: '8', displayName: 'Ben' }

export class FakeCommand implements SlashCommand {
  readonly commandName: string
  readonly channelId: string
  readonly user: SlashCommand['user']
  readonly options: SlashCommand['options']
  /** The calls of the handler, in order. */
  readonly calls: Call[] = []
  message: Message | undefined
  isPrivate = false
  /** Discord's side of a call. Replace it for a Discord that is slow or refuses the call. */
  discord: (call: Call) => Promise<void> = async () => {}

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
    this.calls.push('deferReply')
    await this.discord('deferReply')
    this.isPrivate = flags === 64
  }

  async reply(message: Message & { flags: number }): Promise<void> {
    this.calls.push('reply')
    await this.discord('reply')
    this.isPrivate = message.flags === 64
    this.message = message
  }

  async editReply(message: Message): Promise<void> {
    this.calls.push('editReply')
    await this.discord('editReply')
    this.message = message
  }
}
