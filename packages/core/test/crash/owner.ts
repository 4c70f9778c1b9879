import { expect } from 'vitest'
import { type Ending, run } from '../support/children.js'
import { fingerprint } from '../support/fingerprint.js'
import type { Found, LoadTask, Opened } from '../support/load-task.js'
import type { Plan } from '../support/workload.js'

/**
 * The limit for an opening.
 * It takes less than a second on a quiet machine, but more CPU time next to other programs.
 */
const LIMIT_MS = 3000
/** This much is read, copied and synced within the limit. */
const BYTES_IN_LIMIT = 32 << 20

/**
 * Expects that the next owner after a kill is ready soon: it needs little CPU time and waits for no long timer. Single
 * records of many megabytes take longer to read, and to copy if they are torn.
 */
export function expectReady({ openMs }: Opened, where: string, logBytes = 0): void {
  expect(openMs, where).toBeLessThan(LIMIT_MS * Math.max(1, logBytes / BYTES_IN_LIMIT))
}

/**
 * Checks that all acknowledged writes are there, and at most the next ones of the plan.
 * There must be no gap and no part of a write.
 */
export function expectPrefix(plan: Plan, found: Found, acknowledged: number, where: string): void {
  expect(found, where).toMatchObject({ damage: [], inDoubt: [] })
  // The next owner reads all that an earlier one has read.
  expect(found.lastSeq, where).toBeGreaterThanOrEqual(Math.max(acknowledged, plan.steps))
  while (plan.steps < found.lastSeq) plan.next()
  expect(found.state, where).toBe(fingerprint(plan.state))
}

/**
 * A process that owns a store and writes to it until it is killed.
 * It can be started before it is needed.
 */
export class Owner {
  readonly ended: Promise<Ending>
  /** The report of its opening; rejects if the process ended before. */
  readonly opened: Promise<Opened>
  found: Opened | undefined
  /** The number of acknowledged writes of the plan. */
  acknowledged = 0
  hasEnded = false
  /** From before a group of writes until their acknowledgement. */
  isWriting = false
  #isDone = false
  #hasStopped = false
  readonly #run: ReturnType<typeof run>
  readonly #listeners = new Set<() => void>()

  constructor(path: string) {
    this.#run = run(path, [], (line) => this.#receive(line))
    this.ended = this.#run.ended
    void this.ended.then(() => {
      this.hasEnded = true
    })
    this.opened = this.#until(() => this.found)
    // A test that kills it during the opening does not await this.
    this.opened.catch(() => {})
  }

  begin(task: LoadTask): void {
    this.#run.child.stdin?.write(`${JSON.stringify(task)}\n`)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#run.child.kill(signal)
  }

  /** Resolves when it has acknowledged this many writes, or all. */
  async acknowledges(writes: number): Promise<void> {
    await this.#until(() => this.#isDone || this.acknowledged >= writes || undefined)
  }

  /** Resolves when it has encoded the next records and is about to write them. */
  async writes(): Promise<void> {
    this.isWriting = false
    await this.#until(() => this.isWriting || undefined)
  }

  /** Resolves when it has stopped after the call that its task names. */
  async stops(): Promise<void> {
    await this.#until(() => this.#hasStopped || undefined)
  }

  #receive(line: string): void {
    const space = line.indexOf(' ')
    const [word, rest] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    if (word === 'OPEN') this.found = JSON.parse(rest) as Opened
    else if (word === 'ACK') this.acknowledged = Number(rest)
    else if (word === 'END') this.#isDone = true
    else if (word === 'STOP') this.#hasStopped = true
    if (word !== 'STOP') this.isWriting = word === 'WRITE'
    for (const listener of this.#listeners) listener()
  }

  #until<T>(condition: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const met = condition()
        if (met === undefined) return
        this.#listeners.delete(look)
        resolve(met)
      }
      this.#listeners.add(look)
      this.ended.then(({ code, signal }) => reject(new Error(`an owner ended by itself (${code ?? signal})`)))
      look()
    })
  }
}
