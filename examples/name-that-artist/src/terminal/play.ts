// The game in a terminal: reads lines, prints answers, and leaves in good order however it is asked to.
import { createInterface } from 'node:readline'
import { startBot } from '../bot.js'
import { compactAllLogs } from '../services/append-log.js'
import { dataDir } from '../services/config.js'
import { tailOfLog } from '../services/log-tail.js'
import { Conversation } from './conversation.js'
import { type Display, styled, wrap } from './layout.js'

const TAIL_LINES = 5

// What a shell reports for a program that a signal has ended: 128 and the number of the signal.
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

function currentLook(): Display {
  const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined
  return { width: process.stdout.columns ?? 80, colours }
}

export interface PlayOptions {
  channelId?: string | undefined
  player?: string | undefined
}

/** Plays until /quit, the end of the input, or a signal. Resolves to the exit code, with everything closed. */
export async function playInTerminal(options: PlayOptions): Promise<number> {
  const print = (lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`)
  const bot = await startBot((error, name) => print([`A problem with ${name}: ${error.message}`]))
  try {
    const look = currentLook()
    print([
      styled(look, 'bold', 'Name that artist'),
      ...bot.found.flatMap((sentence) => wrap(sentence, look.width)),
      '',
    ])
    const upkeep = { tail: (name: string) => tailOfLog(dataDir(), name, TAIL_LINES), compact: compactAllLogs }
    const channelId = options.channelId ?? (await channelToPlay(await bot.game.channels()))
    const conversation = new Conversation(bot.game, upkeep, channelId, currentLook)
    if (options.player !== undefined) print((await conversation.answer(`/as ${options.player}`)).lines)
    print(['Type the name of the artist; /help shows what else there is.', ...(await conversation.showRound())])
    return await converse(conversation, print)
  } finally {
    await bot.close()
  }
}

/** The terminal's own game; failing that, the one that another front end was playing on this data. */
function channelToPlay(channels: readonly string[]): string {
  return channels.includes('terminal') ? 'terminal' : (channels[0] ?? 'terminal')
}

function converse(conversation: Conversation, print: (lines: readonly string[]) => void): Promise<number> {
  return new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin, output: process.stdout, prompt: conversation.prompt })
    let exitCode = 0
    let leaving = false
    let inputEnded = false
    let saidGoodbye = false
    // Lines may arrive faster than they are answered, when they are pasted or piped; each waits for the one before.
    let answered: Promise<void> = Promise.resolve()

    const prompt = () => {
      reader.setPrompt(conversation.prompt)
      reader.prompt()
    }
    const answer = async (line: string) => {
      if (leaving) return
      try {
        const { lines, quit } = await conversation.answer(line)
        if (lines.length > 0) print(lines)
        if (quit) {
          saidGoodbye = true
          return leave(0)
        }
      } catch (error) {
        // A full disk, say: the game goes on from what is stored, once there is room.
        print([`That could not be done: ${error instanceof Error ? error.message : String(error)}`])
      }
      if (!inputEnded) prompt()
    }
    const leave = (code: number) => {
      if (leaving) return
      leaving = true
      exitCode = code
      reader.close()
    }

    const signals = Object.entries(EXIT_CODES).map(([signal, code]) => {
      const listener = () => leave(code)
      process.on(signal, listener)
      return () => process.off(signal, listener)
    })
    // In a terminal it is readline that sees Ctrl-C, and no signal is sent.
    reader.on('SIGINT', () => leave(EXIT_CODES.SIGINT))
    reader.on('line', (line) => {
      answered = answered.then(() => answer(line))
    })
    reader.on('close', () => {
      inputEnded = true
      void answered.then(() => {
        for (const stop of signals) stop()
        // Whatever the shell prints next begins behind the prompt otherwise.
        if (!saidGoodbye) process.stdout.write('\n')
        resolve(exitCode)
      })
    })
    prompt()
  })
}
