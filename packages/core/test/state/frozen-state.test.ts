import { describe, expect, it, vi } from 'vitest'
import { fromValue, type Operation, type PartValue } from '../support/core.js'
import { type Random, withSeed } from '../support/random.js'
import { type Compacted, MemoryLog, shown } from './memory-log.js'

const PART = 1024

vi.mock(import('../../src/platform/limits.js'), async (original) => ({
  ...(await original()),
  PART_BYTES: 1024,
  OPEN_WHOLE_BYTES: 1024,
  OPEN_CHECKED_BYTES: 16 * 1024,
}))

/** The parts that a compaction copies, and their number after many compactions. */

const keyOf = (number: number) => `k${String(number).padStart(4, '0')}`

function stateOf(keys: number, valueBytes = 60): PartValue[] {
  return Array.from({ length: keys }, (_, number) => ({
    key: keyOf(number),
    value: fromValue('', `${number} `.padEnd(valueBytes, '.')),
  }))
}

const set = (key: string, value: unknown, expires?: number): Operation => ({
  kind: 'set',
  key,
  value: fromValue('', value),
  expires,
})

const copiesOf = ({ written }: Compacted) => written.parts.filter(({ origin }) => origin)
const bytesOf = ({ written }: Compacted) => written.parts.reduce((sum, { bytes }) => sum + bytes + 1, 0)

function expectSameBytes({ written, from, origins }: Compacted, log: MemoryLog): void {
  for (const part of written.parts) {
    const origin = origins.get(part) as number
    if (origin === -1) continue
    const line = log.file.bytes.subarray(part.offset, part.offset + part.bytes + 1)
    expect(line.equals(from.bytes.subarray(origin, origin + line.length))).toBe(true)
  }
}

describe('a compaction', () => {
  it('copies unchanged parts byte for byte, and encodes the others again', async () => {
    const log = await MemoryLog.of(stateOf(400), { cacheBytes: 0 })
    const before = log.file
    log.run(set(keyOf(200), 'new'))
    const compacted = await log.compact()
    const { parts } = compacted.written
    expect(parts.length).toBeGreaterThan(20)
    expect(parts.filter(({ origin }) => !origin).map(({ firstKey }) => firstKey)).toHaveLength(1)
    expectSameBytes(compacted, log)
    expect(before.isClosed).toBe(true)
    expect(log.state.get(keyOf(200), log.nowMs)?.text).toBe('"new"')
  })

  it('without changes copies all parts', async () => {
    const log = await MemoryLog.of(stateOf(400), { cacheBytes: 0 })
    const { parts } = (await log.compact()).written
    expect(parts.filter(({ origin }) => !origin).length).toBeLessThanOrEqual(1)
    for (let number = 0; number < 400; number++) expect(log.state.has(keyOf(number), log.nowMs)).toBe(true)
  })

  it('does not read parts that were cleared', async () => {
    const log = await MemoryLog.of(stateOf(400), { cacheBytes: 0 })
    log.run({ kind: 'clear', prefix: 'k0' })
    log.freeze()
    const before = log.file.reads
    while (log.compactOn(1)) {}
    expect(log.file.reads - before).toBeLessThan(3)
    await log.settle()
    expect(log.state.pageOfKeys({ prefix: '', after: undefined }, 1000, log.nowMs)).toEqual([])
  })

  it('does not read parts whose keys have all expired', async () => {
    const first = stateOf(400)
    const log = await MemoryLog.of([], { cacheBytes: 0 })
    const { nowMs } = log
    const last = set('z', 1)
    log.run(...first.map(({ key }) => set(key, 'x'.repeat(60), nowMs + 100)), last)
    await log.compact()
    log.nowMs += 100
    expect([log.state.holdsExpired(log.nowMs), log.state.halfExpiredMs]).toEqual([true, nowMs + 100])
    const before = log.file.reads
    log.freeze()
    while (log.compactOn(1)) {}
    expect(log.file.reads - before).toBeLessThan(3)
    await log.settle()
    expect(log.state.pageOfKeys({ prefix: '', after: undefined }, 1000, log.nowMs)).toEqual(['z'])
  })

  it('keeps the cached values of copied parts, and drops those of the others', async () => {
    const log = await MemoryLog.of(stateOf(400), { cacheBytes: Number.POSITIVE_INFINITY })
    const [copied, changed, neighbour] = [keyOf(10), keyOf(300), keyOf(301)]
    for (const key of [copied, changed, neighbour]) log.state.get(key, log.nowMs)
    log.run(set(changed, 'new'))
    await log.compact()
    const { reads } = log.file
    expect(log.state.get(copied, log.nowMs)?.text).toContain('10 ')
    expect(log.file.reads).toBe(reads)
    expect(log.state.get(changed, log.nowMs)?.text).toBe('"new"')
    expect(log.state.get(neighbour, log.nowMs)?.text).toContain('301 ')
    expect(log.file.reads).toBe(reads + 2)
  })
})

