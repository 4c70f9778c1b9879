import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { copyAsOfNow, fileNames, linesOf, logPath, recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'
import { modelState, perform, Workload } from '../support/workload.js'

const directory = useTempDirectory()
useRejectionWatch()

const LOG = /store\.log/

describe('compaction while the store is written to', () => {
  test.each(['always', 'interval', 'os'] as const)('changes nothing that a caller can see (%s)', async (durability) => {
    await withSeed(async (random) => {
      const dir = directory()
      // The clock advances whenever it is read, so the work is cut into many slices.
      const system = machine({ clock: new ManualClock('2025-01-15T12:00:00.000Z', 5) })
      const store = await openOn(system, { dir, durability, compaction: false, mainFile: false })
      const workload = new Workload(random)
      const written: Promise<unknown>[] = []
      const write = (count: number) => {
        for (let done = 0; done < count; done++) written.push(perform(store, workload.next()))
        expect(stateOf(store)).toEqual(modelState(workload.state))
      }
      write(500)
      for (let round = 0; round < 4; round++) {
        let isOver = false
        const compacted = store.compact().then(() => {
          isOver = true
        })
        for (let turn = 0; !isOver; turn++) {
          write(turn < 60 ? 1 + random.below(20) : 0)
          await turns(1)
        }
        await compacted
        write(10)
      }
      const outcomes = await Promise.allSettled(written)
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
      await store.flush()
      const copy = await openOn(machine(), { dir: copyAsOfNow(dir, join(directory(), 'copy')), mainFile: false })
      expect(stateOf(copy)).toEqual(modelState(workload.state))
      expect(copy.recovery).toMatchObject({ clean: true, damage: [] })
      await copy.close()
      expect((await store.verify()).damage).toEqual([])
      await store.close()
      await using again = await openOn(system, { dir, durability, mainFile: false })
      expect(stateOf(again)).toEqual(modelState(workload.state))
      expect(again.stats()).toMatchObject({ lastSeq: written.length })
    })
  })

  test('accepts sets while it publishes, shows them at once, and acknowledges them when the new log is in place', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    // The second of the directory's syncs in a publication follows the rename.
    const held = fileSystem.hold('syncDirectory', { nth: 2 })
    const compacted = store.compact()
    await held.reached
    const done = [store.set('b', 2), store.delete('a'), store.flush()]
    const watched = done.map((promise) => watchPromise<unknown>(promise))
    await turns(5)
    const states = watched.map(({ state }) => state)
    const seen = stateOf(store)
    held.release()
    await Promise.all([...done, compacted])
    expect(states).toEqual(['pending', 'pending', 'pending'])
    expect(seen).toEqual({ b: 2 })
    expect(recordsOf(dir).map(({ op, key }) => [op, key])).toEqual([
      ['SET', 'b'],
      ['DELETE', 'a'],
    ])
  })

  test('waits until earlier writes are acknowledged', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    const held = fileSystem.hold('sync', { on: LOG })
    const done = store.set('a', 2)
    await held.reached
    const later = store.set('b', 1)
    const compacted = store.compact()
    const last = store.set('c', 1)
    await turns(5)
    expect(fileNames(dir)).not.toContain('store.log.new')
    held.release()
    await Promise.all([done, later, compacted, last])
    expect(stateOf(store)).toEqual({ a: 2, b: 1, c: 1 })
  })
})

