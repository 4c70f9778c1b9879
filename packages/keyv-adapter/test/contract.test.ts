import { describe, expect, it } from 'vitest'
import { advanceClock, all, last, majors, makeStore, records, tempDir, withoutSerialization } from './helpers.js'

describe.each(majors)('KeyvFlatlog with Keyv $major', ({ major, make }) => {
  it('is used without a bridge', () => {
    const store = makeStore(tempDir())
    const keyv = make(store) as unknown as { store: unknown }
    expect(keyv.store).toBe(store)
  })

  it.each([
    ['a text', 'bar'],
    ['a text that begins with a colon', ':base64:not'],
    ['a number', 1.5],
    ['false', false],
    ['null', null],
    ['an object', { fizz: 'buzz', list: [1, { deep: null }], '10': 1, '9': 2 }],
    ['an object that looks like a wrapper', { value: 1, expires: 5 }],
    ['an object with the key that marks objects', { '@flatlog/keyv': { value: 1 } }],
    ['line breaks and separators', 'a\nb\r\u2028\u2029\ufeff'],
    ['a lone surrogate', '\ud800'],
    ['white space', '  '],
    ['a buffer', Buffer.from([0, 1, 255])],
  ])('returns %s unchanged', async (_name, value) => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'n' })
    expect(await keyv.set('k', value)).toBe(true)
    expect(Buffer.isBuffer(value) ? Buffer.from((await keyv.get('k')) as Buffer) : await keyv.get('k')).toEqual(value)
    expect(await keyv.has('k')).toBe(true)
    await keyv.disconnect()
    const again = await make(makeStore(dir), { namespace: 'n' }).get('k')
    expect(Buffer.isBuffer(value) ? Buffer.from(again as Buffer) : again).toEqual(value)
  })

  it('returns nothing for a missing key', async () => {
    const keyv = make(makeStore(tempDir()))
    expect(await keyv.get('k')).toBeUndefined()
    expect(await keyv.getMany(['k', 'l'])).toEqual([undefined, undefined])
    expect(await keyv.has('k')).toBe(false)
    expect(await keyv.hasMany(['k', 'l'])).toEqual([false, false])
    expect(await keyv.delete('k')).toBe(false)
    expect(await all(keyv)).toEqual([])
  })

  it('writes the value and its expiry in readable form', async () => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'players' })
    await keyv.set('user123', { score: 100 })
    expect(last(dir)).toMatchObject({ op: 'SET', key: 'players:user123', value: { score: 100 } })
    expect(last(dir)).not.toHaveProperty('encoding')
    expect(last(dir)).not.toHaveProperty('expires')
    const before = Date.now()
    await keyv.set('user123', { score: 200 }, 60_000)
    expect(last(dir).value).toEqual({ score: 200 })
    expect(last(dir).expires).toBeGreaterThanOrEqual(before + 60_000)
    expect(last(dir).expires).toBeLessThanOrEqual(Date.now() + 60_000)
    const raw = (await keyv.getRaw('user123')) as { value: unknown; expires: number }
    expect(raw).toEqual({ value: { score: 200 }, expires: last(dir).expires })
  })

  it('hides expired values', async () => {
    const store = makeStore(tempDir())
    const keyv = make(store)
    await keyv.set('short', 1, 1000)
    await keyv.set('long', 2, 10_000)
    await keyv.set('ever', 3)
    advanceClock(1001)
    expect(await keyv.get('short')).toBeUndefined()
    expect(await keyv.getMany(['short', 'long'])).toEqual([undefined, 2])
    expect(await keyv.has('short')).toBe(false)
    expect(await keyv.hasMany(['short', 'ever'])).toEqual([false, true])
    expect(await all(keyv)).toEqual([
      ['ever', 3],
      ['long', 2],
    ])
    const key = major === 5 ? 'keyv:short' : 'short'
    expect(await store.get(key)).toBeUndefined()
    expect(await store.has(key)).toBe(false)
    expect(await store.hasMany([key])).toEqual([false])
  })

  it('removes the expiry when a value is set again without one', async () => {
    const keyv = make(makeStore(tempDir()))
    await keyv.set('k', 1, 1000)
    await keyv.set('k', 2)
    advanceClock(2000)
    expect(await keyv.get('k')).toBe(2)
  })

  it('never expires a value whose ttl is beyond any clock', async () => {
    const keyv = make(makeStore(tempDir()))
    await keyv.set('month', 1, 2 ** 31 + 1000)
    const beyond = [8.64e15, Number.MAX_SAFE_INTEGER, 1e300, Number.POSITIVE_INFINITY, Number.NaN]
    for (const ttlMs of beyond) expect(await keyv.set(`ever${ttlMs}`, 2, ttlMs)).toBe(true)
    expect(await keyv.get('month')).toBe(1)
    for (const ttlMs of beyond) expect(await keyv.get(`ever${ttlMs}`)).toBe(2)
  })

  it('writes setMany and deleteMany as one record each', async () => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'n' })
    expect(
      await keyv.setMany([
        { key: 'a', value: 1 },
        { key: 'b', value: 2, ttl: 5000 },
        { key: 'a', value: 3 },
      ]),
    ).toEqual([true, true, true])
    expect(records(dir)).toMatchObject([
      {
        op: 'BATCH',
        ops: [
          { key: 'n:a', value: 1 },
          { key: 'n:b', value: 2, expires: ((await keyv.getRaw('b')) as { expires: number }).expires },
          { key: 'n:a', value: 3 },
        ],
      },
    ])
    expect(last(dir).ops?.[1]?.expires).toBeGreaterThan(Date.now())
    expect(await keyv.getMany(['a', 'b', 'c'])).toEqual([3, 2, undefined])
    const some = await keyv.deleteMany(['a', 'c', 'a'])
    expect(some).toEqual(major === 5 ? false : [true, false, false])
    expect(records(dir)).toHaveLength(2)
    expect(await keyv.delete(['b'])).toEqual(major === 5 ? true : [true])
    expect(await keyv.deleteMany(['a', 'b'])).toEqual(major === 5 ? false : [false, false])
    expect(records(dir)).toHaveLength(3)
  })

  it('clears only its own namespace, in one record', async () => {
    const dir = tempDir()
    const [one, two, like] = ['n', 'N', 'n2'].map((namespace) => make(makeStore(dir), { namespace })) as [
      ReturnType<typeof make>,
      ReturnType<typeof make>,
      ReturnType<typeof make>,
    ]
    for (const keyv of [one, two, like]) for (const key of ['a', 'b', 'n:a']) await keyv.set(key, key)
    const before = records(dir).length
    await one.clear()
    expect(records(dir).slice(before)).toMatchObject([{ op: 'DELETE', prefix: 'n:' }])
    expect(await all(one)).toEqual([])
    expect(await all(two)).toHaveLength(3)
    expect(await all(like)).toHaveLength(3)
    await one.clear()
    expect(await one.get('a')).toBeUndefined()
  })

  it('iterates over its own namespace, even during writes', async () => {
    const dir = tempDir()
    const one = make(makeStore(dir), { namespace: 'one' })
    const other = make(makeStore(dir), { namespace: 'other' })
    await other.set('one:x', 0)
    for (const key of ['c', 'a', 'b', 'with:colon']) await one.set(key, key)
    const seen: string[] = []
    for await (const [key, value] of one.iterator()) {
      expect(value).toBe(key)
      seen.push(key)
      await one.delete(key)
      await one.set(`${key}${key}`, `${key}${key}`)
      if (seen.length > 20) break
    }
    for (const key of ['a', 'b', 'c', 'with:colon']) expect(seen).toContain(key)
    expect(new Set(seen).size).toBe(seen.length)
    expect(await other.get('one:x')).toBe(0)
  })

  it('stores a copy of an object and returns a new one each time', async () => {
    const dir = tempDir()
    const plain = withoutSerialization(major)
    const keyv = make(makeStore(dir), { namespace: 'n', ...plain })
    const value = { list: [1, 'a\u2028b'], left: undefined, deep: { ok: true } }
    await keyv.set('k', value, 60_000)
    value.list.push('later')
    const first = (await keyv.get('k')) as typeof value
    expect(first).toEqual({ list: [1, 'a\u2028b'], deep: { ok: true } })
    first.list.push('also later')
    expect(await keyv.get('k')).toEqual({ list: [1, 'a\u2028b'], deep: { ok: true } })
    expect(await all(keyv)).toEqual([['k', { list: [1, 'a\u2028b'], deep: { ok: true } }]])
    expect(last(dir)).toMatchObject({ key: 'n:k', value: { '@flatlog/keyv': { value: { deep: { ok: true } } } } })
    expect(last(dir).expires).toEqual(((await keyv.getRaw('k')) as { expires: number }).expires)
    await keyv.disconnect()
    const again = make(makeStore(dir), { namespace: 'n', ...plain })
    expect(await again.getMany(['k', 'l'])).toEqual([first.list.pop() && first, undefined])
    await again.set('nothing', undefined)
    expect(await again.has('nothing')).toBe(true)
    expect(await again.get('nothing')).toBeUndefined()
    advanceClock(60_001)
    expect(await again.get('k')).toBeUndefined()
  })

  it.each([
    ['a date', { when: new Date(0) }],
    ['a map', { map: new Map() }],
    ['a big integer', { n: 1n }],
    ['not a number', { n: Number.NaN }],
    ['a function', { f() {} }],
  ])('refuses an object with %s instead of changing it', async (_name, value) => {
    const keyv = make(makeStore(tempDir()), withoutSerialization(major))
    const errors: unknown[] = []
    keyv.on('error', (error) => errors.push(error))
    await keyv.set('k', 'before')
    expect(await keyv.set('k', value)).toBe(false)
    expect(errors).toMatchObject([{ code: 'FLATLOG_INVALID_VALUE' }])
    expect(await keyv.get('k')).toBe('before')
  })
})
