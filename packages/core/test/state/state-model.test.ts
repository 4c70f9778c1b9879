import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { FrozenState, KeyRangeQuery, Operation, PartValue, State, StateValue } from '../support/core.js'
import { rounds } from '../support/long.js'
import { anyJsonValue, anyKey, anyPrefix, anyValue, KEYS } from './arbitraries.js'
import { MemoryLog, START_MS, shown } from './memory-log.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

/**
 * Compares the state with a simple model: one map, copied before each operation. Nearly all values are read from the
 * file of the log, because little stays in memory.
 */

type Model = Map<string, StateValue>

const anyLife = fc.option(fc.integer({ min: -5, max: 60 }), { nil: undefined, freq: 3 })
const anySet = fc.record({ kind: fc.constant('set' as const), key: anyKey, value: anyValue, life: anyLife })
const anyDelete = fc.record({ kind: fc.constant('delete' as const), key: anyKey })
const anyStep = fc.oneof(
  { weight: 12, arbitrary: anySet },
  { weight: 4, arbitrary: anyDelete },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), prefix: anyPrefix }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('replace' as const),
      data: fc.uniqueArray(fc.tuple(anyKey, anyJsonValue), { selector: ([key]) => key, maxLength: 20 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      steps: fc.array(fc.oneof(anySet, anyDelete), { maxLength: 12 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('undo' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('write' as const, 'acknowledge' as const) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constantFrom('freeze' as const, 'freeze' as const, 'freeze' as const, 'thaw' as const, 'thaw' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('compact' as const), pieces: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      prefix: anyPrefix,
      after: fc.option(anyKey, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), isWhole: fc.boolean() }) },
)
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

function clearsAll(step: Step): boolean {
  return step.kind === 'replace' || (step.kind === 'clear' && step.prefix === '')
}

/** Counts of the interesting cases in all runs together. */
const met = { copied: 0, rewritten: 0, reads: 0, whileCompacting: 0 }

/** Runs the steps on both, by the rules of the engine, and compares them after each. */
class Comparison {
  #model: Model
  /** The model before each record that can be undone, the latest last. */
  #before: Model[] = []
  #frozen: { model: Model; records: number } | undefined
  #probes = 0

  constructor(
    readonly log: MemoryLog,
    state: readonly PartValue[],
    private readonly isTimed: boolean,
    private readonly cacheBytes: number,
  ) {
    this.#model = new Map(state.map(({ key, value, expires, time }) => [key, { ...value, expires, time }]))
  }

  async run(step: Step): Promise<void> {
    const { log } = this
    switch (step.kind) {
      case 'undo':
        this.#undo(log.undo(step.count))
        break
      case 'write':
        log.write()
        break
      case 'acknowledge':
        log.acknowledge()
        break
      case 'wait':
        log.nowMs += step.ms
        break
      case 'freeze':
        if (this.#frozen) break
        log.freeze()
        this.#frozen = { model: new Map(this.#model), records: this.#before.length }
        break
      case 'compact':
        if (log.compactOn(step.pieces)) met.whileCompacting++
        break
      case 'settle':
        await this.#settle()
        break
      case 'thaw':
        log.thaw()
        this.#frozen = undefined
        break
      case 'list':
        this.#compare(step, step.limit)
        break
      case 'reopen':
        met.reads += log.file.reads
        await log.reopen(undefined, step.isWhole)
        this.#frozen = undefined
        this.#before = []
        break
      default:
        this.#apply(this.#operationOf(step))
    }
    this.compareAll()
  }

  #operationOf(step: Extract<Step, { kind: 'set' | 'delete' | 'clear' | 'replace' | 'batch' }>): Operation {
    switch (step.kind) {
      case 'set': {
        const { key, value, life } = step
        return { kind: 'set', key, value, expires: life === undefined ? undefined : this.log.nowMs + life }
      }
      case 'batch': {
        const operations = step.steps.map((each) => this.#operationOf(each))
        return { kind: 'batch', operations: operations as Extract<Operation, { kind: 'batch' }>['operations'] }
      }
      default:
        return step
    }
  }

  #apply(operation: Operation): void {
    this.#before.push(new Map(this.#model))
    this.log.apply(operation)
    this.#applyToModel(operation)
  }

  #applyToModel(operation: Operation): void {
    const model = this.#model
    const time = this.isTimed ? this.log.nowMs : undefined
    switch (operation.kind) {
      case 'set':
        model.set(operation.key, { ...operation.value, expires: operation.expires, time })
        break
      case 'delete':
        model.delete(operation.key)
        break
      case 'clear':
        for (const key of [...model.keys()]) if (key.startsWith(operation.prefix)) model.delete(key)
        break
      case 'replace':
        model.clear()
        for (const [key, value] of operation.data) model.set(key, { ...value, expires: undefined, time })
        break
      case 'batch':
        for (const each of operation.operations) this.#applyToModel(each)
    }
  }

  #undo(records: number): void {
    if (records === 0) return
    const left = this.#before.length - records
    this.#model = this.#before[left] as Model
    this.#before.length = left
    // Frozen records can be undone too until they are acknowledged.
    if (this.#frozen && left < this.#frozen.records) this.#frozen = { model: new Map(this.#model), records: left }
  }

  async #settle(): Promise<void> {
    met.reads += this.log.file.reads
    const compacted = await this.log.settle()
    this.#frozen = undefined
    if (!compacted) return
    const { written, from, origins } = compacted
    const to = this.log.file
    for (const { origin } of written.parts) {
      if (origin) met.copied++
      else met.rewritten++
    }
    for (const part of written.parts) {
      const origin = origins.get(part) as number
      if (origin === -1) continue
      const line = to.bytes.subarray(part.offset, part.offset + part.bytes + 1)
      expect(line.equals(from.bytes.subarray(origin, origin + line.length))).toBe(true)
    }
  }

  /** The last sync fails. */
  fail(): void {
    this.#undo(this.log.fail())
    this.compareAll()
    this.log.thaw()
    this.#frozen = undefined
    this.compareAll()
  }

  compareAll(): void {
    this.#compare({ prefix: '', after: undefined }, 1000)
    // A few keys at a time.
    for (let count = 0; count < 8; count++) this.#compareKey(KEYS[this.#probes++ % KEYS.length] as string)
  }

  compareEachKey(): void {
    for (const key of KEYS) this.#compareKey(key)
  }

  #compareKey(key: string): void {
    const { state, nowMs } = this.log
    const value = this.#model.get(key)
    const there = value && isThere(value, nowMs) ? value : undefined
    same(shown(key, state.get(key, nowMs)), shown(key, there))
    same(String(state.has(key, nowMs)), String(there !== undefined))
  }

  #compare(query: KeyRangeQuery, limit: number): void {
    const { state, frozen, nowMs } = this.log
    const expected = pageOf(this.#model, query, limit, nowMs)
    same(spellPage(state, query, limit, nowMs), expected.map(([key, value]) => shown(key, value)).join('\n'))
    same(
      JSON.stringify(state.pageOfKeys(query, limit, nowMs), undefined, 1),
      JSON.stringify(
        expected.map(([key]) => key),
        undefined,
        1,
      ),
    )
    if (frozen && this.#frozen) {
      const ofFrozen = pageOf(this.#frozen.model, query, limit, nowMs)
      same(spellPage(frozen, query, limit, nowMs), ofFrozen.map(([key, value]) => shown(key, value)).join('\n'))
    }
    // Values that are not written yet are not in the cache.
    expect(state.cachedBytes).toBeLessThanOrEqual(this.cacheBytes)
  }
}

