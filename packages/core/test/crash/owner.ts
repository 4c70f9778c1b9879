import { availableParallelism, loadavg } from 'node:os'
import { expect } from 'vitest'
import { type Ending, run } from '../support/children.js'
import { fingerprint } from '../support/fingerprint.js'
import type { Found, LoadTask, Opened } from '../support/load-task.js'
import type { Plan } from '../support/workload.js'

/** What is read, copied and synced within the second beside everything else. */
const BYTES_A_SECOND = 32 << 20

/**
 * A killed owner's successor is ready within a second, or later where the machine has more to do than it can, or where
 * single records of many megabytes have to be read, and copied where they are torn.
 */
export function expectReady(ms: number, where: string, logBytes = 0): void {
  const load = (loadavg()[0] as number) / availableParallelism()
  expect(ms, where).toBeLessThan(1000 * Math.max(1, load) * Math.max(1, logBytes / BYTES_A_SECOND))
}

/** All that was acknowledged, and beyond it at most the next writes in their order: never a gap, never half of one. */
export function expectPrefix(plan: Plan, found: Found, acknowledged: number, where: string): void {
  expect(found, where).toMatchObject({ damage: [], inDoubt: [] })
  // What one owner has found the next one finds too.
  expect(found.lastSeq, where).toBeGreaterThanOrEqual(Math.max(acknowledged, plan.steps))
  while (plan.steps < found.lastSeq) plan.next()
  expect(found.state, where).toBe(fingerprint(plan.state))
}

/** A process that owns a store and writes to it until it is killed. It can be started ahead of its time. */
export class Owner {
  readonly ended: Promise<Ending>
  /** What it found when it opened the store; rejects if it ended before. */
  readonly opened: Promise<Opened>
  found: Opened | undefined
  /** When it had opened the store, on this process's clock. */
  openedAtMs = 0
  /** How many of the plan's writes are acknowledged, and when all are written. */
  acknowledged = 0
  isDone = false
  hasEnded = false
  #isWriting = false
  readonly #run: ReturnType<typeof run>
  readonly #listeners = new Set<() => void>()

  constructor(path: string) {
    this.#run = run(path, [], (line) => this.#hear(line))
    this.ended = this.#run.ended
    void this.ended.then(() => {
      this.hasEnded = true
    })
    this.opened = this.#until(() => this.found)
    // A test that kills it while it opens the store does not ask.
    this.opened.catch(() => {})
  }

  begin(task: LoadTask): void {
    this.#run.child.stdin?.write(`${JSON.stringify(task)}\n`)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#run.child.kill(signal)
  }

  async acknowledges(writes: number): Promise<void> {
    await this.#until(() => this.isDone || this.acknowledged >= writes || undefined)
  }

  /** It has made the next records, and is about to write them. */
  async writes(): Promise<void> {
    this.#isWriting = false
    await this.#until(() => this.#isWriting || undefined)
  }

  #hear(line: string): void {
    const space = line.indexOf(' ')
    const [word, rest] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    if (word === 'OPEN') {
      this.found = JSON.parse(rest) as Opened
      this.openedAtMs = performance.now()
    } else if (word === 'ACK') this.acknowledged = Number(rest)
    else if (word === 'END') this.isDone = true
    this.#isWriting = word === 'WRITE'
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
