import { describe, expect, it } from 'vitest'
import { all, keyv5, keyv6, majors, makeStore, records, tempDir } from './helpers.js'

describe.each([
  { from: keyv5, to: keyv6 },
  { from: keyv6, to: keyv5 },
])('a log written by Keyv $from.major and opened by Keyv $to.major', ({ from, to }) => {
  it('has the same values in the same namespace, and can go back', async () => {
    const dir = tempDir()
    const value = { name: 'Ada', bytes: Buffer.from('x'), tag: ':colon' }
    const writer = from.make(makeStore(dir), { namespace: 'players' })
    await writer.set('u:1', value)
    await writer.set('u:2', 'two', 60_000)
    await writer.setMany([{ key: 'u:3', value: 3, ttl: 60_000 }])
    await writer.set('gone', 1)
    await writer.delete('gone')
    const expires = ((await writer.getRaw('u:2')) as { expires: number }).expires
    expect(expires).toBeGreaterThan(Date.now())
    await writer.disconnect()

    const reader = to.make(makeStore(dir), { namespace: 'players' })
    const got = (await reader.get('u:1')) as typeof value
    expect({ ...got, bytes: Buffer.from(got.bytes) }).toEqual(value)
    expect(await reader.getRaw('u:2')).toEqual({ value: 'two', expires })
    expect(await reader.getMany(['u:2', 'u:3', 'gone'])).toEqual(['two', 3, undefined])
    expect((await all(reader)).map(([key]) => key)).toEqual(['u:1', 'u:2', 'u:3'])
    await reader.set('u:2', 'changed')
    await reader.delete('u:3')
    await reader.disconnect()

    const back = from.make(makeStore(dir), { namespace: 'players' })
    expect(await back.getMany(['u:2', 'u:3'])).toEqual(['changed', undefined])
    await back.clear()
    expect(records(dir).at(-1)).toMatchObject({ op: 'DELETE', prefix: 'players:' })
    await back.disconnect()
    expect(await all(to.make(makeStore(dir), { namespace: 'players' }))).toEqual([])
  })
})

describe('the records on disk', () => {
  it('are the same for both versions of Keyv', async () => {
    const lines = await Promise.all(
      majors.map(async ({ make }) => {
        const dir = tempDir()
        const keyv = make(makeStore(dir), { namespace: 'n' })
        await keyv.set('a', { score: 1 })
        await keyv.set('b:c', 'text\u2028')
        await keyv.setMany([
          { key: 'd', value: [1] },
          { key: 'e', value: null },
        ])
        await keyv.deleteMany(['d', 'e'])
        await keyv.delete('a')
        await keyv.clear()
        return records(dir).map(({ op, key, prefix, value, encoding, ops }) => ({
          op,
          key,
          prefix,
          value,
          encoding,
          ops,
        }))
      }),
    )
    expect(lines[0]).toEqual(lines[1])
    expect(lines[0]).toHaveLength(6)
  })
})

describe('the detected version of Keyv', () => {
  it('is 6 by default', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, namespace: 'n' })
    await store.set('k', '{"value":1}')
    expect(records(dir).at(-1)?.key).toBe('n:k')
  })

  it('does not change when the options of a store that Keyv 6 uses are read', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    expect(store.opts.dir).toBe(dir)
    expect({ ...store.opts }).not.toHaveProperty('dialect')
    const keyv = keyv6.make(store, { namespace: 'n' })
    expect(store.opts.dir).toBe(dir)
    expect(JSON.stringify(store.opts)).toContain(dir)
    await keyv.set('k', 1, 60_000)
    expect(records(dir).at(-1)).toMatchObject({ key: 'n:k', value: 1 })
  })

  it('can be set by an option', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, protocol: 5, namespace: 'n' })
    expect(store.capabilities.expires).toBe(false)
    const before = Date.now()
    await store.set('n:k', '{"value":1}', 60_000)
    expect(records(dir).at(-1)?.key).toBe('n:k')
    expect(records(dir).at(-1)?.expires).toBeGreaterThanOrEqual(before + 60_000)
    expect(() => makeStore({ dir, protocol: 4 as never })).toThrow(/protocol must be 5 or 6, got 4/)
  })

  it('changes when another version uses the same store object', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    await keyv5.make(store, { namespace: 'n' }).set('k', 1, 60_000)
    expect(await keyv6.make(store, { namespace: 'n' }).get('k')).toBe(1)
    const keyv = keyv5.make(store, { namespace: 'n' })
    await keyv.set('k', 2, 60_000)
    expect(await keyv.get('k')).toBe(2)
    expect(records(dir).map((line) => line.key)).toEqual(['n:k', 'n:k'])
  })
})