function isThere({ expires }: StateValue, nowMs: number): boolean {
  return expires === undefined || expires > nowMs
}

function pageOf(model: Model, { prefix, after }: KeyRangeQuery, limit: number, nowMs: number) {
  return [...model]
    .filter(([key, value]) => key.startsWith(prefix) && (after === undefined || key > after) && isThere(value, nowMs))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit)
}

function spellPage(source: State | FrozenState, query: KeyRangeQuery, limit: number, nowMs: number): string {
  return source
    .page(query, limit, nowMs)
    .map(([key, value]) => shown(key, value))
    .join('\n')
}

/** Compares two texts faster than `expect`, which would be called very often. */
function same(found: string, expected: string): void {
  if (found !== expected) expect(found).toBe(expected)
}

const anyState = fc.uniqueArray(
  fc.record({
    key: anyKey,
    value: anyValue,
    expires: fc.option(
      fc.integer({ min: -5, max: 60 }).map((life) => START_MS + life),
      { nil: undefined, freq: 3 },
    ),
    time: fc.integer({ min: START_MS - 1000, max: START_MS }),
  }),
  { selector: ({ key }) => key, maxLength: KEYS.length, size: 'max' },
)

describe('the state behaves like one map', () => {
  it('with any writes, undos, compactions, failures and openings', async () => {
    const anyRun = fc.record({
      state: anyState,
      steps: fc.array(anyStep, { minLength: 30, maxLength: 80, size: 'max' }),
      cacheBytes: fc.constantFrom(0, 300, 5000, Number.POSITIVE_INFINITY),
      isTimed: fc.boolean(),
      /** Without clears of everything. */
      isLarge: fc.boolean(),
      /** All compactions fail. */
      isStuck: fc.constantFrom(false, false, false, true),
      /** Without expiry and encodings, so that a short state fits in the header. */
      isPlain: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ state, steps, cacheBytes, isTimed, isLarge, isStuck, isPlain }) => {
        const first: PartValue[] = state.map(({ key, value, expires, time }) => ({
          key,
          value: isPlain ? { text: value.text } : value,
          expires: isPlain ? undefined : expires,
          time: isTimed ? time : undefined,
        }))
        const log = await MemoryLog.of(first, { cacheBytes, isTimed })
        const comparison = new Comparison(log, first, isTimed, cacheBytes)
        comparison.compareEachKey()
        for (const step of steps) {
          if (isLarge && clearsAll(step)) continue
          await comparison.run(isStuck && (step.kind === 'settle' || step.kind === 'reopen') ? { kind: 'thaw' } : step)
        }
        comparison.compareEachKey()
        // All records that are not acknowledged can be undone, whatever came in between.
        comparison.fail()
        comparison.compareEachKey()
      }),
      { numRuns: rounds(100, 10_000) },
    )
    for (const [what, times] of Object.entries(met)) expect(times, what).toBeGreaterThan(0)
  }, 3_600_000)
})
