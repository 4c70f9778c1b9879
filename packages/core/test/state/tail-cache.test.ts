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

/** The cache of a tail must count only texts that can still be read. */

const KEYS = 12

interface Pending {
  readonly operation: Operation
  readonly change: TailChange
  readonly before: ReadonlyMap<string, string>
  isWritten: boolean
}

const isCached = ({ cacheState }: TailValue) => cacheState === 'cached' || cacheState === 'used'

/** A tail, and a plain map with its expected contents. */
class RandomTail {
  readonly cache: ValueCache
  readonly file = new MemoryFile('')
  readonly tail: Tail
  /** All values that were ever set, with their keys. */
  readonly values = new Map<TailValue, string>()
  expected: ReadonlyMap<string, string> = new Map()
  #pending: Pending[] = []
  #seq = 0

  constructor(
    private readonly random: Random,
    cacheBytes: number,
  ) {
    this.cache = new ValueCache(cacheBytes)
    this.tail = new Tail(this.file, '/store.log', this.cache)
  }

  apply(operation: Operation): void {
    const before = this.expected
    const change = this.tail.apply(operation, ++this.#seq, undefined)
    const expected = new Map(operation.kind === 'clear' || operation.kind === 'replace' ? [] : before)
    const keys: string[] = []
    const put = (step: SetOperation | DeleteOperation) => {
      if (step.kind === 'delete') expected.delete(step.key)
      else {
        keys.push(step.key)
        expected.set(step.key, step.value.text)
      }
    }
    if (operation.kind === 'replace') for (const [key, value] of operation.data) put({ kind: 'set', key, value })
    else if (operation.kind === 'batch') operation.operations.forEach(put)
    else if (operation.kind !== 'clear') put(operation)
    for (const [at, key] of keys.entries()) this.values.set(change.values[at] as TailValue, key)
    this.expected = expected
    this.#pending.push({ operation, change, before, isWritten: false })
  }

  /** Writes the first record that is not in the file yet. */
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

  undo(count: number): void {
    for (const { change, before } of this.#pending.splice(-count, count).reverse()) {
      change.undo()
      this.expected = before
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
      () => this.undo(1 + random.below(4)),
      () => this.acknowledge(),
      () => this.write(),
      () => this.write(),
      () => this.read(key()),
      () => this.apply(set()),
      () => this.apply(set()),
      () => this.apply(set()),
    ]
    random.pick(steps)()
  }

  read(key: string): void {
    const state = this.tail.get(key)
    if (state && state !== TOMBSTONE) this.tail.valueOf(key, state, true)
  }

  check(): void {
    let counted = 0
    for (const value of this.values.keys()) if (isCached(value)) counted += value.cachedBytes
    expect(this.cache.bytes).toBe(counted)
    expect(counted).toBeLessThanOrEqual(this.cache.maxBytes)
    const texts = Array.from({ length: KEYS }, (_, number) => {
      const state = this.tail.get(`k${number}`)
      return state && state !== TOMBSTONE ? this.tail.valueOf(`k${number}`, state, false).text : undefined
    })
    expect(texts).toEqual(texts.map((_, number) => this.expected.get(`k${number}`)))
  }

  /** Acknowledges all records, and changes enough keys to release all cleared values. */
  settle(): void {
    for (let at = 0; at < 1000; at++) this.write()
    this.acknowledge()
    const rounds = this.values.size
    for (let round = 0; round < rounds; round++) this.apply({ kind: 'delete', key: 'k0' })
    for (const [value, key] of this.values) {
      const isCurrent = this.tail.get(key) === value
      if (!isCurrent) expect(isCached(value), `a former value of ${key}`).toBe(false)
      else if (this.cache.maxBytes === Number.POSITIVE_INFINITY) expect(isCached(value), key).toBe(true)
    }
  }
}

describe('the cache of a tail', () => {
  for (const cacheBytes of [0, 700, Number.POSITIVE_INFINITY]) {
    it(`counts the texts that can be read, with a limit of ${cacheBytes} bytes`, () => {
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
