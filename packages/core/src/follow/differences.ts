import type { DeleteOperation, Operation, SetOperation } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import { pagesOf } from '../state/key-order.js'
import type { State } from '../state/state.js'
import type { StateValue } from '../state/types.js'

const PAGE_KEYS = 256

type ClearOperation = Extract<Operation, { kind: 'clear' }>

/** What makes one state of another, in key order: for whoever knows the one, and cannot be told how the other came of it. */
export async function* differences(
  from: State,
  to: State,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<SetOperation | DeleteOperation | ClearOperation> {
  const [former, present] = [new Keys(from, nowMs), new Keys(to, nowMs)]
  for (;;) {
    if (present.error) throw present.error
    // Its file was written over, or is out of reach.
    if (former.error) return yield* anew(to, nowMs, slices)
    const [gone, there] = [former.key, present.key]
    if (gone === undefined && there === undefined) return
    if (there === undefined || (gone !== undefined && gone < there)) {
      yield { kind: 'delete', key: gone as string }
      former.advance()
    } else {
      const value = to.get(there, nowMs)
      const isSame = gone === there && value !== undefined && isEqual(value, readable(from, there, nowMs))
      const { text, encoding, expires } = value ?? {}
      if (text !== undefined && !isSame) yield { kind: 'set', key: there, value: { text, encoding }, expires }
      present.advance()
      if (gone === there) former.advance()
    }
    if (slices.isDue()) await slices.pause()
  }
}

/** The whole state, where nobody can tell any more which keys there were. */
async function* anew(to: State, nowMs: number, slices: Slices): AsyncGenerator<SetOperation | ClearOperation> {
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

/** A former value that is not there any more is certainly not the present one. */
function readable(index: State, key: string, nowMs: number): StateValue | undefined {
  try {
    return index.get(key, nowMs)
  } catch {
    return undefined
  }
}

function isEqual(one: StateValue, other: StateValue | undefined): boolean {
  return one.text === other?.text && one.encoding === other.encoding && one.expires === other.expires
}

/** The keys of an index that does not change, one after the other. */
class Keys {
  readonly #keys: Iterator<string>
  /** Undefined at the end, and after an error. */
  key: string | undefined
  /** Why the next key is not known. */
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
