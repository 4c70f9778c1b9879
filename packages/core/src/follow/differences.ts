import type { DeleteOperation, Operation, SetOperation } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import { PAGE_KEYS, pagesOf } from '../state/key-order.js'
import type { State } from '../state/state.js'
import type { StateValue } from '../state/types.js'

type ClearOperation = Extract<Operation, { kind: 'clear' }>

/** Operations that turn one state into another, in key order. Used when the records between them are not known. */
export async function* differences(
  from: State,
  to: State,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<SetOperation | DeleteOperation | ClearOperation> {
  const [former, present] = [new Keys(from, nowMs), new Keys(to, nowMs)]
  for (;;) {
    if (present.error) throw present.error
    // The former file was overwritten or cannot be read.
    if (former.error) return yield* wholeState(to, nowMs, slices)
    const [gone, there] = [former.key, present.key]
    if (gone === undefined && there === undefined) return
    if (there === undefined || (gone !== undefined && gone < there)) {
      yield { kind: 'delete', key: gone as string }
      former.advance()
    } else {
      const value = to.get(there, nowMs)
      const isSame = gone === there && value !== undefined && isEqual(value, formerValue(from, there, nowMs))
      const { text, encoding, expires } = value ?? {}
      if (text !== undefined && !isSame) yield { kind: 'set', key: there, value: { text, encoding }, expires }
      present.advance()
      if (gone === there) former.advance()
    }
    if (slices.isDue()) await slices.pause()
  }
}

/** A clear and the whole state, if the former keys are no longer known. */
async function* wholeState(to: State, nowMs: number, slices: Slices): AsyncGenerator<SetOperation | ClearOperation> {
  yield { kind: 'clear', prefix: '' }
  const present = new Keys(to, nowMs)
  for (; present.key !== undefined; present.advance()) {
    const { key } = present
    const { text, encoding, expires } = to.get(key, nowMs) ?? {}
    if (text !== undefined) yield { kind: 'set', key, value: { text, encoding }, expires }
    if (slices.isDue()) await slices.pause()
  }
  if (present.error) throw present.error
}

/** The former value; undefined if it can no longer be read, so that it counts as changed. */
function formerValue(state: State, key: string, nowMs: number): StateValue | undefined {
  try {
    return state.get(key, nowMs)
  } catch {
    return undefined
  }
}

function isEqual(one: StateValue, other: StateValue | undefined): boolean {
  return one.text === other?.text && one.encoding === other.encoding && one.expires === other.expires
}

/** A cursor over the keys of a state that does not change. */
class Keys {
  readonly #keys: Iterator<string>
  /** Undefined at the end, and after an error. */
  key: string | undefined
  /** Why the next key could not be read. */
  error: unknown

  constructor(state: State, nowMs: number) {
    this.#keys = keysOf(state, nowMs)
    this.advance()
  }

  advance(): void {
    this.key = undefined
    try {
      const { done, value } = this.#keys.next()
      if (!done) this.key = value
    } catch (error) {
      this.error = error
    }
  }
}

function* keysOf(state: State, nowMs: number): Generator<string> {
  for (const page of pagesOf((after) => state.pageOfKeys({ prefix: '', after }, PAGE_KEYS, nowMs))) yield* page
}
