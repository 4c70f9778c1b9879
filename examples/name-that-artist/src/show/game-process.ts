// The game process of the show: the bot without a front end. It answers the requests of its parent process.
import { startBot } from '../bot.js'
import type { Game } from '../game/game.js'
import { type Answers, type FromGame, READY, type ToGame } from './messages.js'

const CHANNEL = 'show'

export function isGameProcess(): boolean {
  return process.send !== undefined
}

async function answer(game: Game, request: ToGame): Promise<Answers[keyof Answers]> {
  switch (request.type) {
    case 'play':
      return game.play(CHANNEL)
    case 'guess':
      return game.guess(CHANNEL, request.participant, request.text)
    case 'hint':
      return game.hint(CHANNEL)
    case 'standings':
      return { round: (await game.play(CHANNEL)).round, players: await game.leaderboard() }
    case 'leaderboard':
      return game.leaderboard()
    case 'quit':
      return {}
  }
}

/** Answers requests until the parent sends `quit` or ends. */
export async function serveGame(): Promise<number> {
  const send = (message: FromGame) =>
    new Promise<void>((resolve) => {
      // If the parent has ended, there is nothing to send to.
      if (process.connected) process.send?.(message, undefined, {}, () => resolve())
      else resolve()
    })
  // Ctrl-C also reaches this process. Ignore it: the parent decides when this process ends.
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
            if (request.type === 'quit') resolve()
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
