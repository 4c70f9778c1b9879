import { describe, expect, test } from 'vitest'
import { linesOf, logPath, recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const DAY_MS = 86_400_000

describe('expiry', () => {
  test('a key exists until its expiry and not from then on', async () => {
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir: directory() })
    await store.set('at', 1, { expires: clock.now() + 1000 })
    await store.set('in', 1, { ttlMs: 1000 })
    await store.setText('text', 'x', { ttlMs: 1000 })
    await store.setBytes('bytes', Buffer.from('x'), { ttlMs: 1000 })
    expect(store.getMeta('at')?.expires).toBe(clock.now() + 1000)
    clock.advance(999)
    expect([...store.keys()]).toEqual(['at', 'bytes', 'in', 'text'])
    clock.advance(1)
    expect([...store.keys()]).toEqual([])
    expect([store.get('at'), store.has('in'), store.getText('text'), store.getBytes('bytes')]).toEqual([
      undefined,
      false,
      undefined,
      undefined,
    ])
    expect([store.size, store.getMeta('at'), store.getMany(['at'])]).toEqual([0, undefined, [undefined]])
  })

  test('the record has the expiry in Unix ms, and a set without one removes it', async () => {
    const dir = directory()
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir })
    await store.set('a', 1, { ttlMs: 0.5 })
    await store.set('a', 2)
    expect(recordsOf(dir).map((record) => record.expires)).toEqual([clock.now() + 1, undefined])
    clock.advance(DAY_MS)
    expect(store.get('a')).toBe(2)
  })

  test('deleting an expired key writes no record, and the key can be set again', async () => {
    const dir = directory()
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir })
    await store.set('a', 1, { ttlMs: 5 })
    clock.advance(5)
    expect(await store.delete('a')).toBe(false)
    await store.clear()
    expect(recordsOf(dir)).toHaveLength(1)
    await store.set('a', 2)
    expect(store.get('a')).toBe(2)
  })

  test('a value with an expiry replaces the earlier value for good', async () => {
    const clock = new ManualClock()
    const dir = directory()
    const store = await openOn(machine({ clock }), { dir })
    await store.set('a', 'old')
    await store.compact()
    await store.set('a', 'new', { ttlMs: 10 })
    clock.advance(10)
    expect(store.get('a')).toBeUndefined()
    await store.compact()
    expect(store.get('a')).toBeUndefined()
    await store.close()
    await using again = await openOn(machine({ clock }), { dir })
    expect(again.get('a')).toBeUndefined()
    expect([...again.keys()]).toEqual([])
  })

  test('expired keys stay expired after reopening and compaction, and the others keep their expiry', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const system = machine({ clock })
    let store = await openOn(system, { dir })
    await store.set('short', 1, { ttlMs: 1000 })
    await store.set('long', 1, { ttlMs: 10_000 })
    await store.set('ever', 1)
    clock.advance(1000)
    for (const step of ['reopen', 'compact', 'reopen', 'compact'] as const) {
      if (step === 'compact') await store.compact()
      else {
        await store.close()
        store = await openOn(system, { dir })
      }
      expect(stateOf(store)).toEqual({ long: 1, ever: 1 })
      expect(store.getMeta('long')?.expires).toBe(clock.now() + 9000)
    }
    clock.advance(9000)
    expect(stateOf(store)).toEqual({ ever: 1 })
    await store.close()
  })

  test('compaction leaves expired data out of the log', async () => {
    const dir = directory()
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir })
    await store.set('secret', 'x', { ttlMs: 1000 })
    await store.set('other', 'y')
    clock.advance(1000)
    await store.compact()
    expect(linesOf(logPath(dir)).map((line) => JSON.stringify(line))).not.toContainEqual(
      expect.stringContaining('secret'),
    )
  })

  test('compact() removes what expired since the last compaction, even if nothing was written', async () => {
    const dir = directory()
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir })
    await store.set('secret', 'x', { ttlMs: 1000 })
    await store.set('other', 'y')
    await store.compact()
    clock.advance(1000)
    await store.compact()
    expect(linesOf(logPath(dir)).map((line) => JSON.stringify(line))).not.toContainEqual(
      expect.stringContaining('secret'),
    )
  })
})

