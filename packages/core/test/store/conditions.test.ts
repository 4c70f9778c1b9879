import { describe, expect, test } from 'vitest'
import { recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const mismatch = { name: 'FlatlogError', code: 'FLATLOG_MISMATCH' }

describe('getMeta', () => {
  test('gives the size of the text, and an etag that changes with the value only', async () => {
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

  test('measures text and bytes as what they are, not as what they are stored as', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.setText('text', 'a\nb')
    await store.setBytes('bytes', Buffer.from('a\nb'))
    expect(store.getMeta('text')?.size).toBe(3)
    expect(store.getMeta('bytes')?.size).toBe(3)
  })

  test('knows when each value was written with the option times, through compaction and reopen', async () => {
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

  test('knows no such times without the option', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    expect(store.getMeta('a')).not.toHaveProperty('mtime')
  })
})

describe('ifMatch and ifNoneMatch', () => {
  test('write only where the etag is as asked, and otherwise nothing at all', async () => {
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

  test('take * for whatever is there', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await expect(store.set('a', 1, { ifMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 1, { ifNoneMatch: '*' })
    await expect(store.set('a', 2, { ifNoneMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 2, { ifMatch: '*' })
    expect(store.get('a')).toBe(2)
  })

  test('see an expired key as missing', async () => {
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir: directory() })
    await store.set('a', 1, { ttlMs: 100 })
    clock.advance(100)
    await expect(store.set('a', 2, { ifMatch: '*' })).rejects.toMatchObject(mismatch)
    await store.set('a', 2, { ifNoneMatch: '*' })
    expect(store.get('a')).toBe(2)
  })

  test('of two writers that saw the same value only one gets through', async () => {
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

  test('the refusal says what is there and what to do', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    const etag = store.getMeta('a')?.etag as string
    await expect(store.set('a', 2, { ifMatch: 'x' })).rejects.toThrow(new RegExp(`"a".*${etag}.*What to do`))
    await expect(store.set('b', 2, { ifMatch: 'x' })).rejects.toThrow(/"b" is not there.*What to do/)
  })
})
