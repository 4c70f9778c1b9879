import { describe, expect, test } from 'vitest'
import { recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const mismatch = { name: 'FlatlogError', code: 'FLATLOG_MISMATCH' }

describe('getMeta', () => {
  test('returns the size of the text, and an etag that changes only with the value', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 'grüße')
    const meta = store.getMeta('a')
    expect(meta).toEqual({ size: Buffer.byteLength('"grüße"'), etag: expect.stringMatching(/^[0-9a-f]{8}-9$/) })
    await store.set('b', 'grüße')
    expect(store.getMeta('b')?.etag).toBe(meta?.etag)
    await store.set('b', 'gruss')
    expect(store.getMeta('b')?.etag).not.toBe(meta?.etag)
    await store.compact()
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.getMeta('a')).toEqual(meta)
    expect(again.getMeta('nothing')).toBeUndefined()
  })

  test('returns the size of text and bytes as given, not as stored', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.setText('text', 'a\nb')
    await store.setBytes('bytes', Buffer.from('a\nb'))
    expect(store.getMeta('text')?.size).toBe(3)
    expect(store.getMeta('bytes')?.size).toBe(3)
  })

  test('with the option times, returns when each value was written, also after compaction and reopening', async () => {
    const dir = directory()
    const clock = new ManualClock('2025-01-15T12:00:00.000Z')
    const system = machine({ clock })
    const store = await openOn(system, { dir, times: true })
    const times: Record<string, number> = {}
    for (const key of ['a', 'b', 'c']) {
      clock.advance(12_345)
      times[key] = clock.now()
      await store.set(key, 1)
    }
    await store.compact()
    clock.advance(999)
    times.b = clock.now()
    await store.set('b', 2)
    const mtimes = (from: typeof store) =>
      Object.fromEntries(['a', 'b', 'c'].map((key) => [key, from.getMeta(key)?.mtime]))
    expect(mtimes(store)).toEqual(times)
    await store.close()
    const again = await openOn(system, { dir, times: true })
    expect(mtimes(again)).toEqual(times)
    clock.advance(5000)
    await again.compact()
    await again.close()
    await using third = await openOn(system, { dir, times: true })
    expect(mtimes(third)).toEqual(times)
  })

  test('returns no times without the option', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    expect(store.getMeta('a')).not.toHaveProperty('mtime')
  })
})

describe('ifMatch and ifNoneMatch', () => {
  test('write if the etag matches, and otherwise write nothing', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.set('a', 1)
    const etag = store.getMeta('a')?.etag as string

    await store.set('a', 2, { ifMatch: etag })
    await expect(store.set('a', 3, { ifMatch: etag })).rejects.toMatchObject(mismatch)
    await expect(store.set('new', 3, { ifMatch: etag })).rejects.toMatchObject(mismatch)
    await expect(store.setText('a', 'x', { ifMatch: etag })).rejects.toMatchObject(mismatch)
    await expect(store.setBytes('a', Buffer.from('x'), { ifMatch: etag })).rejects.toMatchObject(mismatch)
    await expect(store.delete('a', { ifMatch: etag })).rejects.toMatchObject(mismatch)
    await expect(store.delete('new', { ifMatch: etag })).rejects.toMatchObject(mismatch)
    expect(recordsOf(dir).map((record) => record.value)).toEqual([1, 2])

    await store.set('a', 4, { ifNoneMatch: etag })
    await expect(store.set('a', 5, { ifNoneMatch: store.getMeta('a')?.etag as string })).rejects.toMatchObject(mismatch)
    expect(await store.delete('a', { ifMatch: store.getMeta('a')?.etag as string })).toBe(true)
  })

  test('accept * for any existing value', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await expect(store.set('a', 1, { ifMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 1, { ifNoneMatch: '*' })
    await expect(store.set('a', 2, { ifNoneMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 2, { ifMatch: '*' })
    expect(store.get('a')).toBe(2)
  })

  test('treat an expired key as missing', async () => {
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir: directory() })
    await store.set('a', 1, { ttlMs: 100 })
    clock.advance(100)
    await expect(store.set('a', 2, { ifMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 2, { ifNoneMatch: '*' })
    expect(store.get('a')).toBe(2)
  })

  test('let only one of two writers succeed that read the same value', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 0)
    const etag = store.getMeta('a')?.etag as string
    const outcomes = await Promise.allSettled([
      store.set('a', 1, { ifMatch: etag }),
      store.set('a', 2, { ifMatch: etag }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(store.get('a')).toBe(1)
  })

  test('the error says which etag the key has and what to do', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    const etag = store.getMeta('a')?.etag as string
    await expect(store.set('a', 2, { ifMatch: 'x' })).rejects.toThrow(new RegExp(`"a".*${etag}.*What to do`))
    await expect(store.set('b', 2, { ifMatch: 'x' })).rejects.toThrow(/"b" is not there.*What to do/)
  })
})
