import { FlatlogError, type Store } from '../support/core.js'

/**
 * Remembers the writes to a store and its answers, and derives which states a crash may leave: those after any prefix
 * of the writes that includes the last one that had to survive.
 */
export type State = Map<string, { readonly value: unknown; readonly expires?: number | undefined }>

export type Change = (state: State) => void

/**
 * `pending`: not answered yet. `acknowledged`: resolved. `doubtful`: rejected with FLATLOG_FAILED, so it may or may not be
 * on disk. `absent`: rejected, and certainly not on disk.
 */
type Answer = 'pending' | 'acknowledged' | 'doubtful' | 'absent'

class Write {
  answer: Answer = 'pending'
  /** True if it must survive a power cut. */
  isDurable = false

  change: Change = () => {}

  constructor(readonly what: string) {}
}

export type Crash = 'kill' | 'power'

export class Witness {
  #base: State = new Map()
  #writes: Write[] = []
  #open: Promise<unknown>[] = []
  /** A line for each key and value that was written with an expiry. */
  readonly timed = new Set<string>()

  constructor(private readonly isAlwaysDurable: boolean) {}

  /** A copy that later answers do not change. */
  clone(): Witness {
    const copy = new Witness(this.isAlwaysDurable)
    copy.#base = this.#base
    copy.#writes = this.#writes.map((write) => Object.assign(new Write(write.what), write))
    return copy
  }

  /** True if nothing was ever written. */
  get isEmpty(): boolean {
    return this.#writes.length === 0 && this.#base.size === 0
  }

  prepare(what: string): Write {
    return new Write(what)
  }

  /** Gives the write its place in the order. `isRefused`: the store refuses all writes. */
  begin(write: Write, change: Change, isRefused: boolean): void {
    write.change = change
    if (isRefused) write.answer = 'absent'
    else this.#writes.push(write)
  }

  /** The answer counts only if the process is alive when it comes. */
  expectAnswer(write: Write, promise: Promise<unknown>, isAlive: () => boolean): void {
    this.#open.push(
      promise.then(
        () => {
          if (!isAlive()) return
          if (write.answer === 'absent') throw new Error(`${write.what} was acknowledged by a store that has failed`)
          if (write.answer === 'doubtful') return
          write.answer = 'acknowledged'
          write.isDurable ||= this.isAlwaysDurable
        },
        (error: unknown) => {
          if (!isAlive()) return
          const { code } = error as { code?: string }
          if (!(error instanceof FlatlogError)) throw error
          // FLATLOG_IO is a failed read for the write, which comes before the write itself.
          if (code === 'FLATLOG_NO_SPACE' || code === 'FLATLOG_IO') write.answer = 'absent'
          else if (code !== 'FLATLOG_FAILED') throw error
          else if (write.answer === 'pending') write.answer = 'doubtful'
        },
      ),
    )
    // `answered` awaits it; until then a rejection must not fail the test.
    this.#open.at(-1)?.catch(() => {})
  }

  /** Resolves when all writes are answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#open)
    this.#open = []
  }

  /**
   * Notes the writes before a flush, a close or a compaction.
   * Call the returned function when that has succeeded.
   */
  line(): () => void {
    const before = this.#writes.slice()
    return () => {
      for (const write of before) {
        if (write.answer === 'acknowledged' || write.answer === 'pending') write.isDurable = true
      }
    }
  }

  /** Like `line`, for acknowledged writes that the store makes durable without a call. */
  acknowledgedLine(): () => void {
    const before = this.#writes.filter(({ answer }) => answer === 'acknowledged')
    return () => {
      for (const write of before) write.isDurable = true
    }
  }

  /**
   * Notes that another process has broken the lock.
   * A later answer may be for a file that is not the log any more.
   */
  displaced(): void {
    for (const write of this.#writes) if (write.answer === 'pending') write.answer = 'doubtful'
  }

  /** The state that a living store shows after all writes are answered. */
  visible(nowMs: number): string {
    return textOf(this.#state, nowMs)
  }

  /** The same state, as a line for each key. */
  lines(nowMs: number): string[] {
    return seenOf(this.#state, nowMs).map(([key, { value }]) => lineOf(key, value))
  }

  get #state(): State {
    const isThere = ({ answer }: Write) => answer === 'acknowledged' || answer === 'pending'
    return stateAfter(this.#base, this.#writes.filter(isThere))
  }

  /**
   * Checks that the state after a crash or a reopening is a possible one. From then on it is the only possible one.
   * Throws with the possible states if it is not.
   */
  found(actual: string, nowMs: number, crash: Crash): void {
    const writes = this.#writes.filter(({ answer }) => answer !== 'absent')
    const mustBeThere = ({ answer, isDurable }: Write) => isDurable || (crash === 'kill' && answer === 'acknowledged')
    const least = writes.findLastIndex(mustBeThere) + 1
    for (let count = writes.length; count >= least; count--) {
      const state = stateAfter(this.#base, writes.slice(0, count))
      if (textOf(state, nowMs) !== actual) continue
      this.#base = state
      this.#writes = []
      this.#open = []
      return
    }
    throw new Error(this.#explain(actual, writes, least, nowMs, crash))
  }

  #explain(actual: string, writes: readonly Write[], least: number, nowMs: number, crash: Crash): string {
    const list = writes.map(({ what, answer, isDurable }, position) => {
      const mark = position === least - 1 ? '  <- the last one that had to survive' : ''
      return `  ${position + 1}. ${what}: ${answer}${isDurable ? ', durable' : ''}${mark}`
    })
    return [
      `after ${crash === 'power' ? 'a power cut' : 'a kill'} the state is not one that the writes lead to:`,
      `  found ${actual}`,
      `  began with ${textOf(this.#base, nowMs)}`,
      ...list.slice(-40),
      `  at least ${textOf(stateAfter(this.#base, writes.slice(0, least)), nowMs)}`,
      `  at most ${textOf(stateAfter(this.#base, writes), nowMs)}`,
    ].join('\n')
  }
}

function stateAfter(base: State, writes: readonly Write[]): State {
  const state: State = new Map(base)
  for (const write of writes) write.change(state)
  return state
}

function seenOf(state: State, nowMs: number) {
  return [...state].filter(([, { expires }]) => expires === undefined || expires > nowMs)
}

/** The visible part of a state at that time, in key order. */
function textOf(state: State, nowMs: number): string {
  const seen = seenOf(state, nowMs).map(([key, { value, expires }]) => [key, shown(value), expires])
  return JSON.stringify(seen.sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1)))
}

export function lineOf(key: string, value: unknown): string {
  return JSON.stringify([key, shown(value)])
}

/** The visible state of a store, in the same form. */
export function textOfStore(store: Store): string {
  const entries = [...store.entries()].map(([key, value]) => [key, shown(value), store.getMeta(key)?.expires])
  return JSON.stringify(entries)
}

/** Shortens a value for messages: its number identifies it. */
function shown(value: unknown): unknown {
  const { n, fill } = (value ?? {}) as { n?: number; fill?: string }
  if (typeof n !== 'number') return value
  return `${n}${fill === undefined ? '' : `+${fill.length}${/^x*$/.test(fill) ? '' : ' with a wrong filling'}`}`
}
