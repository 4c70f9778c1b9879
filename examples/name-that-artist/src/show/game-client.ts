// Starts a game process, sends requests to it and kills it.
import { type ChildProcess, fork } from 'node:child_process'
import { type Answers, type FromGame, READY, type Request } from './messages.js'

type RequestType = Request['type']
type RequestOf<Type extends RequestType> = Extract<Request, { type: Type }>

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class GameClient {
  /** Resolves when the game is ready, with what it found in its data directory. */
  readonly ready: Promise<readonly string[]>
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #lastId = READY

  constructor(mainFile: string, dataDir: string) {
    const env = { ...process.env, NTA_DATA_DIR: dataDir }
    this.#child = fork(mainFile, ['--game-process'], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.ready = this.#answerTo(READY)
    // Mark the rejection as handled: a game that is killed before it is ready is not awaited.
    this.ready.catch(() => undefined)
    this.#child.on('message', (message) => this.#receive(message as FromGame))
    this.#ended = new Promise((resolve) => {
      // Reject all open requests, because no answer can arrive any more.
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

  request<Type extends RequestType>(request: RequestOf<Type>): Promise<Answers[Type]> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = this.#answerTo<Answers[Type]>(id)
    this.#child.send({ ...request, id }, (error) => {
      if (error) this.#waiting.get(id)?.reject(error)
    })
    return answer
  }

  /** Kills the process with SIGKILL and waits until it has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Lets the process close its data and end. Resolves to its exit code. */
  async quit(): Promise<number | null> {
    await this.request<'quit'>({ type: 'quit' })
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