describe('a clock that jumps', () => {
  test('14 days back, 14 days forward, and back: order is by seq, timestamps never decrease, and it is reported once', async () => {
    const dir = directory()
    const clock = new ManualClock('2025-01-15T12:00:00.000Z')
    const start = clock.now()
    const system = machine({ clock })
    const store = await openOn(system, { dir })
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))

    await store.set('a', 1)
    clock.setWall(start - 14 * DAY_MS)
    await store.set('a', 2)
    await store.set('b', 2)
    clock.setWall(start + 14 * DAY_MS)
    await store.set('a', 3)
    clock.setWall(start)
    await store.set('a', 4)
    await store.delete('b')
    expect(stateOf(store)).toEqual({ a: 4 })
    expect(problems).toEqual(['FLATLOG_CLOCK'])
    expect(store.health()).toMatchObject({ ok: true, problems: [{ error: { code: 'FLATLOG_CLOCK' } }] })

    const records = recordsOf(dir)
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
    const times = records.map(({ timestamp }) => timestamp)
    expect(times).toEqual([...times].sort())
    expect(times[1]).toBe('2025-01-15T12:00:00.000Z')
    expect(times[5]).toBe('2025-01-29T12:00:00.000Z')

    await store.compact()
    await store.set('c', 1)
    const after = linesOf(logPath(dir)).map(({ timestamp }) => timestamp)
    expect(after).toEqual([...after].sort())
    expect(after[0]).toBe('2025-01-29T12:00:00.000Z')
    await store.close()

    const again = await openOn(system, { dir })
    await again.set('d', 1)
    expect(stateOf(again)).toEqual({ a: 4, c: 1, d: 1 })
    expect(recordsOf(dir).at(-1)?.timestamp).toBe('2025-01-29T12:00:00.000Z')
    await again.close()
  })

  test('a step of less than an hour is not reported', async () => {
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir: directory() })
    const problems: unknown[] = []
    store.on('problem', (error) => problems.push(error))
    await store.set('a', 1)
    clock.setWall(clock.now() - 3_500_000)
    await store.set('a', 2)
    expect(problems).toEqual([])
  })

  test('ttlMs counts from the current time and not from the last timestamp', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const start = clock.now()
    await using store = await openOn(machine({ clock }), { dir })
    clock.setWall(start + 14 * DAY_MS)
    await store.set('poison', 1)
    clock.setWall(start)
    await store.set('a', 1, { ttlMs: 1000 })
    expect(store.getMeta('a')?.expires).toBe(start + 1000)
    clock.advance(999)
    expect(store.has('a')).toBe(true)
    clock.advance(1)
    expect(store.has('a')).toBe(false)
  })

  test('no key expires earlier by more than the step', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const start = clock.now()
    const system = machine({ clock })
    const store = await openOn(system, { dir })
    await store.set('a', 1, { ttlMs: 20 * DAY_MS })
    clock.setWall(start + 14 * DAY_MS)
    expect(store.has('a')).toBe(true)
    await store.set('b', 1, { ttlMs: 10 * DAY_MS })
    await store.compact()
    clock.setWall(start)
    expect([store.has('a'), store.has('b')]).toEqual([true, true])
    await store.close()
    await using again = await openOn(system, { dir })
    expect([again.has('a'), again.has('b')]).toEqual([true, true])
    clock.setWall(start + 20 * DAY_MS - 1)
    expect(again.has('a')).toBe(true)
    clock.setWall(start + 20 * DAY_MS)
    expect([again.has('a'), again.has('b')]).toEqual([false, true])
  })
})
