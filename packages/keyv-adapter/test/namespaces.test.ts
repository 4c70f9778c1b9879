import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@flatlog/core'
import { describe, expect, it } from 'vitest'
import { all, keyv5, keyv6, last, majors, makeStore, records, tempDir } from './helpers.js'

describe.each(majors)('namespaces with Keyv $major', ({ major, make }) => {
  it('are refused if they contain a colon, unless allowColonIn lists them', async () => {
    const dir = tempDir()
    expect(() => make(makeStore(dir), { namespace: 'a:b' })).toThrow(/contains a colon/)
    expect(() => makeStore({ dir, namespace: 'a:b' })).toThrow(
      expect.objectContaining({ code: 'FLATLOG_INVALID_OPTION' }),
    )
    expect(() => makeStore({ dir, namespace: 'a:c', allowColonIn: ['a:b'] })).toThrow(/contains a colon/)
    expect(() => makeStore({ dir, allowColonIn: 'a:b' as never })).toThrow(/must be an array/)
    const keyv = make(makeStore({ dir, allowColonIn: ['a:b'] }), { namespace: 'a:b' })
    await keyv.set('k', 1)
    expect(last(dir)).toMatchObject({ key: 'a:b:k', value: 1 })
    expect(await keyv.get('k')).toBe(1)
    await keyv.clear()
    expect(last(dir)).toMatchObject({ op: 'DELETE', prefix: 'a:b:' })
  })

  it('are optional: without one, a store is a view of the whole log', async () => {
    const dir = tempDir()
    const inside = make(makeStore(dir), { namespace: 'a' })
    await inside.set('b', 1)
    const whole = make(makeStore(dir), { namespace: undefined })
    await whole.set('p:q', 2)
    await whole.set('bare', 3)
    expect(last(dir).key).toBe('bare')
    expect(await whole.get('a:b')).toBe(1)
    expect(await all(whole)).toEqual([
      ['a:b', 1],
      ['bare', 3],
      ['p:q', 2],
    ])
    await whole.clear()
    expect(await inside.get('b')).toBeUndefined()
  })

  it('are written without a prefix if they are bare', async () => {
    const dir = tempDir()
    const log = await openStore({ dir, name: 'keyv' })
    await log.set('user1', { username: 'Ada' })
    await log.close()
    const keyv = make(makeStore({ dir, bareNamespace: 'players' }), { namespace: 'players' })
    expect(await keyv.get('user1')).toEqual({ username: 'Ada' })
    await keyv.set('user2', 2)
    await keyv.set('with:colon', 3)
    expect(records(dir).map((line) => line.key)).toEqual(['user1', 'user2', 'with:colon'])
    expect((await all(keyv)).map(([key]) => key)).toEqual(['user1', 'user2', 'with:colon'])
    expect(await keyv.getMany(['user2', 'with:colon'])).toEqual([2, 3])
    expect(await keyv.deleteMany(['user2'])).toEqual(major === 5 ? true : [true])
    await keyv.clear()
    expect(await all(keyv)).toEqual([])
  })

  it('are refused next to a bare one', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, bareNamespace: 'players' })
    expect(() => make(store, { namespace: 'tokens' })).toThrow(/holds only the namespace "players"/)
    const keyv = make(store, { namespace: 'players' })
    await keyv.set('k', 1)
    const other = makeStore({ dir })
    await expect(other.get('k')).rejects.toMatchObject({ code: 'FLATLOG_OPTIONS_CONFLICT' })
    const second = makeStore({ dir, bareNamespace: 'players' })
    expect(await second.has('k')).toBe(true)
    await keyv.disconnect()
    await keyv.disconnect()
    await expect(other.get('k')).rejects.toMatchObject({ code: 'FLATLOG_OPTIONS_CONFLICT' })
    await second.disconnect()
    expect(await other.get('k')).toBe('{"value":1}')
    await expect(makeStore({ dir, bareNamespace: 'players' }).get('k')).rejects.toThrow(
      /open in this process with bareNamespace none/,
    )
  })

  it('are refused next to a bare one even if the log is opened by another path', async () => {
    const dir = tempDir()
    const [real, link] = [join(dir, 'real'), join(dir, 'link')]
    mkdirSync(real)
    symlinkSync(real, link, 'junction')
    const tokens = make(makeStore(real), { namespace: 'tokens' })
    await tokens.set('k', 't')
    const bare = makeStore({ dir: link, bareNamespace: 'players' })
    await expect(bare.clear()).rejects.toMatchObject({ code: 'FLATLOG_OPTIONS_CONFLICT' })
    expect(await tokens.get('k')).toBe('t')
    await tokens.disconnect()
    await bare.clear()
  })

  it('are kept apart in one log, with two open stores', async () => {
    const dir = tempDir()
    const players = make(makeStore(dir), { namespace: 'players' })
    const tokens = make(makeStore(dir), { namespace: 'tokens' })
    await Promise.all([players.set('k', 'p'), tokens.set('k', 't')])
    expect(await players.get('k')).toBe('p')
    expect(await tokens.get('k')).toBe('t')
    await players.disconnect()
    await tokens.set('l', 2)
    expect(await tokens.get('l')).toBe(2)
    await tokens.clear()
    await tokens.disconnect()
    expect(await all(make(makeStore(dir), { namespace: 'players' }))).toEqual([['k', 'p']])
  })

  it('follow the namespace of the Keyv', async () => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'one' })
    await keyv.set('k', 1)
    keyv.namespace = 'two'
    await keyv.set('k', 2)
    keyv.namespace = 'one'
    expect(await keyv.get('k')).toBe(1)
    expect(records(dir).map((line) => line.key)).toEqual(['one:k', 'two:k'])
  })
})

