// The game on Discord: logs in, passes commands to the handler, and shuts down cleanly on a signal. Only this folder
// uses discord.js, and main.ts loads it only if there is a token.
import { Client, type CloseEvent, DiscordjsErrorCodes, Events, GatewayIntentBits } from 'discord.js'
import { startBot } from '../bot.js'
import type { DiscordSettings } from '../services/config.js'
import { CommandHandler, type ReportProblem } from './command-handler.js'
import { COMMANDS } from './commands.js'

const PORTAL = 'https://discord.com/developers/applications'

const print = (line: string): void => console.log(line)

/**
 * Prints a problem, with the stack if DEBUG is set. It never prints the whole error object, which contains the secret
 * addresses for answering a command.
 */
const reportProblem: ReportProblem = (what, error) => {
  const why = error instanceof Error ? (process.env.DEBUG && error.stack) || error.message : String(error)
  console.error(`${what}: ${why}`)
}

/** Plays until a signal arrives, closes everything and resolves to the exit code. */
export async function playOnDiscord(settings: DiscordSettings): Promise<number> {
  const bot = await startBot((error, name) => reportProblem(`A problem with ${name}`, error))
  const { asked: askedToStop, stop: stopListening } = stopSignals()
  const handler = new CommandHandler(bot.game, reportProblem)
  const client = new Client({
    // Commands need no intent. This one is for the servers and their channels, and needs no permission.
    intents: [GatewayIntentBits.Guilds],
    ...(settings.api === undefined ? {} : { rest: { api: settings.api } }),
  })
  try {
    for (const sentence of bot.found) print(sentence)
    client.on(Events.InteractionCreate, (interaction) => {
      if (interaction.isChatInputCommand()) void handler.handle(interaction)
    })
    const disconnected = reportConnection(client)
    const loggedIn = client.login(settings.token).catch((error: unknown) => {
      throw new Error(loginProblem(error), { cause: error })
    })
    await Promise.race([askedToStop, loggedIn.then(() => askedToStop), disconnected])
    print('Closing: no more commands are accepted.')
    return 0
  } finally {
    // Close the storage after the last command has been played, whether or not Discord closes the connection.
    await handler.close()
    try {
      await bot.close()
    } finally {
      disconnect(client)
      stopListening()
    }
  }
}

/** Registers the commands and prints what happens to the connection. Rejects when Discord closes it permanently. */
function reportConnection(client: Client): Promise<never> {
  client.once(Events.ClientReady, async (ready) => {
    try {
      await ready.application.commands.set(COMMANDS)
    } catch (error) {
      reportProblem('The commands could not be registered. Those from an earlier start still work', error)
    }
    print(`Logged in as ${ready.user.tag}. Invite it to a server: ${inviteTo(ready.application.id)}`)
  })
  client.on(Events.ShardReconnecting, () => print('The connection to Discord was lost. Reconnecting.'))
  client.on(Events.ShardResume, () => print('Reconnected to Discord.'))
  client.on(Events.ShardError, (error) => reportProblem('A problem with the connection to Discord', error))
  client.on(Events.Error, (error) => reportProblem('A problem with Discord', error))
  return new Promise((_, reject) => {
    client.once(Events.ShardDisconnect, ({ code }: CloseEvent) => {
      reject(new Error(`Discord has closed the connection permanently (code ${code}). ${TOKEN_ADVICE}`))
    })
  })
}

/**
 * The address for inviting the bot. Not discord.js's generateInvite(), which would use the address of a proxy. It
 * requests no permissions, because answering commands needs none.
 */
function inviteTo(applicationId: string): string {
  const query = new URLSearchParams({ client_id: applicationId, scope: 'bot applications.commands' })
  return `https://discord.com/oauth2/authorize?${query}`
}

/** Closes the connection, without waiting: Discord may not respond. */
function disconnect(client: Client): void {
  // Otherwise this would be printed as a lost connection.
  client.removeAllListeners(Events.ShardReconnecting)
  client
    .destroy()
    .catch((error: unknown) => reportProblem('The connection to Discord could not be closed cleanly', error))
}

const TOKEN_ADVICE = `If the token is no longer valid, create a new one at ${PORTAL} (Bot, Reset Token) and set DISCORD_TOKEN to it.`

function loginProblem(error: unknown): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>
  if (code === DiscordjsErrorCodes.TokenInvalid) {
    return `Discord refuses the token in DISCORD_TOKEN. Use the token under "Bot" of your application at ${PORTAL} (Reset Token shows a new one), not the client secret or the public key.`
  }
  return `The bot could not log in to Discord: ${message ?? String(error)}. Check the network, then start the bot again.`
}

/** The first signal shuts down cleanly. A second one ends the process at once; acknowledged changes are kept anyway. */
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
