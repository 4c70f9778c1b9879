import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromValue, type Operation, State } from '../support/core.js'
import { anyKey, anyValue } from './arbitraries.js'
import { type Compacted, MemoryLog, START_MS } from './memory-log.js'

/** How long a checkpoint becomes is asked before it is written: whether there is room for it. */

/** As the compaction has it, and the lines that there are in any case. */
const roomFor = (stateBytes: number) => stateBytes * 1.1 + 1024
const lengthOf = ({ written }: Compacted) => written.length

const anySet: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constant('set' as const),
  key: fc.tuple(anyKey, fc.constantFrom('', '1', '日本', 'k'.repeat(100))).map(([key, more]) => key + more),
  value: anyValue,
  expires: fc.option(fc.constant(START_MS + 1e9), { nil: undefined }),
})

describe('how long a state is said to be', () => {
  it('is no less than what it takes in a checkpoint, in records, in a checkpoint and in both', async () => {
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
            const { stateBytes } = log.index
            const compacted = await log.compact()
            expect(lengthOf(compacted)).toBeLessThanOrEqual(roomFor(stateBytes))
            expect(lengthOf(compacted)).toBeLessThanOrEqual(roomFor(log.index.stateBytes))
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('counts what is superseded no more, and what is taken back as before', async () => {
    const log = await MemoryLog.of([], { cacheBytes: 0 })
    const { index } = log
    expect(index.stateBytes).toBe(0)
    const set = (value: string): Operation => ({ kind: 'set', key: 'a', value: fromValue('', value) })
    log.run(set('x'.repeat(1000)))
    const before = index.stateBytes
    expect(before).toBeGreaterThan(1000)
    for (const operation of [set('x'), { kind: 'delete' as const, key: 'a' }, { kind: 'clear' as const, prefix: '' }]) {
      log.apply(operation)
      expect(index.stateBytes).toBeLessThan(100)
      log.takeBack(1)
      expect(index.stateBytes).toBe(before)
    }
  })

  it('of a state in memory, too', () => {
    const state = ['日本', 'a'].map((key) => ({ key, value: fromValue('', `${key} 日本`.repeat(100)) }))
    const bytes = Buffer.byteLength(state.map(({ key, value }) => `"${key}":${value.text},`).join(''))
    expect(State.inMemory(state).stateBytes).toBeGreaterThanOrEqual(bytes)
  })
})
