// The game on Discord: logs in, hands commands to the desk, and leaves in good order when it is told to. Only this
// folder knows discord.js, and main.ts loads it only when there is a token.
import { Client, type CloseEvent, DiscordjsErrorCodes, Events, GatewayIntentBits } from 'discord.js'
import { startBot } from '../bot.js'
import type { DiscordSettings } from '../services/config.js'
import { CommandHandler, type ReportProblem } from './command-handler.js'
import { COMMANDS } from './commands.js'

const PORTAL = 'https://discord.com/developers/applications'

const say = (line: string): void => console.log(line)

/** A stack only for whoever develops the bot, and never the whole error: it holds the addresses that answer a command. */
const complain: ReportProblem = (what, error) => {
  const why = error instanceof Error ? (process.env.DEBUG && error.stack) || error.message : String(error)
  console.error(`${what}: ${why}`)
}

/** Plays until a signal asks for the end. Resolves to the exit code, with everything closed. */
export async function playOnDiscord(settings: DiscordSettings): Promise<number> {
  const bot = await startBot((error, name) => complain(`A problem with ${name}`, error))
  const { asked: askedToStop, stop: stopListening } = stopSignals()
  const desk = new CommandHandler(bot.game, complain)
  const client = new Client({
    // Commands come without any intent; this one is for the servers and their channels, and needs no permission.
    intents: [GatewayIntentBits.Guilds],
    ...(settings.api === undefined ? {} : { rest: { api: settings.api } }),
  })
  try {
    for (const sentence of bot.found) say(sentence)
    client.on(Events.InteractionCreate, (interaction) => {
      if (interaction.isChatInputCommand()) void desk.answer(interaction)
    })
    const refused = reportOn(client)
    const loggedIn = client.login(settings.token).catch((error: unknown) => {
      throw new Error(loginProblem(error), { cause: error })
    })
    await Promise.race([askedToStop, loggedIn.then(() => askedToStop), refused])
    say('Closing: no more commands are taken.')
    return 0
  } finally {
    // The store is closed when no command is being played any more, and whether or not Discord lets the bot go.
    await desk.close()
    try {
      await bot.close()
    } finally {
      leave(client)
      stopListening()
    }
  }
}

/** Says what happens to the connection. Rejects when Discord has ended it for good. */
function reportOn(client: Client): Promise<never> {
  client.once(Events.ClientReady, async (ready) => {
    try {
      await ready.application.commands.set(COMMANDS)
    } catch (error) {
      complain('The commands could not be registered; those that were before go on', error)
    }
    say(`Logged in as ${ready.user.tag}. Invite it to a server: ${inviteTo(ready.application.id)}`)
  })
  client.on(Events.ShardReconnecting, () => say('The connection to Discord was lost; connecting again.'))
  client.on(Events.ShardResume, () => say('Connected to Discord again.'))
  client.on(Events.ShardError, (error) => complain('A problem with the connection to Discord', error))
  client.on(Events.Error, (error) => complain('A problem with Discord', error))
  return new Promise((_, reject) => {
    client.once(Events.ShardDisconnect, ({ code }: CloseEvent) => {
      reject(new Error(`Discord has closed the connection for good (code ${code}). ${TOKEN_ADVICE}`))
    })
  })
}

/** Not discord.js's own, which would lead to a proxy where one is used. No permissions: answers to commands need none. */
function inviteTo(applicationId: string): string {
  const query = new URLSearchParams({ client_id: applicationId, scope: 'bot applications.commands' })
  return `https://discord.com/oauth2/authorize?${query}`
}

/** Nobody waits for this: Discord may not answer any more. */
function leave(client: Client): void {
  // Or it would be announced that the connection was lost, and is made again.
  client.removeAllListeners(Events.ShardReconnecting)
  client.destroy().catch((error: unknown) => complain('Discord could not be left in good order', error))
}

const TOKEN_ADVICE = `If the token is no longer valid, make a new one at ${PORTAL} (Bot, Reset Token) and set DISCORD_TOKEN to it.`

function loginProblem(error: unknown): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>
  if (code === DiscordjsErrorCodes.TokenInvalid) {
    return `Discord refuses the token in DISCORD_TOKEN. It is the one under "Bot" of your application at ${PORTAL} (Reset Token shows a new one), not the client secret or the public key.`
  }
  return `The bot could not log in to Discord: ${message ?? String(error)}. Is the network there? Then start it again.`
}

/** The first signal closes in good order. By the second, the process just ends, and nothing that was answered is lost. */
function stopSignals(): { asked: Promise<void>; stop: () => void } {
  const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const
  let stop = () => {}
  const asked = new Promise<void>((resolve) => {
    stop = () => {
      for (const signal of signals) process.off(signal, onSignal)
    }
    const onSignal = () => {
      stop()
      resolve()
    }
    for (const signal of signals) process.on(signal, onSignal)
  })
  return { asked, stop: () => stop() }
}
