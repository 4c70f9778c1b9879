// Starts the bot: on Discord if there is a token, otherwise as a game in a terminal, or as a show without a terminal.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compactAllLogs } from './services/append-log.js'
import { discordSettings } from './services/config.js'
import { isGameProcess, serveGame } from './show/game-process.js'
import { runShow } from './show/show.js'
import { isChannel, isName } from './terminal/commands.js'
import { statusLines } from './terminal/log-status.js'
import { playInTerminal } from './terminal/play.js'
import { compactionLines } from './terminal/render.js'

/** How long the process may live after everything is closed. */
const EXIT_DELAY_MS = 1_000

const USAGE = `Name that artist

  node dist/main.js [options]

  --play            play in this terminal (the default in a terminal, unless DISCORD_TOKEN is set)
  --show            watch a scripted show (the default without a terminal, unless DISCORD_TOKEN is set)
  --as NAME         the name of the player
  --channel NAME    the channel whose game to play
  --keep            keep the data directory of the show
  --status          print the size of each log and its number of entries
  --compact         compact all logs; the bot must not be running
  --help            print this text

If DISCORD_TOKEN is set, the bot runs on Discord unless --play or --show is given.
The data is in the directory NTA_DATA_DIR, by default in data/ next to dist/.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      play: { type: 'boolean', default: false },
      show: { type: 'boolean', default: false },
      as: { type: 'string' },
      channel: { type: 'string' },
      keep: { type: 'boolean', default: false },
      status: { type: 'boolean', default: false },
      compact: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      'game-process': { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.status || values.compact) {
    if (values.compact) console.log(compactionLines(await compactAllLogs()).join('\n'))
    if (values.status) console.log((await statusLines()).join('\n'))
    return 0
  }
  if (values['game-process'] && isGameProcess()) return serveGame()

  const discord = values.play || values.show ? undefined : discordSettings()
  if (discord) {
    // A dynamic import, so that discord.js is loaded only if there is a token.
    const { playOnDiscord } = await import('./discord/play.js')
    // discord.js may still be waiting for a response from Discord. Everything is closed, so end the process anyway.
    return playOnDiscord(discord).finally(() => setTimeout(() => process.exit(), EXIT_DELAY_MS).unref())
  }

  if (values.as !== undefined && !isName(values.as)) {
    throw new Error(
      `--as: "${values.as}" is not a valid name. A name needs a letter or a digit, and at most 40 characters.`,
    )
  }
  if (values.channel !== undefined && !isChannel(values.channel)) {
    throw new Error(`--channel: "${values.channel}" is not a valid channel. Use letters, digits, "-" and "_".`)
  }
  const hasTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  if (values.play || (hasTerminal && !values.show)) {
    return playInTerminal({ channelId: values.channel, player: values.as })
  }
  return runShow({
    mainFile: fileURLToPath(import.meta.url),
    keep: values.keep,
    print: (lines) => console.log(lines.join('\n')),
    width: process.stdout.columns ?? 80,
    logWidth: process.stdout.columns ?? 160,
  })
}

// The reader of the output may stop early, as in `npm start | head`. The bot continues and cleans up anyway.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  process.exitCode = await main()
} catch (error) {
  // The message says what is wrong and what to do. The stack helps only developers.
  console.error(process.env.DEBUG ? error : `Error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
