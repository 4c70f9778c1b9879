import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromValue, type Operation, State } from '../support/core.js'
import { anyKey, anyValue } from './arbitraries.js'
import { type Compacted, MemoryLog, START_MS } from './memory-log.js'

/** The estimated length of a checkpoint, for which there must be space. */

/** The space as a compaction calculates it, with the lines that every checkpoint has. */
const spaceFor = (stateBytes: number) => stateBytes * 1.1 + 1024
const lengthOf = ({ written }: Compacted) => written.bytes

const anySet: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constant('set' as const),
  key: fc.tuple(anyKey, fc.constantFrom('', '1', '日本', 'k'.repeat(100))).map(([key, more]) => key + more),
  value: anyValue,
  expires: fc.option(fc.constant(START_MS + 1e9), { nil: undefined }),
})

describe('the estimated length of a checkpoint', () => {
  it('is not below its real length, with the state in records, in a checkpoint, or in both', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySet, { maxLength: 120, size: 'max' }),
        fc.array(anySet, { maxLength: 20 }),
        fc.boolean(),
        async (first, second, isTimed) => {
          const log = await MemoryLog.of([], { cacheBytes: 0, isTimed })
          log.run(...first)
          for (const operations of [first, second]) {
            log.run(...operations)
            const { stateBytes } = log.state
            const compacted = await log.compact()
            expect(lengthOf(compacted)).toBeLessThanOrEqual(spaceFor(stateBytes))
            expect(lengthOf(compacted)).toBeLessThanOrEqual(spaceFor(log.state.stateBytes))
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('does not count superseded values, and counts them again after an undo', async () => {
    const log = await MemoryLog.of([], { cacheBytes: 0 })
    const { state } = log
    expect(state.stateBytes).toBe(0)
    const set = (value: string): Operation => ({ kind: 'set', key: 'a', value: fromValue('', value) })
    log.run(set('x'.repeat(1000)))
    const before = state.stateBytes
    expect(before).toBeGreaterThan(1000)
    for (const operation of [set('x'), { kind: 'delete' as const, key: 'a' }, { kind: 'clear' as const, prefix: '' }]) {
      log.apply(operation)
      expect(state.stateBytes).toBeLessThan(100)
      log.undo(1)
      expect(state.stateBytes).toBe(before)
    }
  })

  it('counts a state in memory', () => {
    const state = ['日本', 'a'].map((key) => ({ key, value: fromValue('', `${key} 日本`.repeat(100)) }))
    const bytes = Buffer.byteLength(state.map(({ key, value }) => `"${key}":${value.text},`).join(''))
    expect(State.inMemory(state).stateBytes).toBeGreaterThanOrEqual(bytes)
  })
})
