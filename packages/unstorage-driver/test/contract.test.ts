import { Readable } from 'node:stream'
import type { StorageValue } from 'unstorage'
import { createStorage as createStorage2 } from 'unstorage2'
import { describe, expect, it } from 'vitest'
import { advanceClock, last, majors, makeDriver, records, tempDir } from './helpers.js'

describe.each(majors)('the driver with unstorage $major', ({ make }) => {
  it('sets, finds, gets and removes items', async () => {
    const dir = tempDir()
    const storage = make(makeDriver({ base: dir }))
    expect(await storage.hasItem('s1:a')).toBe(false)
    expect(await storage.getItem('s1:a')).toBeNull()
    expect(await storage.getItemRaw('s1:a')).toBeNull()
    await storage.setItem('s1:a', 'test_data')
    await storage.setItem('s2/a', { score: 1 })
    await storage.setItem('n', 42)
    expect(await storage.hasItem('s1:a')).toBe(true)
    expect(await storage.getItem('s1:a')).toBe('test_data')
    expect(await storage.getItem('s2:a')).toEqual({ score: 1 })
    expect(await storage.getItem('n')).toBe(42)
    expect(records(dir)).toMatchObject([
      { key: 's1:a', encoding: 'text', value: 'test_data' },
      { key: 's2:a', value: { score: 1 } },
      { key: 'n', value: 42 },
    ])
    await storage.removeItem('s1:a')
    await storage.setItem('n', undefined as never)
    expect(await storage.getKeys()).toEqual(['s2:a'])
  })

  it.each([
    ['an empty text', ''],
    ['white space', ' {"a": 1}\n'],
    ['the exact text of JSON', '{"10":1, "9": 1e2}'],
    ['line separators', '"\u2028\ufeff"'],
    ['a lone surrogate', 'a\ud800'],
    ['text that looks like encoded bytes', 'base64:AAAA'],
  ])('returns %s', async (_name, text) => {
    const dir = tempDir()
    const driver = makeDriver({ base: dir })
    await driver.setItem('k', text)
    expect(await driver.getItem('k')).toBe(text)
    await driver.dispose()
    expect(await makeDriver({ base: dir }).getItem('k')).toBe(text)
  })

  it('stores copies of raw bytes and raw text', async () => {
    const dir = tempDir()
    const driver = makeDriver({ base: dir })
    const storage = make(driver)
    const bytes = new Uint8Array([1, 200, 255])
    const written = driver.setItemRaw('view', bytes)
    bytes[0] = 9
    await written
    expect(last(dir)).toMatchObject({ encoding: 'base64', value: 'Acj/' })
    await storage.setItemRaw('blob', new Blob(['ab', new Uint8Array([255])]))
    await storage.setItemRaw('stream', new Blob(['stream']).stream())
    await storage.setItemRaw('pieces', Readable.from([Buffer.from('pie'), 'ces']))
    await storage.setItemRaw('floats', new Float32Array([1.5]))
    await storage.setItemRaw('dataView', new DataView(new Uint8Array([7, 8, 9]).buffer, 1, 1))
    await storage.setItemRaw('buffer', Buffer.from([1, 2]))
    await storage.setItemRaw('arrayBuffer', new Uint8Array([3, 4]).buffer)
    await storage.setItemRaw('part', new Uint8Array([0, 5, 6, 0]).subarray(1, 3))
    await storage.setItemRaw('text', 'plain')
    await storage.setItemRaw('none', new Uint8Array())
    await storage.dispose()
    expect([...(await storage.getItemRaw('view'))]).toEqual([1, 200, 255])
    const got = (await storage.getItemRaw('view')) as Buffer
    got[0] = 7
    expect([...(await storage.getItemRaw('view'))]).toEqual([1, 200, 255])
    expect(await storage.getItemRaw('buffer')).toEqual(Buffer.from([1, 2]))
    expect(await storage.getItemRaw('arrayBuffer')).toEqual(Buffer.from([3, 4]))
    expect(await storage.getItemRaw('part')).toEqual(Buffer.from([5, 6]))
    expect(await storage.getItemRaw('blob')).toEqual(Buffer.from([97, 98, 255]))
    expect(await storage.getItemRaw('stream')).toEqual(Buffer.from('stream'))
    expect(await storage.getItemRaw('pieces')).toEqual(Buffer.from('pieces'))
    expect(await storage.getItemRaw('floats')).toEqual(Buffer.from(new Float32Array([1.5]).buffer))
    expect(await storage.getItemRaw('dataView')).toEqual(Buffer.from([8]))
    expect(await storage.getItemRaw('text')).toBe('plain')
    expect(await storage.getItemRaw('none')).toHaveLength(0)
    await storage.setItemRaw('utf8', Buffer.from('grüße'))
    expect(await storage.getItem('utf8')).toBe('grüße')
    for (const value of [{ not: 'bytes' }, 42, null, Readable.from([{ not: 'bytes' }])]) {
      await expect(storage.setItemRaw('k', value)).rejects.toMatchObject({
        message: expect.stringMatching(/^\[unstorage\] \[flatlog\] The raw value for key "k"/),
        code: 'FLATLOG_INVALID_VALUE',
      })
    }
    expect(await storage.hasItem('k')).toBe(false)
  })

  it('expires an item after ttl seconds', async () => {
    const driver = makeDriver({ base: tempDir() })
    const storage = make(driver)
    expect(driver.flags).toEqual({ ttl: true, maxDepth: true, cas: true })
    await storage.setItem('short', 1, { ttl: 10 })
    await storage.setItemRaw('raw', Buffer.from('x'), { ttl: 10 })
    await storage.setItems([{ key: 'many', value: 1, options: { ttl: 10 } }])
    await storage.setItems([{ key: 'common', value: 1 }], { ttl: 10 })
    await driver.setItems([{ key: 'direct', value: '1' }], { ttl: 10 })
    for (const ttl of [0, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, undefined, '10']) {
      await storage.setItem(`ever${ttl}`, 1, { ttl })
    }
    await storage.setItem('long', 1, { ttl: 30 })
    expect((await storage.getMeta('short')).ttl).toBeGreaterThan(8)
    expect((await storage.getMeta('short')).ttl).toBeLessThanOrEqual(10)
    advanceClock(10_001)
    for (const key of ['short', 'raw', 'many', 'common', 'direct']) {
      expect(await storage.hasItem(key)).toBe(false)
      expect(await storage.getItem(key)).toBeNull()
      expect(await storage.getItemRaw(key)).toBeNull()
      expect(await driver.getMeta(key)).toBeNull()
    }
    expect(await storage.getItems(['short', 'long'])).toEqual([
      { key: 'short', value: null },
      { key: 'long', value: 1 },
    ])
    expect(await storage.getKeys()).toEqual([
      'ever-1',
      'ever0',
      'ever10',
      'ever1e+300',
      'everInfinity',
      'everNaN',
      'everundefined',
      'long',
    ])
    await storage.setItem('long', 2)
    advanceClock(100_000)
    expect(await storage.getItem('long')).toBe(2)
  })

  it('gets many items in order, and sets many in one record', async () => {
    const dir = tempDir()
    const storage = make(makeDriver({ base: dir }))
    const items: { key: string; value: StorageValue }[] = [
      { key: 'a', value: 'one' },
      { key: 'b', value: { two: 2 } },
    ]
    await storage.setItems(items)
    expect(records(dir)).toHaveLength(1)
    expect(records(dir)[0]?.op).toBe('BATCH')
    const got: unknown = await storage.getItems(['b', 'missing', { key: 'a' }, 'b'])
    expect(got).toEqual([
      { key: 'b', value: { two: 2 } },
      { key: 'missing', value: null },
      { key: 'a', value: 'one' },
      { key: 'b', value: { two: 2 } },
    ])
    await storage.setItems([])
    expect(records(dir)).toHaveLength(1)
  })

  it('returns the metadata of an item, or null for a missing one', async () => {
    const driver = makeDriver({ base: tempDir() })
    const storage = make(driver)
    expect(await driver.getMeta('k')).toBeNull()
    expect({ ...(await storage.getMeta('k')) }).toEqual({})
    await storage.setItem('k', 'value')
    const meta = await storage.getMeta('k')
    expect(meta.size).toBeGreaterThan(0)
    expect(meta.etag).toEqual(expect.any(String))
    expect(meta).not.toHaveProperty('ttl')
    await storage.setMeta('k', { mtime: new Date(5), owner: 'me' })
    expect((await storage.getMeta('k')).owner).toBe('me')
    expect(await storage.getKeys()).toEqual(['k'])
  })

  it('keeps the time of writing through a compaction, unless times is false', async () => {
    const before = Date.now()
    const driver = makeDriver({ base: tempDir() })
    const storage = make(driver)
    await storage.setItem('k', 'value')
    const after = Date.now()
    await (await driver.getInstance()).compact()
    const { mtime } = await storage.getMeta('k')
    expect(mtime).toBeInstanceOf(Date)
    expect(mtime?.getTime()).toBeGreaterThanOrEqual(before)
    expect(mtime?.getTime()).toBeLessThanOrEqual(after)
    const without = make(makeDriver({ base: tempDir(), times: false }))
    await without.setItem('k', 'value')
    expect(await without.getMeta('k')).not.toHaveProperty('mtime')
  })

  it('lists keys by base and by depth', async () => {
    const driver = makeDriver({ base: tempDir() })
    const storage = make(driver)
    for (const key of ['s1:a', 's1:b', 's1:b:c', 's10:a', 's2:a', 'top']) await storage.setItem(key, 1)
    expect(await storage.getKeys('s1')).toEqual(['s1:a', 's1:b', 's1:b:c'])
    expect(await storage.getKeys('s1:b')).toEqual(['s1:b:c'])
    expect(await storage.getKeys(undefined, { maxDepth: 0 })).toEqual(['top'])
    expect(await storage.getKeys('', { maxDepth: 1 })).toEqual(['s10:a', 's1:a', 's1:b', 's2:a', 'top'])
    for (const base of ['s1', 's1:', '/s1/', 's1//']) {
      expect(await driver.getKeys(base)).toEqual(['s1:a', 's1:b', 's1:b:c'])
    }
    expect(await driver.getKeys()).toHaveLength(6)
    const mounted = make(makeDriver({ base: tempDir() })).mount('m', driver)
    expect((await mounted.getKeys('m:s2')).concat(await mounted.getKeys('m', { maxDepth: 0 }))).toEqual([
      'm:s2:a',
      'm:top',
    ])
  })

  it('clears all items, or those below a base, in one record', async () => {
    const dir = tempDir()
    const driver = makeDriver({ base: dir })
    const storage = make(driver)
    for (const key of ['s1:a', 's1:b', 's10:a', 's1']) await storage.setItem(key, 1)
    await driver.clear('s1')
    expect(last(dir)).toMatchObject({ op: 'DELETE', prefix: 's1:' })
    expect(await storage.getKeys()).toEqual(['s1', 's10:a'])
    await storage.clear()
    expect(await storage.getKeys()).toEqual([])
    expect(records(dir)).toHaveLength(6)
  })

  it('ignores clear with noClear, and all writes with readOnly', async () => {
    const dir = tempDir()
    const writer = makeDriver({ base: dir, noClear: true })
    await make(writer).setItem('k', 1)
    await make(writer).clear()
    expect(await make(writer).getKeys()).toEqual(['k'])
    await writer.dispose()
    const storage = make(makeDriver({ base: dir, readOnly: true }))
    await storage.setItem('k', 2)
    await storage.setItem('l', 2)
    await storage.setItems([{ key: 'l', value: 2 }])
    await storage.setItemRaw('l', Buffer.from('x'))
    await storage.removeItem('k')
    await storage.clear()
    expect(await storage.getItem('k')).toBe(1)
    expect(await storage.getKeys()).toEqual(['k'])
    expect(records(dir)).toHaveLength(1)
  })
})

describe('the types of unstorage 2', () => {
  it('are read from text, JSON and bytes', async () => {
    const storage = createStorage2({ driver: makeDriver({ base: tempDir() }) })
    await storage.setItem('json', { score: 1 })
    await storage.setItemRaw('raw', Buffer.from('bytes'))
    expect(await storage.getItem('json', { type: 'text' })).toBe('{"score":1}')
    expect(await storage.getItem('json', { type: 'json' })).toEqual({ score: 1 })
    expect(await storage.getItem('json', { type: 'bytes' })).toEqual(new TextEncoder().encode('{"score":1}'))
    expect(await storage.getItem('raw', { type: 'text' })).toBe('bytes')
    expect(await (await storage.getItem('raw', { type: 'blob' }))?.text()).toBe('bytes')
    expect(await new Response(await storage.getItem('raw', { type: 'stream' })).text()).toBe('bytes')
    expect(await storage.getItem('missing', { type: 'bytes' })).toBeNull()
    const both = [{ key: 'raw', options: { type: 'bytes' } }, { key: 'json' }] as const
    expect((await storage.getItems(both)).map(({ value }) => value)).toEqual([
      new TextEncoder().encode('bytes'),
      { score: 1 },
    ])
  })
})
