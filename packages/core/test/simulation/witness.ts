import { FlatlogError, type Store } from '../support/core.js'

/**
 * What was asked of a store and what it answered, and from that which states may be found after a crash: those that the
 * writes lead to in their order, none left out, ending no earlier than with the last write that had to survive.
 */
export type State = Map<string, { readonly value: unknown; readonly expires?: number | undefined }>

export type Change = (state: State) => void

/**
 * `pending`: not answered yet. `acknowledged`. `doubtful`: rejected with FLATLOG_FAILED, so it may be on disk or not.
 * `absent`: rejected, and certain not to be there.
 */
type Answer = 'pending' | 'acknowledged' | 'doubtful' | 'absent'

class Write {
  answer: Answer = 'pending'
  /** True when a power cut has to leave it. */
  isDurable = false

  change: Change = () => {}

  constructor(readonly what: string) {}
}

export type Crash = 'kill' | 'power'

export class Witness {
  #base: State = new Map()
  #writes: Write[] = []
  #open: Promise<unknown>[] = []
  /** What was written with an expiry, a line for each key and value. */
  readonly timed = new Set<string>()

  constructor(private readonly isAlwaysDurable: boolean) {}

  /** What is known now; answers that come later do not count in it. */
  clone(): Witness {
    const copy = new Witness(this.isAlwaysDurable)
    copy.#base = this.#base
    copy.#writes = this.#writes.map((write) => Object.assign(new Write(write.what), write))
    return copy
  }

  /** True where nothing was written and nothing was there before. */
  get isEmpty(): boolean {
    return this.#writes.length === 0 && this.#base.size === 0
  }

  prepare(what: string): Write {
    return new Write(what)
  }

  /** The write takes its place in the order. `isRefused`: the store has said that it takes none. */
  begin(write: Write, change: Change, isRefused: boolean): void {
    write.change = change
    if (isRefused) write.answer = 'absent'
    else this.#writes.push(write)
  }

  /** The answer counts only if the process that heard it was alive. */
  expectAnswer(write: Write, promise: Promise<unknown>, isHeard: () => boolean): void {
    this.#open.push(
      promise.then(
        () => {
          if (!isHeard()) return
          if (write.answer === 'absent') throw new Error(`${write.what} was acknowledged by a store that has failed`)
          if (write.answer === 'doubtful') return
          write.answer = 'acknowledged'
          write.isDurable ||= this.isAlwaysDurable
        },
        (error: unknown) => {
          if (!isHeard()) return
          const { code } = error as { code?: string }
          if (!(error instanceof FlatlogError)) throw error
          // What has to be read for a write, and cannot be, is read before the write begins.
          if (code === 'FLATLOG_NO_SPACE' || code === 'FLATLOG_IO') write.answer = 'absent'
          else if (code !== 'FLATLOG_FAILED') throw error
          else if (write.answer === 'pending') write.answer = 'doubtful'
        },
      ),
    )
    // Looked at in `answered`; until then it must not bring the test down.
    this.#open.at(-1)?.catch(() => {})
  }

  /** Resolves when all writes are answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#open)
    this.#open = []
  }

  /** To be called before a flush, a close or a compaction; what it returns when that has succeeded. */
  line(): () => void {
    const before = this.#writes.slice()
    return () => {
      for (const write of before) {
        if (write.answer === 'acknowledged' || write.answer === 'pending') write.isDurable = true
      }
    }
  }

  /** As `line`, for what has been acknowledged by now, and will be on disk without anybody's asking. */
  acknowledgedLine(): () => void {
    const before = this.#writes.filter(({ answer }) => answer === 'acknowledged')
    return () => {
      for (const write of before) write.isDurable = true
    }
  }

  /** Another process takes the log over now: what is acknowledged from here on may be in a file that nobody reads. */
  robbed(): void {
    for (const write of this.#writes) if (write.answer === 'pending') write.answer = 'doubtful'
  }

  /** The state that a living store shows when all writes are answered. */
  visible(nowMs: number): string {
    return textOf(this.#state, nowMs)
  }

  /** The same, a line for each key. */
  lines(nowMs: number): string[] {
    return seenOf(this.#state, nowMs).map(([key, { value }]) => lineOf(key, value))
  }

  get #state(): State {
    const isThere = ({ answer }: Write) => answer === 'acknowledged' || answer === 'pending'
    return stateAfter(this.#base, this.#writes.filter(isThere))
  }

  /**
   * After a crash or a reopening: the state must be one of those that are possible, and from here on it is the state.
   * Throws with what was wanted otherwise.
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
      const mark = position === least - 1 ? '  <- the last that had to survive' : ''
      return `  ${position + 1}. ${what}: ${answer}${isDurable ? ', durable' : ''}${mark}`
    })
    return [
      `after ${crash === 'power' ? 'a power cut' : 'a kill'} the state is none that the writes lead to:`,
      `  found ${actual}`,
      `  began with ${textOf(this.#base, nowMs)}`,
      ...list.slice(-40),
      `  at the least ${textOf(stateAfter(this.#base, writes.slice(0, least)), nowMs)}`,
      `  at the most ${textOf(stateAfter(this.#base, writes), nowMs)}`,
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

/** What of a state can be seen at that time, in key order. */
function textOf(state: State, nowMs: number): string {
  const seen = seenOf(state, nowMs).map(([key, { value, expires }]) => [key, shown(value), expires])
  return JSON.stringify(seen.sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1)))
}

export function lineOf(key: string, value: unknown): string {
  return JSON.stringify([key, shown(value)])
}

/** The same of a store. */
export function textOfStore(store: Store): string {
  const entries = [...store.entries()].map(([key, value]) => [key, shown(value), store.getMeta(key)?.expires])
  return JSON.stringify(entries)
}

/** Values are told apart by the number in them; what only fills them up would make every message unreadable. */
function shown(value: unknown): unknown {
  const { n, fill } = (value ?? {}) as { n?: number; fill?: string }
  if (typeof n !== 'number') return value
  return `${n}${fill === undefined ? '' : `+${fill.length}${/^x*$/.test(fill) ? '' : ' and not what was written'}`}`
}
