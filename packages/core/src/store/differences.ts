import { FlatlogError } from '../base/errors.js'
import type { Slices } from '../base/slices.js'
import type { IndexedValue, KeyIndex } from '../index/key-index.js'
import type { DeleteOperation, SetOperation } from '../record/record.js'

const PAGE_KEYS = 256

/** What makes one state of another, in key order: for whoever knows the one, and cannot be told how the other came of it. */
export async function* differences(
  from: KeyIndex,
  to: KeyIndex,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<SetOperation | DeleteOperation> {
  const [former, present] = [new Keys(from, nowMs), new Keys(to, nowMs)]
  for (;;) {
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

/** A former value that is not there any more is certainly not the present one. */
function readable(index: KeyIndex, key: string, nowMs: number): IndexedValue | undefined {
  try {
    return index.get(key, nowMs)
  } catch (error) {
    if (error instanceof FlatlogError && error.code === 'FLATLOG_CORRUPT') return undefined
    throw error
  }
}

function isEqual(one: IndexedValue, other: IndexedValue | undefined): boolean {
  return one.text === other?.text && one.encoding === other.encoding && one.expires === other.expires
}

/** The keys of an index that does not change, one after the other. */
class Keys {
  #page: string[] = []
  #at = 0

  constructor(
    private readonly index: KeyIndex,
    private readonly nowMs: number,
  ) {
    this.#read(undefined)
  }

  get key(): string | undefined {
    return this.#page[this.#at]
  }

  advance(): void {
    if (++this.#at === this.#page.length) this.#read(this.#page.at(-1))
  }

  #read(after: string | undefined): void {
    this.#page = this.index.pageOfKeys({ prefix: '', after }, PAGE_KEYS, this.nowMs)
    this.#at = 0
  }
}
