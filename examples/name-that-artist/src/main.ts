// Where the bot starts: on Discord when there is a token, else a game in a terminal, or a show where there is none.
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

const LAST_WAIT_MS = 1_000

const USAGE = `Name that artist

  node dist/main.js [options]

  --play            play in this terminal (what happens in a terminal anyway, without DISCORD_TOKEN)
  --show            watch a scripted show (what happens where there is no terminal)
  --as NAME         who plays
  --channel NAME    which channel's game to play
  --keep            keep the show's data directory
  --status          how large the logs are, and how many entries they hold
  --compact         compact all logs; the bot must not be running
  --help            this text

With DISCORD_TOKEN in the environment and neither --play nor --show, the bot runs on Discord.
The data is in the folder that NTA_DATA_DIR names, or else in data/ beside dist/.`

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
    // Here and not at the top: without a token, nothing of discord.js is loaded.
    const { playOnDiscord } = await import('./discord/play.js')
    // discord.js may still wait for a Discord that does not answer. All is closed, and that must not keep the process.
    return playOnDiscord(discord).finally(() => setTimeout(() => process.exit(), LAST_WAIT_MS).unref())
  }

  if (values.as !== undefined && !isName(values.as)) throw new Error(`--as: "${values.as}" is no name.`)
  if (values.channel !== undefined && !isChannel(values.channel)) {
    throw new Error(`--channel: "${values.channel}" is no channel; letters, digits, "-" and "_" make one.`)
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

// Whoever reads the output may stop reading, as in `npm start | head`; what is under way goes on and cleans up all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  process.exitCode = await main()
} catch (error) {
  // The message says what is wrong and what to do; the stack helps only whoever develops the bot.
  console.error(process.env.DEBUG ? error : `Error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
