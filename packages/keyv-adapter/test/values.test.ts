import { deflateSync, inflateSync } from 'node:zlib'
import { Keyv as Keyv6 } from 'keyv6'
import { describe, expect, it } from 'vitest'
import { all, keyv5, keyv6, last, majors, makeStore, records, tempDir, withoutSerialization } from './helpers.js'

describe('big integers', () => {
  it('are stored as the serializer of Keyv 6 writes them', async () => {
    const dir = tempDir()
    const value = { top: 2n ** 70n, list: [1n, { deep: -3n }] }
    const keyv = keyv6.make(makeStore(dir), { namespace: 'n' })
    await keyv.set('alone', 7n)
    await keyv.set('inside', value, 60_000)
    expect(last(dir).value).toEqual({
      top: ':bigint:1180591620717411303424',
      list: [':bigint:1', { deep: ':bigint:-3' }],
    })
    await keyv.disconnect()
    const again = keyv6.make(makeStore(dir), { namespace: 'n' })
    expect(await again.getMany(['alone', 'inside'])).toEqual([7n, value])
  })

  it('are refused by the serializer of Keyv 5 before anything is written', async () => {
    const dir = tempDir()
    const keyv = keyv5.make(makeStore(dir))
    await keyv.set('k', 'before')
    await expect(keyv.set('k', 7n)).rejects.toThrow(TypeError)
    expect(await keyv.get('k')).toBe('before')
    expect(records(dir)).toHaveLength(1)
  })

  it('are kept by a custom serializer, whose text is stored unchanged', async () => {
    const dir = tempDir()
    const serialize = ({ value, expires }: { value: bigint; expires?: number }) => `${value}n|${expires ?? ''}`
    const deserialize = (text: string) => {
      const [value, expires] = text.split('n|') as [string, string]
      return { value: BigInt(value), expires: expires ? Number(expires) : undefined }
    }
    const five = keyv5.make(makeStore(dir), { namespace: 'n', serialize, deserialize })
    await five.set('k', 12n, 60_000)
    expect(last(dir)).toMatchObject({ encoding: 'text', value: expect.stringMatching(/^12n\|\d+$/) })
    const six = keyv6.make(makeStore(dir), {
      namespace: 'n',
      serialization: { stringify: serialize, parse: deserialize },
    })
    expect(await six.get('k')).toBe(12n)
  })
})

describe.each(majors)('bytes with Keyv $major', ({ major, make }) => {
  it('are kept, alone and inside values', async () => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'n' })
    const bytes = Buffer.from([0, 127, 128, 255])
    await keyv.set('alone', bytes)
    await keyv.set('inside', { list: [bytes], text: ':base64:AA==' })
    await keyv.disconnect()
    const again = make(makeStore(dir), { namespace: 'n' })
    expect(Buffer.compare((await again.get('alone')) as Buffer, bytes)).toBe(0)
    const inside = (await again.get('inside')) as { list: [Buffer]; text: string }
    expect(Buffer.compare(inside.list[0], bytes)).toBe(0)
    expect(inside.text).toBe(':base64:AA==')
  })

  it('are accepted from a serializer that returns bytes', async () => {
    const dir = tempDir()
    const stringify = (data: unknown) => Buffer.from(JSON.stringify(data))
    const parse = (data: Buffer | string) => JSON.parse(data.toString())
    const options =
      major === 5
        ? { serialize: stringify, deserialize: parse, compression: { decompress: (each: unknown) => each } }
        : { serialization: { stringify: async (data: unknown) => stringify(data), parse } }
    const store = makeStore(dir)
    await make(store, { namespace: 'n', ...options }).set('k', { score: 1 })
    expect(last(dir)).toMatchObject({ encoding: 'base64' })
    const raw = await store.get(major === 5 ? 'n:k' : 'k')
    expect(parse(raw as never)).toEqual({ value: { score: 1 } })
  })
})

describe.each(majors)('compressed values with Keyv $major', ({ major, make }) => {
  it('are returned, and expire', async () => {
    const dir = tempDir()
    const compression = {
      compress: async (data: unknown) => deflateSync(JSON.stringify(data)).toString('base64'),
      decompress: async (data: string) => JSON.parse(inflateSync(Buffer.from(data, 'base64')).toString()),
    }
    const value = { text: 'x'.repeat(1000) }
    const keyv = make(makeStore(dir), { namespace: 'n', compression })
    await keyv.set('k', value, 60_000)
    await keyv.setMany([{ key: 'l', value }])
    expect(last(dir)).toMatchObject({ op: 'BATCH' })
    expect(records(dir)[0]?.expires).toBeGreaterThan(Date.now())
    expect(JSON.stringify(records(dir)).length).toBeLessThan(1000)
    await keyv.disconnect()
    const again = make(makeStore(dir), { namespace: 'n', compression })
    expect(await again.getMany(['k', 'l'])).toEqual([value, value])
    // Keyv 5 compresses the value inside its wrapper, Keyv 6 the whole wrapper.
    expect(records(dir)[0]?.encoding).toBe(major === 5 ? undefined : 'text')
  })
})

describe('the raw calls of Keyv 6', () => {
  it('keep the exact expiry time, even with a fraction of a millisecond', async () => {
    const dir = tempDir()
    const keyv = new Keyv6({ store: makeStore(dir), namespace: 'n' })
    const expires = Date.now() + 60_000
    expect(await keyv.setRaw('whole', { value: 1, expires })).toBe(true)
    expect(last(dir)).toMatchObject({ key: 'n:whole', value: 1, expires })
    const rest = [
      { key: 'fraction', value: { value: 2, expires: expires + 0.5 } },
      { key: 'ever', value: { value: 3 } },
    ]
    expect(await keyv.setManyRaw(rest)).toEqual([true, true])
    expect(last(dir).ops?.[0]).toMatchObject({ encoding: 'text', expires: expires + 1 })
    expect(await keyv.getManyRaw(['whole', 'fraction', 'ever'])).toEqual([
      { value: 1, expires },
      { value: 2, expires: expires + 0.5 },
      { value: 3 },
    ])
  })
})

describe.each(majors)('objects passed to and returned by Keyv $major', ({ major, make }) => {
  it('are copies', async () => {
    const keyv = make(makeStore(tempDir()), { namespace: 'n', ...withoutSerialization(major) })
    const value = { list: [1] }
    await Promise.all([keyv.set('a', value), keyv.setMany([{ key: 'b', value }])])
    value.list.push(2)
    const spoil = (found: unknown) => (found as typeof value).list.push(9)
    for (let round = 0; round < 2; round++) {
      const one = await keyv.get('a')
      const many = await keyv.getMany(['a', 'b'])
      const listed = (await all(keyv)).map(([, each]) => each)
      for (const found of [one, ...many, ...listed]) expect(found).toMatchObject({ list: [1] })
      for (const found of [one, ...many, ...listed]) spoil(found)
    }
    expect(await keyv.getMany(['a', 'b'])).toEqual([{ list: [1] }, { list: [1] }])
  })
})

describe('values that are too large for one record', () => {
  it('are all refused', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    const value = 'x'.repeat(33 * 1024 * 1024)
    const items = ['a', 'b'].map((key) => ({ key, value }))
    await expect(store.setMany(items)).rejects.toMatchObject({ code: 'FLATLOG_TOO_LARGE' })
    expect(await store.hasMany(['a', 'b'])).toEqual([false, false])
    expect(records(dir)).toEqual([])
  })
})
