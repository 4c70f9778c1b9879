import { describe, expect, test } from 'vitest'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { copyAsOfNow, recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

/**
 * Matches the log and its next generation.
 * An open file keeps the path that it was opened with.
 */
const LOG = /store\.log/

describe("durability 'always'", () => {
  test('a write resolves only after a sync that began after it', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    const first = fileSystem.hold('sync', { on: LOG })
    const second = fileSystem.hold('sync', { on: LOG })

    const a = watchPromise(store.set('a', 1))
    await first.reached
    // The sync under way may have begun before this is written, so it says nothing about it.
    const b = watchPromise(store.set('b', 2))
    const others = [
      store.batch([{ op: 'SET', key: 'c', value: 3 }]),
      store.update('d', () => 4),
      store.clear({ prefix: 'x' }),
    ]
    await turns()
    expect([a.state, b.state]).toEqual(['pending', 'pending'])
    expect(store.getMany(['a', 'b', 'c', 'd'])).toEqual([1, 2, 3, 4])

    first.release()
    await second.reached
    await turns()
    // The second sync begins once the first has been acknowledged.
    expect([a.state, b.state]).toEqual(['fulfilled', 'pending'])
    second.release()
    await Promise.all(others)
    expect(b.state).toBe('fulfilled')
  })

  test('records made during a sync go out together in the next write', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    const held = fileSystem.hold('sync', { on: LOG })
    const done = [store.set('a', 1)]
    await held.reached
    const writes = fileSystem.count('write', LOG)
    for (let number = 0; number < 50; number++) {
      done.push(store.set(`k${number}`, number))
      await turns(1)
    }
    expect(fileSystem.count('write', LOG)).toBe(writes)
    held.release()
    await Promise.all(done)
    expect(fileSystem.count('write', LOG)).toBe(writes + 1)
  })

  test('a thousand sets in one turn need one write and one sync', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    const before = { writes: fileSystem.count('write', LOG), syncs: fileSystem.count('sync', LOG) }
    await Promise.all(Array.from({ length: 1000 }, (_, number) => store.set(`k${number}`, number)))
    expect(fileSystem.count('write', LOG) - before.writes).toBe(1)
    expect(fileSystem.count('sync', LOG) - before.syncs).toBe(1)
    expect(store.stats()).toMatchObject({ writes: 1, syncs: 1, lastSeq: 1000, syncedSeq: 1000 })
  })

  test('a delete that finds no key resolves only after the delete that removed it', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    await store.set('a', 1)
    const sync = fileSystem.hold('sync', { on: LOG })
    const first = watchPromise(store.delete('a'))
    await sync.reached
    const second = watchPromise(store.delete('a'))
    await turns()
    const states = [first.state, second.state]
    sync.release()
    expect(states).toEqual(['pending', 'pending'])
  })

  test('a clear that finds no key resolves only after the clear that emptied the store', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    await store.set('a', 1)
    const sync = fileSystem.hold('sync', { on: LOG })
    const first = watchPromise(store.clear())
    await sync.reached
    const second = watchPromise(store.clear())
    await turns()
    const states = [first.state, second.state]
    sync.release()
    expect(states).toEqual(['pending', 'pending'])
  })

  test('watchers receive a change only when it is on disk', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    const received: number[] = []
    store.watch((change) => received.push(change.seq))
    const held = fileSystem.hold('sync', { on: LOG })
    const done = store.set('a', 1)
    await held.reached
    await turns()
    expect(received).toEqual([])
    held.release()
    await done
    expect(received).toEqual([1])
  })
})

describe("durability 'interval' and 'os'", () => {
  test.each(['interval', 'os'] as const)('%s acknowledges a write without a sync', async (durability) => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem, clock: new ManualClock() })
    await using store = await openOn(system, { dir, durability })
    const syncs = fileSystem.count('sync')
    await store.set('a', 1)
    await Promise.all([store.set('b', 2), store.delete('a'), store.batch([{ op: 'SET', key: 'c', value: 3 }])])
    expect(fileSystem.count('sync')).toBe(syncs)
    // If the process is killed now, the file has every record.
    await using copy = await openOn(machine(), { dir: copyAsOfNow(dir, `${directory()}/copy`) })
    expect(stateOf(copy)).toEqual({ b: 2, c: 3 })
  })

  test("'interval' syncs syncIntervalMs after a write, and not again without a write", async () => {
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem, clock }), {
      dir: directory(),
      durability: 'interval',
      syncIntervalMs: 250,
    })
    const syncs = fileSystem.count('sync', LOG)
    const news = () => fileSystem.count('sync', LOG) - syncs
    await store.set('a', 1)
    clock.advance(100)
    await store.set('b', 2)
    clock.advance(149)
    await turns()
    expect(news()).toBe(0)
    clock.advance(1)
    await turns()
    expect(news()).toBe(1)
    await store.flush()
    clock.advance(10_000)
    await turns()
    expect(news()).toBe(1)
    expect(store.stats()).toMatchObject({ lastSeq: 2, syncedSeq: 2 })

    await store.set('c', 3)
    clock.advance(250)
    await turns()
    expect(news()).toBe(2)
  })

  test("'os' never syncs by itself", async () => {
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem, clock }), { dir: directory(), durability: 'os' })
    const syncs = fileSystem.count('sync', LOG)
    await store.set('a', 1)
    clock.advance(3_600_000)
    await turns()
    expect(fileSystem.count('sync', LOG)).toBe(syncs)
    expect(store.stats()).toMatchObject({ lastSeq: 1, acknowledgedSeq: 1, syncedSeq: 0 })
  })

  test('a failed background sync is reported once, and writes are refused', async () => {
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem, clock }), { dir: directory(), durability: 'interval' })
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    await store.set('a', 1)
    fileSystem.fail('sync', Object.assign(new Error('EIO'), { code: 'EIO' }), { on: LOG })
    clock.advance(1000)
    await turns()
    expect(problems).toEqual(['FLATLOG_FAILED'])
    await expect(store.set('b', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    expect(store.get('a')).toBe(1)
    await store.close()
  })
})

