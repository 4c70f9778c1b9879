// The parent's side of a game process: starts it, asks it, kills it.
import { type ChildProcess, fork } from 'node:child_process'
import { type Answers, type FromGame, READY, type Request } from './messages.js'

type Ask = Request['ask']
type AskOf<A extends Ask> = Extract<Request, { ask: A }>

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class GameClient {
  /** Resolves when the game is ready, and to what it found in its data directory. */
  readonly ready: Promise<readonly string[]>
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #lastId = READY

  /** Starts the game on a data directory of its own. */
  constructor(mainFile: string, dataDir: string) {
    const env = { ...process.env, NTA_DATA_DIR: dataDir }
    this.#child = fork(mainFile, ['--game-process'], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.ready = this.#answerTo(READY)
    // Whoever kills a game that never got ready does not wait for it; that rejection is nobody's loss.
    this.ready.catch(() => undefined)
    this.#child.on('message', (message) => this.#receive(message as FromGame))
    this.#ended = new Promise((resolve) => {
      // Answers that cannot come any more must not be waited for.
      const end = (reason: string) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(reason))
        this.#waiting.clear()
        resolve()
      }
      this.#child.once('error', (error) => end(`The game process could not be started: ${error.message}`))
      this.#child.once('exit', (code, signal) => end(`The game process has ended (${signal ?? code}).`))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  ask<A extends Ask>(request: AskOf<A>): Promise<Answers[A]> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = this.#answerTo<Answers[A]>(id)
    this.#child.send({ ...request, id }, (error) => {
      if (error) this.#waiting.get(id)?.reject(error)
    })
    return answer
  }

  /** Kills the process without any warning to it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Lets the process close its data and end; resolves to its exit code. */
  async leave(): Promise<number | null> {
    await this.ask<'leave'>({ ask: 'leave' })
    await this.#ended
    return this.#child.exitCode
  }

  #answerTo<T>(id: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject })
    })
  }

  #receive(message: FromGame): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.answer)
  }
}
