import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMPACTION_MIN_BYTES, type Store, type StoreOptions } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

interface CompactionStats {
  compactions: number
  compacting: boolean
  logBytes: number
}

const compactionStats = (store: Store) => store.stats() as unknown as CompactionStats

/** Opens with durability 'os', so that a compaction depends only on writes and on the clock. */
async function open(options: StoreOptions) {
  const clock = new ManualClock()
  const store = await openOn(machine({ clock }), { dir: directory(), durability: 'os', mainFile: false, ...options })
  /** Waits for a compaction that is due. Returns the number of compactions so far. */
  const settle = async () => {
    await turns()
    clock.advance(0)
    do await turns(1)
    while (compactionStats(store).compacting)
    return compactionStats(store).compactions
  }
  return { clock, store, settle }
}

const kilobytes = (count: number) => 'x'.repeat(count * 1024)

describe('automatic compaction', () => {
  test('begins when the log is larger than minBytes and the tail larger than the checkpoint', async () => {
    const { store, settle } = await open({ compaction: { minBytes: 10_000 } })
    await store.set('a', kilobytes(4))
    await store.set('b', kilobytes(4))
    expect(await settle()).toBe(0)
    await store.set('c', kilobytes(4))
    expect(await settle()).toBe(1)
    // The checkpoint has about 12 KiB now, so the tail must grow to that size.
    await store.set('a', kilobytes(4))
    await store.set('a', kilobytes(4))
    expect(await settle()).toBe(1)
    await store.set('a', kilobytes(5))
    expect(await settle()).toBe(2)
    expect(Object.keys(stateOf(store))).toEqual(['a', 'b', 'c'])
    await store.close()
  })

  test('writes the main file at most once in ten seconds, and always after that time', async () => {
    const dir = directory()
    const { clock, store, settle } = await open({ dir, mainFile: true, compaction: { minBytes: 1 } })
    const mainFile = () => JSON.parse(readFileSync(join(dir, 'store.json'), 'utf8')).a
    await store.set('a', 1)
    await store.set('filler', kilobytes(10))
    expect(await settle()).toBe(1)
    expect(existsSync(join(dir, 'store.json'))).toBe(false)
    clock.advance(10_000)
    await expect.poll(mainFile).toBe(1)
    await store.verify()
    for (let value = 2; value <= 4; value++) {
      clock.advance(3000)
      await store.set('a', value)
      await store.set('filler', kilobytes(10 * value))
      expect(await settle()).toBe(value)
      expect(mainFile()).toBe(1)
    }
    // Without another write, the timer writes it.
    clock.advance(1000)
    await expect.poll(mainFile).toBe(4)
    await store.verify()
    expect(clock.timers).toBe(0)
    // compact() writes the main file at once.
    await store.set('a', 5)
    await store.compact()
    expect(mainFile()).toBe(5)
    await store.close()
  })

  test('does not count a postponed main file as a running compaction', async () => {
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    const options = { dir: directory(), durability: 'os', compaction: { minBytes: 1 } } as const
    const store = await openOn(machine({ clock, fileSystem }), options)
    await store.set('filler', kilobytes(10))
    clock.advance(0)
    await expect.poll(() => compactionStats(store)).toMatchObject({ compactions: 1, compacting: false })
    const held = fileSystem.hold('sync', { on: /store\.json\.new$/ })
    clock.advance(10_000)
    await held.reached
    expect(compactionStats(store)).toMatchObject({ compactions: 1, compacting: false })
    // So many keys delay the next write while a compaction is running.
    await store.batch(Array.from({ length: 320_000 }, (_, number) => ({ op: 'SET', key: `${number}`, value: 1 })))
    store.set('next', 1)
    expect(store.stats()).toMatchObject({ delayedWrites: 0 })
    held.release()
    await store.close()
  })

  test('begins when the tail is larger than growth times the checkpoint', async () => {
    const { store, settle } = await open({ compaction: { minBytes: 1, growth: 3 } })
    await store.set('a', kilobytes(4))
    expect(await settle()).toBe(1)
    for (const expected of [1, 1, 2]) {
      await store.set('a', kilobytes(expected === 2 ? 5 : 4))
      expect(await settle()).toBe(expected)
    }
    await store.close()
  })

  test.each([undefined, null, {}, { minBytes: null }, { minBytes: 0 }, { minBytes: Number.NaN }, { growth: null }])(
    'uses the defaults with %j',
    async (compaction) => {
      const { store, settle } = await open(compaction === undefined ? {} : { compaction })
      await store.set('a', 'x'.repeat(COMPACTION_MIN_BYTES - 2000))
      expect(await settle()).toBe(0)
      await store.set('a', 'x'.repeat(4000))
      expect(await settle()).toBe(1)
      await store.close()
    },
  )

  test.each([{ growth: 0 }, { growth: null }, { growth: Number.NaN }])('growth %j is the default', async (growth) => {
    const { store, settle } = await open({ compaction: { minBytes: 1, ...growth } })
    await store.set('a', kilobytes(8))
    expect(await settle()).toBe(1)
    await store.set('a', kilobytes(7))
    expect(await settle()).toBe(1)
    await store.set('a', kilobytes(2))
    expect(await settle()).toBe(2)
    await store.close()
  })

  test('does not begin with compaction: false, but compact() works', async () => {
    const { store, settle } = await open({ compaction: false })
    for (let round = 0; round < 5; round++) await store.set('a', kilobytes(1024))
    expect(await settle()).toBe(0)
    await store.compact()
    expect(compactionStats(store)).toMatchObject({ compactions: 1 })
    await store.set('a', kilobytes(3000))
    expect(await settle()).toBe(1)
    await store.close()
  })

  test('begins when the tail has very many keys, however small it is compared with the checkpoint', async () => {
    const { store, settle } = await open({ compaction: { minBytes: 1, growth: 1e6 } })
    await store.set('a', 1)
    await store.compact()
    const many = (count: number) =>
      Array.from({ length: count }, (_, number) => ({ op: 'SET' as const, key: `${number}`, value: 1 }))
    await store.batch(many(250_000))
    expect(await settle()).toBe(1)
    await store.batch([{ op: 'SET', key: 'one more', value: 1 }])
    expect(await settle()).toBe(2)
    await store.close()
  })

  test('begins when everything was cleared', async () => {
    const { store, settle } = await open({ compaction: { minBytes: 1 } })
    await store.set('a', kilobytes(100))
    expect(await settle()).toBe(1)
    await store.clear()
    expect(await settle()).toBe(2)
    expect(compactionStats(store).logBytes).toBeLessThan(1000)
    await store.close()
  })

  test('begins when more than half of the checkpoint was cleared by prefix', async () => {
    const { store, settle } = await open({ compaction: { minBytes: 1 } })
    for (let number = 0; number < 10; number++)
      await store.set(`${number < 6 ? 'dead' : 'alive'}:${number}`, kilobytes(10))
    await store.compact()
    const before = await settle()
    await store.clear({ prefix: 'dead:' })
    expect(await settle()).toBe(before + 1)
    await store.close()
  })

  test('begins when more than half of the checkpoint has expired', async () => {
    const { clock, store, settle } = await open({ compaction: { minBytes: 1 } })
    for (let number = 0; number < 10; number++) {
      await store.set(`k${number}`, kilobytes(10), number < 6 ? { ttlMs: 1000 } : undefined)
    }
    await store.compact()
    const before = await settle()
    clock.advance(1000)
    await store.set('a', 1)
    expect(await settle()).toBe(before + 1)
    expect(compactionStats(store).logBytes).toBeLessThan(60_000)
    await store.close()
  })

  test('begins when more than half of the checkpoint has expired, even without a write', async () => {
    const { clock, store, settle } = await open({ compaction: { minBytes: 1 } })
    for (let number = 0; number < 10; number++) {
      await store.set(`k${number}`, kilobytes(10), number < 6 ? { ttlMs: 1000 } : undefined)
    }
    await store.compact()
    await store.set('last', 1)
    const before = await settle()
    clock.advance(999)
    expect(await settle()).toBe(before)
    clock.advance(1)
    expect(await settle()).toBe(before + 1)
    expect(compactionStats(store).logBytes).toBeLessThan(60_000)
    await store.close()
    expect(clock.timers).toBe(0)
  })

  test('is considered only once when half of a short log has expired', async () => {
    const { clock, store, settle } = await open({ compaction: { minBytes: 1_000_000 } })
    await store.set('k', 1, { ttlMs: 1000 })
    await store.compact()
    await store.set('last', 1)
    const before = await settle()
    clock.advance(5000)
    await store.set('last', 2)
    expect(await settle()).toBe(before)
    expect(clock.timers).toBe(0)
    await store.close()
  })

  test('does not begin between opening and the first write', async () => {
    const dir = directory()
    const { store } = await open({ dir, compaction: false })
    await store.set('a', kilobytes(2048))
    await store.set('a', kilobytes(2048))
    await store.close()
    const { store: again, settle } = await open({ dir })
    expect(await settle()).toBe(0)
    await again.set('b', 1)
    expect(await settle()).toBe(1)
    await again.close()
  })

  test('does not begin while the store is being closed', async () => {
    const { clock, store } = await open({ compaction: { minBytes: 1000 } })
    await store.set('a', kilobytes(10))
    const closed = store.close()
    clock.advance(1000)
    await closed
    expect(clock.timers).toBe(0)
  })
})

test('keeps the log of ten keys below a bound, however often they are overwritten', async () => {
  const dir = directory()
  const clock = new ManualClock()
  const minBytes = 20_000
  const store = await openOn(machine({ clock }), { dir, durability: 'os', mainFile: false, compaction: { minBytes } })
  let largest = 0
  for (let round = 0; round < 4000; round++) {
    store.set(`key ${round % 10}`, { round, text: 'x'.repeat(round % 200) })
    if (round % 20 !== 19) continue
    await turns(1)
    clock.advance(1)
    while (compactionStats(store).compacting) await turns(1)
    largest = Math.max(largest, statSync(logPath(dir)).size)
  }
  // 4000 records take about a megabyte.
  expect(largest).toBeLessThan(minBytes * 2)
  expect(compactionStats(store).compactions).toBeGreaterThan(10)
  expect([...store.entries<{ round: number }>()].map(([, { round }]) => round)).toEqual(
    Array.from({ length: 10 }, (_, number) => 3990 + number),
  )
  await store.close()
})
