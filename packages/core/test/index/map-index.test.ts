import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FrozenIndex, IndexedValue, KeyIndex, Undo } from '../../src/index/key-index.js'
import { MapIndex } from '../../src/index/map-index.js'
import type { Operation } from '../../src/record/record.js'
import { fromValue } from '../../src/record/value.js'

/** The index against the plainest thing that could do the same: one map, copied before each operation. */

type Model = Map<string, { text: string; expires: number | undefined }>

const anyKey = fc.constantFrom(
  '',
  'a',
  'aa',
  'ab',
  'a:',
  'a:1',
  'a:2',
  'b',
  'b:1',
  '__proto__',
  '10',
  '9',
  '\ud800',
  '\u{1f600}',
  '\uffff',
)
const anyPrefix = fc.constantFrom('', '', 'a', 'a:', 'b', 'b:', 'zz', '\ud83d')
const anyValue = fc.nat({ max: 99 })
const anyExpiry = fc.option(fc.integer({ min: 90, max: 110 }), { nil: undefined, freq: 3 })

const anySet = fc.record({ kind: fc.constant('set' as const), key: anyKey, number: anyValue, expires: anyExpiry })
const anyDelete = fc.record({ kind: fc.constant('delete' as const), key: anyKey })
const anyStep = fc.oneof(
  { weight: 8, arbitrary: anySet },
  { weight: 4, arbitrary: anyDelete },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), prefix: anyPrefix }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      data: fc.uniqueArray(fc.tuple(anyKey, anyValue), { selector: ([key]) => key, maxLength: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      steps: fc.array(fc.oneof(anySet, anyDelete), { maxLength: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('undo' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('freeze' as const, 'settle' as const, 'thaw' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      prefix: anyPrefix,
      after: fc.option(anyKey, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 20 }),
      nowMs: fc.integer({ min: 85, max: 115 }),
    }),
  },
)
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

function toOperation(step: Step): Operation | undefined {
  switch (step.kind) {
    case 'set':
      return { kind: 'set', key: step.key, value: fromValue('', step.number), expires: step.expires }
    case 'delete':
    case 'clear':
      return step
    case 'replace':
      return { kind: 'replace', data: step.data.map(([key, number]) => [key, fromValue('', number)] as const) }
    case 'batch':
      return {
        kind: 'batch',
        operations: step.steps.map(toOperation) as Extract<Operation, { kind: 'batch' }>['operations'],
      }
    default:
      return undefined
  }
}

function applyTo(model: Model, operation: Operation): void {
  switch (operation.kind) {
    case 'set':
      model.set(operation.key, { text: operation.value.text, expires: operation.expires })
      break
    case 'delete':
      model.delete(operation.key)
      break
    case 'clear':
      for (const key of [...model.keys()]) if (key.startsWith(operation.prefix)) model.delete(key)
      break
    case 'replace':
      model.clear()
      for (const [key, value] of operation.data) model.set(key, { text: value.text, expires: undefined })
      break
    case 'batch':
      for (const each of operation.operations) applyTo(model, each)
  }
}

interface Query {
  prefix: string
  after: string | undefined
  limit: number
  nowMs: number
}

function pageOfModel(model: Model, { prefix, after, limit, nowMs }: Query): [string, string][] {
  return [...model]
    .filter(
      ([key, { expires }]) =>
        key.startsWith(prefix) && (after === undefined || key > after) && (expires === undefined || expires > nowMs),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([key, { text }]) => [key, text])
}

function pageOf(source: Pick<KeyIndex, 'page'>, { prefix, after, limit, nowMs }: Query): [string, string][] {
  return source.page({ prefix, after }, limit, nowMs).map(([key, { text }]) => [key, text])
}

/** Runs the steps on both, with the rules that the engine keeps, and compares after each. */
class Comparison {
  readonly index = new MapIndex()
  model: Model = new Map()
  /** What has not been acknowledged yet and may be taken back, the latest last. */
  pending: { undo: Undo; before: Model }[] = []
  frozen: { handle: FrozenIndex; model: Model; pendingAtFreeze: number } | undefined
  seq = 0

  constructor(checkpoint: readonly (readonly [string, number])[]) {
    for (const [key, number] of checkpoint) {
      const value = fromValue('', number)
      this.index.addCheckpointed(key, { ...value, expires: undefined, seq: 0, time: undefined })
      this.model.set(key, { text: value.text, expires: undefined })
    }
  }

  run(step: Step): void {
    switch (step.kind) {
      case 'undo':
        for (let count = 0; count < step.count; count++) this.#undo()
        break
      case 'acknowledge':
        this.pending = []
        if (this.frozen) this.frozen.pendingAtFreeze = 0
        break
      case 'freeze':
        if (!this.frozen) {
          this.frozen = {
            handle: this.index.freeze(),
            model: new Map(this.model),
            pendingAtFreeze: this.pending.length,
          }
        }
        break
      case 'settle':
      case 'thaw':
        this.#unfreeze(step.kind)
        break
      case 'list':
        this.#compare(step)
        break
      default:
        this.#apply(toOperation(step) as Operation)
    }
    this.#compare({ prefix: '', after: undefined, limit: 1000, nowMs: 100 })
  }

  #apply(operation: Operation): void {
    const before = new Map(this.model)
    const undo = this.index.apply(operation, ++this.seq, undefined)
    applyTo(this.model, operation)
    this.pending.push({ undo, before })
  }

  #undo(): void {
    const last = this.pending.pop()
    if (!last) return
    last.undo()
    this.model = last.before
    // What was frozen may be taken back too, until it is acknowledged.
    if (this.frozen && this.pending.length < this.frozen.pendingAtFreeze) {
      this.frozen.pendingAtFreeze = this.pending.length
      this.frozen.model = new Map(last.before)
    }
  }

  #unfreeze(how: 'settle' | 'thaw'): void {
    if (!this.frozen) return
    // A checkpoint is made of acknowledged records; later ones may still be taken back.
    this.pending.splice(0, this.frozen.pendingAtFreeze)
    this.frozen.handle[how]()
    this.frozen = undefined
  }

  #compare(query: Query): void {
    expect(pageOf(this.index, query)).toEqual(pageOfModel(this.model, query))
    if (this.frozen) expect(pageOf(this.frozen.handle, query)).toEqual(pageOfModel(this.frozen.model, query))
    for (const key of ['', 'a', 'a:', 'a:1', 'b', '__proto__', 'nowhere']) {
      const there = this.model.get(key)
      const isThere = there && (there.expires === undefined || there.expires > query.nowMs)
      expect(this.index.get(key, query.nowMs)?.text).toBe(isThere ? there.text : undefined)
    }
  }
}

