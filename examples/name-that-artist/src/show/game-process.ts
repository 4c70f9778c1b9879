// The show's game process: the bot with no front end of its own, answering its parent's messages.
import { startBot } from '../bot.js'
import type { Game } from '../game/game.js'
import { type Answers, type FromGame, READY, type ToGame } from './messages.js'

const CHANNEL = 'show'

export function isGameProcess(): boolean {
  return process.send !== undefined
}

async function answer(game: Game, request: ToGame): Promise<Answers[keyof Answers]> {
  switch (request.ask) {
    case 'play':
      return game.play(CHANNEL)
    case 'guess':
      return game.guess(CHANNEL, request.guest, request.text)
    case 'hint':
      return game.hint(CHANNEL)
    case 'standing':
      return { round: (await game.play(CHANNEL)).round, players: await game.leaderboard() }
    case 'leaderboard':
      return game.leaderboard()
    case 'leave':
      return {}
  }
}

/** Serves until it is told to leave or its parent is gone. */
export async function serveGame(): Promise<number> {
  const send = (message: FromGame) =>
    new Promise<void>((resolve) => {
      // A parent that is gone hears nothing; then there is nothing to be told either.
      if (process.connected) process.send?.(message, undefined, {}, () => resolve())
      else resolve()
    })
  // Ctrl-C reaches the whole group. Here it is the parent that decides, and this process leaves when it is told to.
  process.on('SIGINT', () => undefined)

  const bot = await startBot((error, name) => console.error(`${name}: ${error.message}`))
  try {
    await new Promise<void>((resolve) => {
      process.once('disconnect', resolve)
      process.once('SIGTERM', () => resolve())
      process.on('message', (message) => {
        const request = message as ToGame
        void answer(bot.game, request)
          .then((result) => send({ id: request.id, answer: result }))
          .catch((error: unknown) => send({ id: request.id, error: String(error) }))
          .then(() => {
            if (request.ask === 'leave') resolve()
          })
      })
      void send({ id: READY, answer: bot.found })
    })
  } finally {
    await bot.close()
  }
  if (process.connected) process.disconnect()
  return 0
}
