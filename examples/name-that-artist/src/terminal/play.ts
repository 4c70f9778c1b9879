// The game in a terminal: reads lines, prints answers, and shuts down cleanly on /quit, the end of the input or a signal.
import { createInterface } from 'node:readline'
import { startBot } from '../bot.js'
import { compactAllLogs } from '../services/append-log.js'
import { dataDir } from '../services/config.js'
import { tailOfLog } from '../services/log-tail.js'
import { Conversation } from './conversation.js'
import { type Display, styled, wrap } from './layout.js'

const TAIL_LINES = 5

// The exit codes that a shell reports for a program ended by a signal: 128 plus the number of the signal.
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

function currentDisplay(): Display {
  const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined
  return { width: process.stdout.columns ?? 80, colours }
}

export interface PlayOptions {
  channelId?: string | undefined
  player?: string | undefined
}

/** Plays until /quit, the end of the input or a signal, closes everything and resolves to the exit code. */
export async function playInTerminal(options: PlayOptions): Promise<number> {
  const print = (lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`)
  const bot = await startBot((error, name) => print([`A problem with ${name}: ${error.message}`]))
  try {
    const display = currentDisplay()
    print([
      styled(display, 'bold', 'Name that artist'),
      ...bot.found.flatMap((sentence) => wrap(sentence, display.width)),
      '',
    ])
    const logTools = { tail: (name: string) => tailOfLog(dataDir(), name, TAIL_LINES), compact: compactAllLogs }
    const channelId = options.channelId ?? (await channelToPlay(await bot.game.channels()))
    const conversation = new Conversation(bot.game, logTools, channelId, currentDisplay)
    if (options.player !== undefined) print((await conversation.answer(`/as ${options.player}`)).lines)
    print(['Type the name of the artist, or /help for the commands.', ...(await conversation.showRound())])
    return await converse(conversation, print)
  } finally {
    await bot.close()
  }
}

/** The channel of the terminal. Without a game there, the most recently played channel, from another front end. */
function channelToPlay(channels: readonly string[]): string {
  return channels.includes('terminal') ? 'terminal' : (channels[0] ?? 'terminal')
}

function converse(conversation: Conversation, print: (lines: readonly string[]) => void): Promise<number> {
  return new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin, output: process.stdout, prompt: conversation.prompt })
    let exitCode = 0
    let isLeaving = false
    let hasInputEnded = false
    let hasQuit = false
    // Pasted or piped lines may arrive faster than they are answered. Each one waits for the previous answer.
    let answered: Promise<void> = Promise.resolve()

    const prompt = () => {
      reader.setPrompt(conversation.prompt)
      reader.prompt()
    }
    const answer = async (line: string) => {
      if (isLeaving) return
      try {
        const { lines, quit } = await conversation.answer(line)
        if (lines.length > 0) print(lines)
        if (quit) {
          hasQuit = true
          return leave(0)
        }
      } catch (error) {
        // For example a full disk. The game continues from the stored state when there is space.
        print([`That did not work: ${error instanceof Error ? error.message : String(error)}`])
      }
      if (!hasInputEnded) prompt()
    }
    const leave = (code: number) => {
      if (isLeaving) return
      isLeaving = true
      exitCode = code
      reader.close()
    }

    const signals = Object.entries(EXIT_CODES).map(([signal, code]) => {
      const listener = () => leave(code)
      process.on(signal, listener)
      return () => process.off(signal, listener)
    })
    // In a terminal, readline receives Ctrl-C and no signal is sent.
    reader.on('SIGINT', () => leave(EXIT_CODES.SIGINT))
    reader.on('line', (line) => {
      answered = answered.then(() => answer(line))
    })
    reader.on('close', () => {
      hasInputEnded = true
      void answered.then(() => {
        for (const stop of signals) stop()
        // End the line of the prompt, so that the shell's prompt starts on a new line.
        if (!hasQuit) process.stdout.write('\n')
        resolve(exitCode)
      })
    })
    prompt()
  })
}
