import { describe, expect, it } from 'vitest'
import { MemoryFile } from '../log/memory-file.js'
import {
  type DeleteOperation,
  encodeOperation,
  fromValue,
  type Operation,
  type SetOperation,
  Tail,
  type TailChange,
  type TailValue,
  TOMBSTONE,
  ValueCache,
} from '../support/core.js'
import { Random } from '../support/random.js'

/** What the cache counts of a tail that is cleared, written late and taken back: the texts that can be asked for. */

const KEYS = 12

interface Pending {
  readonly operation: Operation
  readonly change: TailChange
  readonly before: ReadonlyMap<string, string>
  isWritten: boolean
}

const isCached = ({ cacheState }: TailValue) => cacheState === 'cached' || cacheState === 'used'

/** A tail beside a plain map of what it has to say. */
class RandomTail {
  readonly cache: ValueCache
  readonly file = new MemoryFile('')
  readonly layer: Tail
  readonly entries = new Map<TailValue, string>()
  state: ReadonlyMap<string, string> = new Map()
  #pending: Pending[] = []
  #seq = 0

  constructor(
    private readonly random: Random,
    cacheBytes: number,
  ) {
    this.cache = new ValueCache(cacheBytes)
    this.layer = new Tail(this.file, '/store.log', this.cache)
  }

  apply(operation: Operation): void {
    const before = this.state
    const change = this.layer.apply(operation, ++this.#seq, undefined)
    const state = new Map(operation.kind === 'clear' || operation.kind === 'replace' ? [] : before)
    const sets: [string, string][] = []
    const put = (step: SetOperation | DeleteOperation) => {
      if (step.kind === 'delete') state.delete(step.key)
      else sets.push([step.key, step.value.text])
      if (step.kind === 'set') state.set(step.key, step.value.text)
    }
    if (operation.kind === 'replace') for (const [key, value] of operation.data) put({ kind: 'set', key, value })
    else if (operation.kind === 'batch') operation.operations.forEach(put)
    else if (operation.kind !== 'clear') put(operation)
    for (const [at, [key]] of sets.entries()) this.entries.set(change.values[at] as TailValue, key)
    this.state = state
    this.#pending.push({ operation, change, before, isWritten: false })
  }

  /** The first that is not in the file yet. */
  write(): void {
    const next = this.#pending.find(({ isWritten }) => !isWritten)
    if (!next) return
    next.isWritten = true
    const valueStarts: number[] = []
    const encoded = encodeOperation(next.operation, valueStarts)
    this.file.write(encoded, this.file.bytes.length)
    const encodedEnd = this.file.bytes.length
    next.change.written({ operation: next.operation, encoded, valueStarts, encodedEnd, isAscii: true })
  }

  acknowledge(): void {
    this.#pending = this.#pending.filter(({ isWritten }) => !isWritten)
  }

  takeBack(count: number): void {
    for (const { change, before } of this.#pending.splice(-count, count).reverse()) {
      change.undo()
      this.state = before
    }
  }

  step(): void {
    const { random } = this
    const key = () => `k${random.below(KEYS)}`
    const value = () => fromValue('', 'x'.repeat(random.below(60)))
    const set = (): SetOperation => ({ kind: 'set', key: key(), value: value(), expires: undefined })
    const steps: (() => void)[] = [
      () => this.apply({ kind: 'clear', prefix: '' }),
      () => this.apply({ kind: 'replace', data: [['k0', value()]] }),
      () => this.apply({ kind: 'batch', operations: [set(), { kind: 'delete', key: key() }, set()] }),
      () => this.apply({ kind: 'delete', key: key() }),
      () => this.takeBack(1 + random.below(4)),
      () => this.acknowledge(),
      () => this.write(),
      () => this.write(),
      () => this.ask(key()),
      () => this.apply(set()),
      () => this.apply(set()),
      () => this.apply(set()),
    ]
    random.pick(steps)()
  }

  ask(key: string): void {
    const entry = this.layer.get(key)
    if (entry && entry !== TOMBSTONE) this.layer.valueOf(key, entry, true)
  }

  check(): void {
    let counted = 0
    for (const value of this.entries.keys()) if (isCached(value)) counted += value.cachedBytes
    expect(this.cache.bytes).toBe(counted)
    expect(counted).toBeLessThanOrEqual(this.cache.maxBytes)
    for (let number = 0; number < KEYS; number++) {
      const key = `k${number}`
      const entry = this.layer.get(key)
      const there = entry === undefined || entry === TOMBSTONE ? undefined : this.layer.valueOf(key, entry, false).text
      expect(there, key).toBe(this.state.get(key))
    }
  }

  /** Everything is acknowledged, and as many keys are set as it takes for what was cleared to be let go. */
  settle(): void {
    for (let at = 0; at < 1000; at++) this.write()
    this.acknowledge()
    const rounds = this.entries.size
    for (let round = 0; round < rounds; round++) this.apply({ kind: 'delete', key: 'k0' })
    for (const [entry, key] of this.entries) {
      const isThere = this.layer.get(key) === entry
      if (!isThere) expect(isCached(entry), `a former value of ${key}`).toBe(false)
      else if (this.cache.maxBytes === Number.POSITIVE_INFINITY) expect(isCached(entry), key).toBe(true)
    }
  }
}

describe('what the cache counts', () => {
  for (const cacheBytes of [0, 700, Number.POSITIVE_INFINITY]) {
    it(`is what can be asked for, with room for ${cacheBytes} bytes`, () => {
      for (let seed = 1; seed <= 60; seed++) {
        const tail = new RandomTail(new Random(seed), cacheBytes)
        try {
          for (let step = 0; step < 120; step++) {
            tail.step()
            tail.check()
          }
          tail.settle()
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error })
        }
      }
    })
  }
})
