import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FrozenIndex, KeyIndex, Undo } from '../../src/index/key-index.js'
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
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('freeze' as const, 'freeze' as const, 'settle' as const, 'thaw' as const),
    }),
  },
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
    if (how === 'settle') this.frozen.handle.settle(0)
    else this.frozen.handle.thaw()
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