/** Makes random changes. */
function change(random: Random, log: MemoryLog, model: Map<string, string>, keys: number, changes: number): void {
  for (let number = 0; number < changes; number++) {
    const key = keyOf(random.below(keys))
    if (random.below(4) === 0) {
      log.apply({ kind: 'delete', key })
      model.delete(key)
    } else {
      const operation = set(key, 'v'.repeat(random.below(random.below(20) === 0 ? 3 * PART : 150)))
      log.apply(operation)
      model.set(key, (operation as Extract<Operation, { kind: 'set' }>).value.text)
    }
  }
  log.flush()
}

describe('hundreds of compactions', () => {
  it('keep the number of parts in proportion to their bytes, and the cache within its limit', async () => {
    await withSeed(async (random) => {
      const cacheBytes = 20_000
      const log = await MemoryLog.of(stateOf(500), { cacheBytes })
      const model = new Map(stateOf(500).map(({ key, value }) => [key, value.text]))
      let [copied, all] = [0, 0]
      for (let round = 0; round < 250; round++) {
        change(random, log, model, 600, 1 + random.below(12))
        for (let reads = 0; reads < 20; reads++) {
          const key = keyOf(random.below(600))
          expect(log.state.get(key, log.nowMs)?.text).toBe(model.get(key))
          expect(log.state.cachedBytes).toBeLessThanOrEqual(cacheBytes)
        }
        const compacted = await log.compact()
        expectSameBytes(compacted, log)
        const { length } = compacted.written.parts
        copied += copiesOf(compacted).length
        all += length
        // Two parts in a row have together more than half of the bytes of a full part.
        expect(length).toBeLessThanOrEqual((4 * bytesOf(compacted)) / PART + 1)
        expect(log.state.cachedBytes).toBeLessThanOrEqual(cacheBytes)
      }
      expect(copied).toBeGreaterThan(all / 10)
      const page = log.state.page({ prefix: '', after: undefined }, 1000, log.nowMs)
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
      expect(page.map(([key, { text }]) => [key, text])).toEqual(expected)
      await log.reopen(undefined, true)
      const again = log.state.page({ prefix: '', after: undefined }, 1000, log.nowMs)
      expect(again.map(([key, value]) => shown(key, value))).toEqual(page.map(([key, value]) => shown(key, value)))
    })
  })

  it('do so if parts are emptied key by key, and if keys are added one by one between others', async () => {
    const log = await MemoryLog.of(stateOf(300), { cacheBytes: 0 })
    for (let round = 0; round < 100; round++) {
      // Deletes all keys but every tenth, in order.
      const keys = [0, 1, 2].map((number) => round * 3 + number).filter((number) => number % 10)
      log.run(...keys.map((number): Operation => ({ kind: 'delete', key: keyOf(number) })))
      log.run(set(`${keyOf(299 - round)}x`, 1))
      const compacted = await log.compact()
      expect(compacted.written.parts.length).toBeLessThanOrEqual((4 * bytesOf(compacted)) / PART + 1)
    }
    const left = Array.from({ length: 30 }, (_, number) => keyOf(number * 10))
    const added = Array.from({ length: 100 }, (_, round) => `${keyOf(299 - round)}x`)
    expect(log.state.pageOfKeys({ prefix: '', after: undefined }, 1000, log.nowMs)).toEqual([...left, ...added].sort())
  })
})