describe('the index does what one map would do', () => {
  it('whatever is written, taken back, frozen, settled and thawed', () => {
    const anyCheckpoint = fc.uniqueArray(fc.tuple(anyKey, anyValue), { selector: ([key]) => key, maxLength: 8 })
    fc.assert(
      fc.property(anyCheckpoint, fc.array(anyStep, { maxLength: 60 }), (checkpoint, steps) => {
        const comparison = new Comparison(checkpoint)
        for (const step of steps) comparison.run(step)
        // Everything that is still pending can be taken back, through all that came between.
        comparison.run({ kind: 'undo', count: steps.length })
      }),
      { numRuns: 800 },
    )
  })
})

const NOW = 100
const set = (key: string, value: unknown, expires?: number): Operation => ({
  kind: 'set',
  key,
  value: fromValue('', value),
  expires,
})
const keysOf = (index: Pick<KeyIndex, 'page'>, nowMs = NOW) =>
  index.page({ prefix: '', after: undefined }, 100, nowMs).map(([key]) => key)

function withCheckpoint(...keys: string[]): MapIndex {
  const index = new MapIndex()
  for (const key of keys)
    index.addCheckpointed(key, { text: `"old ${key}"`, expires: undefined, seq: 0, time: undefined })
  return index
}

describe('an upper layer hides what is below', () => {
  const hide: [what: string, operation: Operation, hidden: string[]][] = [
    ['a tombstone', { kind: 'delete', key: 'a:1' }, ['a:1']],
    ['a tombstone in a batch', { kind: 'batch', operations: [{ kind: 'delete', key: 'a:1' }] }, ['a:1']],
    ['a cleared prefix', { kind: 'clear', prefix: 'a:' }, ['a:1', 'a:2']],
    ['clearing everything', { kind: 'clear', prefix: '' }, ['a:1', 'a:2', 'b']],
    ['replacing everything', { kind: 'replace', data: [] }, ['a:1', 'a:2', 'b']],
    ['a value that has expired', set('b', 'new', NOW), ['b']],
  ]

  it.each(hide)('%s, wherever the layers are frozen', (_what, operation, hidden) => {
    const expected = ['a:1', 'a:2', 'b'].filter((key) => !hidden.includes(key))
    const checks = (index: MapIndex) => {
      expect(keysOf(index)).toEqual(expected)
      for (const key of hidden) expect(index.get(key, NOW)).toBeUndefined()
    }
    for (const end of ['settle', 'thaw'] as const) {
      // In the tail; in the frozen tail; over a frozen tail that holds the keys again; settled or thawed.
      const index = withCheckpoint('a:1', 'a:2', 'b')
      index.apply(operation, 1, undefined)
      checks(index)
      const frozen = index.freeze()
      checks(index)
      index.apply(set('z', 1), 2, undefined)
      index.apply({ kind: 'delete', key: 'z' }, 3, undefined)
      checks(index)
      frozen[end]()
      checks(index)

      const above = new MapIndex()
      for (const key of ['a:1', 'a:2', 'b']) above.apply(set(key, 1), 1, undefined)
      const second = above.freeze()
      above.apply(operation, 2, undefined)
      checks(above)
      second[end]()
      checks(above)
      above.freeze().settle()
      checks(above)
    }
  })

  it('an expired value does not let the older one below through, also after settling', () => {
    const index = withCheckpoint('a')
    index.apply(set('a', 'new', 50), 1, undefined)
    expect(index.get('a', 49)?.text).toBe('"new"')
    expect(index.get('a', 50)).toBeUndefined()
    index.freeze().settle()
    expect(index.get('a', 50)).toBeUndefined()
    expect(index.get('a', 49)?.text).toBe('"new"')
  })

  it('a key that is set again after a clear is there, and taking the set back hides it again', () => {
    const index = withCheckpoint('a:1')
    index.apply({ kind: 'clear', prefix: 'a:' }, 1, undefined)
    const undo = index.apply(set('a:1', 'again'), 2, undefined)
    expect(keysOf(index)).toEqual(['a:1'])
    undo()
    expect(keysOf(index)).toEqual([])
  })
})