describe('a compacted log', () => {
  test('is a checkpoint with the state, followed by the later records without a gap in their numbers', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    for (let number = 0; number < 20; number++) await store.set(`k${number % 4}`, number)
    await store.delete('k0')
    await store.compact()
    await store.set('k1', 'new')
    const lines = linesOf(logPath(dir))
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({ op: 'CHECKPOINT', seq: 21, format: 1, state: { k1: 17, k2: 18, k3: 19 } })
    expect(lines[1]).toMatchObject({ op: 'SET', seq: 22, synced: 21, key: 'k1' })
    expect(fileNames(dir)).not.toContain('store.log.new')
  })

  test('keeps texts, bytes, expiries and the spelling of values', async () => {
    const dir = directory()
    const system = machine({ clock: new ManualClock() })
    const store = await openOn(system, { dir })
    await store.setText('json', '{"b":1.50,"a":1e3,"10":{"9":0}}')
    await store.setText('text', 'not "json"\n')
    await store.setBytes('bytes', Buffer.from([0, 255, 10]))
    await store.set('timed', 1, { ttlMs: 10_000 })
    const meta = () => ['json', 'text', 'bytes', 'timed'].map((key) => [store.getMeta(key), store.getEncoding(key)])
    const before = meta()
    for (let round = 0; round < 3; round++) {
      await store.set('other', round)
      await store.compact()
      expect(meta()).toEqual(before)
    }
    await store.close()
    await using again = await openOn(system, { dir })
    expect(again.getText('json')).toBe('{"b":1.50,"a":1e3,"10":{"9":0}}')
    expect(again.getText('text')).toBe('not "json"\n')
    expect([...(again.getBytes('bytes') as Uint8Array)]).toEqual([0, 255, 10])
    expect(again.getMeta('timed')?.expires).toBe(before[3] && (before[3][0] as { expires: number }).expires)
  })

  test('has several parts that can be read one by one if the state does not fit into one', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.batch(
      Array.from({ length: 500 }, (_, number) => ({ op: 'SET', key: `k${number}`, value: 'x'.repeat(number) })),
    )
    await store.set('huge', 'y'.repeat(100_000))
    const state = stateOf(store)
    await store.compact()
    const lines = linesOf(logPath(dir))
    const parts = lines.filter((line) => line.part)
    expect(parts.length).toBeGreaterThan(10)
    const merged = Object.assign({}, ...parts.map((part) => part.state)) as Record<string, unknown>
    expect(merged).toEqual(state)
    expect(await store.verify()).toMatchObject({ ok: true, parts: parts.length })
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
  })

  test('of an empty store is empty', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.clear()
    await store.compact()
    expect(linesOf(logPath(dir))).toMatchObject([{ seq: 2, state: {} }])
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.size).toBe(0)
    await again.set('a', 2)
    expect(recordsOf(dir)).toMatchObject([{ seq: 3 }])
  })
})

describe('compact on demand', () => {
  test('without a new record does nothing', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.compact()
    const before = [fileNames(dir), readFileSync(logPath(dir), 'utf8')]
    await store.compact()
    expect([fileNames(dir), readFileSync(logPath(dir), 'utf8')]).toEqual(before)
    expect(store.stats()).toMatchObject({ compactions: 1 })
  })

  test('several times at once never runs two compactions at a time', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem, clock: new ManualClock(0, 5) }), { dir })
    await store.set('a', 1)
    const all = [store.compact(), store.compact()]
    store.set('b', 1)
    all.push(store.compact(), store.compact())
    await Promise.all(all)
    expect(stateOf(store)).toEqual({ a: 1, b: 1 })
    expect(fileSystem.openFiles.size).toBe(1)
    expect((await store.verify()).ok).toBe(true)
    // The checkpoint has every record from before the last call.
    expect(store.stats()).toMatchObject({ checkpointSeq: 2 })
  })

  test('called while an automatic one is due does not run together with it', async () => {
    const dir = directory()
    const clock = new ManualClock(0, 5)
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem, clock }), { dir, compaction: { minBytes: 1000 } })
    const problems: unknown[] = []
    store.on('problem', (error) => problems.push(error))
    for (let number = 0; number < 50; number++) await store.set(`k${number}`, 'x'.repeat(100))
    const state = stateOf(store)
    const held = fileSystem.hold('sync', { on: /store\.log\.new/ })
    const compacted = store.compact()
    await held.reached
    // The timer of the automatic one fires during the other.
    clock.advance(0)
    await turns(5)
    held.release()
    await compacted
    await store.set('after', 1)
    await turns(20)
    await store.compact()
    expect(problems).toEqual([])
    expect(stateOf(store)).toEqual({ ...state, after: 1 })
    expect(fileSystem.openFiles.size).toBe(1)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...state, after: 1 })
    expect(again.recovery.damage).toEqual([])
  })

  test('is finished before close resolves', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    const held = fileSystem.hold('sync', { on: /store\.log\.new/ })
    const compacted = store.compact()
    await held.reached
    const closed = store.close()
    const watched = watchPromise(closed)
    await turns(5)
    const { state } = watched
    held.release()
    await Promise.all([compacted, closed])
    expect(state).toBe('pending')
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ a: 1 })
  })

  test('is recorded in stats', async () => {
    await using store: Store = await openOn(machine(), { dir: directory() })
    expect(store.stats()).toMatchObject({ compactions: 0, compacting: false, lastCompactionError: undefined })
    await store.set('a', 1)
    await store.compact()
    expect(store.stats()).toMatchObject({ compactions: 1, compacting: false, checkpointSeq: 1, lastSeq: 1 })
  })
})