describe('the default namespace', () => {
  it('is keyv in Keyv 5; in Keyv 6 it is the one of the store, or none', async () => {
    const dir = tempDir()
    await keyv5.make(makeStore({ dir, namespace: 'mine' })).set('k', 1)
    await keyv6.make(makeStore({ dir, namespace: 'mine' })).set('k', 2)
    await keyv6.make(makeStore(dir)).set('k', 3)
    expect(records(dir).map((line) => line.key)).toEqual(['keyv:k', 'mine:k', 'k'])
  })
})

describe('Keyv 5 with useKeyPrefix: false', () => {
  it('leaves the prefix to the store', async () => {
    const dir = tempDir()
    const keyv = keyv5.make(makeStore(dir), { namespace: 'n', useKeyPrefix: false })
    await keyv.set('user:1', 1)
    expect(last(dir).key).toBe('n:user:1')
    expect(await keyv.getMany(['user:1', 'user:2'])).toEqual([1, undefined])
    // Keyv 5's rule for single keys, applied to all: a key that begins with the namespace already has its prefix.
    expect(await keyv.getMany(['n:user:1'])).toEqual([1])
    expect((await all(keyv)).map(([key]) => key)).toEqual(['n:user:1'])
    await keyv.clear()
    expect(await keyv.get('user:1')).toBeUndefined()
    const whole = keyv5.make(makeStore(dir), { namespace: undefined, useKeyPrefix: false })
    await whole.set('a', 1)
    expect((await all(whole)).map(([key]) => key)).toEqual([':a'])
  })
})

describe('a key that begins with the namespace', () => {
  it('counts as prefixed only in the calls of Keyv 5 with one key', async () => {
    const dir = tempDir()
    const five = keyv5.make(makeStore(dir), { namespace: 'n' })
    await five.set('n:a', 1)
    expect(await five.get('a')).toBe(1)
    expect(await five.getMany(['n:a', 'a'])).toEqual([undefined, 1])
    await keyv6.make(makeStore(dir), { namespace: 'n' }).set('n:a', 2)
    expect(records(dir).map((line) => line.key)).toEqual(['n:a', 'n:n:a'])
  })
})

describe('the iterator of Keyv 5', () => {
  it('returns keys that are too long for a namespace with a colon', async () => {
    const keyv = keyv5.make(makeStore({ dir: tempDir(), allowColonIn: ['a:b'] }), { namespace: 'a:b' })
    await keyv.set('k', 1)
    expect(await all(keyv)).toEqual([['b:k', 1]])
  })
})

describe('one store object shared by two Keyv 5 instances', () => {
  it('keeps their keys apart', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    const one = keyv5.make(store, { namespace: 'one' })
    const two = keyv5.make(store, { namespace: 'two' })
    await one.set('k', 1)
    await two.set('k', 2)
    expect(await one.get('k')).toBe(1)
    expect(records(dir).map((line) => line.key)).toEqual(['one:k', 'two:k'])
  })
})