describe('listing', () => {
  it('goes on behind a key, inside a prefix, up to a limit', () => {
    const index = withCheckpoint('a:1', 'a:3', 'b', 'a')
    for (const key of ['a:2', 'a:4', 'c']) index.apply(set(key, 1), 1, undefined)
    index.apply({ kind: 'delete', key: 'a:3' }, 2, undefined)
    const page = (prefix: string, after: string | undefined, limit: number) =>
      index.page({ prefix, after }, limit, NOW).map(([key]) => key)
    expect(page('', undefined, 100)).toEqual(['a', 'a:1', 'a:2', 'a:4', 'b', 'c'])
    expect(page('a:', undefined, 2)).toEqual(['a:1', 'a:2'])
    expect(page('a:', 'a:2', 2)).toEqual(['a:4'])
    expect(page('a:', 'a:3', 100)).toEqual(['a:4'])
    // Behind a key that stands before the prefix, and behind one that stands after it.
    expect(page('a:', '', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'b', 100)).toEqual([])
    expect(page('x', undefined, 100)).toEqual([])
    expect(page('', undefined, 0)).toEqual([])
  })

  it('of a page at a time gives every key once', () => {
    const index = new MapIndex()
    const keys = Array.from({ length: 1000 }, (_, number) => `k${String((number * 7919) % 1000).padStart(3, '0')}`)
    for (const [seq, key] of keys.entries()) index.apply(set(key, seq), seq, undefined)
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const page = index.page({ prefix: 'k', after }, 7, NOW)
      seen.push(...page.map(([key]) => key))
      if (page.length < 7) break
      after = page.at(-1)?.[0]
    }
    expect(seen).toEqual([...keys].sort())
  })
})

describe('what is known of a value', () => {
  it('is the record that wrote it and when, and the expiry', () => {
    const index = new MapIndex()
    index.apply(set('a', 1, 500), 7, 90)
    index.apply({ kind: 'replace', data: [['b', fromValue('', 2)]] }, 8, 91)
    index.apply(
      { kind: 'batch', operations: [{ kind: 'set', key: 'c', value: fromValue('', 3), expires: 300 }] },
      9,
      92,
    )
    const plain = (value: IndexedValue | undefined) =>
      value && { seq: value.seq, time: value.time, expires: value.expires }
    expect(index.get('a', NOW)).toBeUndefined()
    expect(plain(index.get('b', NOW))).toEqual({ seq: 8, time: 91, expires: undefined })
    expect(plain(index.get('c', NOW))).toEqual({ seq: 9, time: 92, expires: 300 })
  })

  it('how many keys the tail names, and whether the checkpoint is hidden', () => {
    const index = withCheckpoint('a', 'b')
    expect([index.tailKeys, index.hidesCheckpoint]).toEqual([0, false])
    index.apply(set('a', 1), 1, undefined)
    index.apply({ kind: 'delete', key: 'x' }, 2, undefined)
    index.apply({ kind: 'clear', prefix: 'b' }, 3, undefined)
    expect([index.tailKeys, index.hidesCheckpoint]).toEqual([2, false])
    const undo = index.apply({ kind: 'clear', prefix: '' }, 4, undefined)
    expect(index.hidesCheckpoint).toBe(true)
    undo()
    expect([index.tailKeys, index.hidesCheckpoint]).toEqual([2, false])
    index.apply({ kind: 'clear', prefix: '' }, 4, undefined)
    index.freeze().settle()
    expect([index.tailKeys, index.hidesCheckpoint]).toEqual([0, false])
    expect(keysOf(index)).toEqual([])
  })
})