describe('flush', () => {
  test.each(['always', 'interval', 'os'] as const)('resolves when all writes are on disk (%s)', async (durability) => {
    const fileSystem = new FaultyFileSystem()
    const clock = new ManualClock()
    await using store = await openOn(machine({ fileSystem, clock }), { dir: directory(), durability })
    const held = fileSystem.hold('sync', { on: LOG })
    store.set('a', 1)
    const flush = store.flush()
    const flushed = watchPromise(flush)
    await held.reached
    await turns()
    expect(flushed.state).toBe('pending')
    held.release()
    await flush
    expect(store.stats()).toMatchObject({ syncedSeq: 1 })
  })

  test.each(['interval', 'os'] as const)('called during a sync waits for the next one (%s)', async (durability) => {
    const fileSystem = new FaultyFileSystem()
    const clock = new ManualClock()
    await using store = await openOn(machine({ fileSystem, clock }), { dir: directory(), durability })
    const first = fileSystem.hold('sync', { on: LOG })
    const second = fileSystem.hold('sync', { on: LOG })
    await store.set('a', 1)
    const one = store.flush()
    await first.reached
    await store.set('b', 2)
    const two = store.flush()
    const twoWatched = watchPromise(two)
    first.release()
    await one
    await second.reached
    await turns()
    expect(twoWatched.state).toBe('pending')
    second.release()
    await two
  })

  test('does not sync if there is nothing to sync', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    await store.set('a', 1)
    const syncs = fileSystem.count('sync')
    await store.flush()
    expect(fileSystem.count('sync')).toBe(syncs)
  })
})

describe('the field synced', () => {
  test('is in the first record of a write, and is the last seq that a finished sync covered', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const clock = new ManualClock()
    await using store = await openOn(machine({ fileSystem, clock }), { dir, durability: 'os' })
    const twoSets = (key: string) => Promise.all([store.set(`${key}1`, 1), store.set(`${key}2`, 2)])
    await twoSets('a')
    await twoSets('b')
    await store.flush()
    await twoSets('c')
    const held = fileSystem.hold('sync', { on: LOG })
    const flushed = store.flush()
    await held.reached
    await twoSets('d')
    held.release()
    await flushed
    await twoSets('e')
    await twoSets('f')
    expect(recordsOf(dir).map(({ seq, synced }) => [seq, synced])).toEqual([
      [1, 0],
      [2, undefined],
      [3, undefined],
      [4, undefined],
      [5, 4],
      [6, undefined],
      // Written during a sync that covers 5 and 6 at most.
      [7, undefined],
      [8, undefined],
      [9, 6],
      [10, undefined],
      [11, undefined],
      [12, undefined],
    ])
  })

  test("with 'always' covers all records of earlier writes", async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    for (let round = 0; round < 3; round++) await Promise.all([store.set('a', round), store.set('b', round)])
    expect(recordsOf(dir).map(({ synced }) => synced)).toEqual([0, undefined, 2, undefined, 4, undefined])
  })

  test('records are in the order of the calls, numbered without a gap, with their fields in a fixed order', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    const calls = Array.from({ length: 300 }, (_, number) => {
      if (number % 7 === 3) return store.delete(`k${number - 1}`)
      if (number % 11 === 5) return store.batch([{ op: 'SET', key: `k${number}`, value: number }])
      return store.set(`k${number}`, number, number % 5 ? undefined : { ttlMs: 1e9 })
    })
    await Promise.all(calls)
    const records = recordsOf(dir)
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, number) => number + 1))
    for (const [number, record] of records.entries()) {
      const fields = Object.keys(record)
      const order = ['timestamp', 'seq', 'synced', 'op', 'key', 'ops', 'expires', 'value', 'crc']
      expect(fields).toEqual(order.filter((field) => fields.includes(field)))
      if (record.key) expect(record.key).toBe(record.op === 'DELETE' ? `k${number - 1}` : `k${number}`)
    }
  })
})
