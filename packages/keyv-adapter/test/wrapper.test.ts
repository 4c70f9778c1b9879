import { openStore } from '@flatlog/core'
import { describe, expect, it } from 'vitest'
import { unwrap, wrap } from '../src/wrapper.js'
import { keyv5, keyv6, last, makeStore, random, records, tempDir } from './helpers.js'

/** Far in the future, so that nothing expires during the tests. */
const AT = 4_000_000_000_000

describe('unwrap', () => {
  it.each([
    ['{"value":1}', undefined, { value: '1' }],
    ['{"value":{"a": [1, 2]}}', undefined, { value: '{"a": [1, 2]}' }],
    ['{"value":"x}"}', undefined, { value: '"x}"' }],
    ['{"value":{"value":1,"expires":5}}', undefined, { value: '{"value":1,"expires":5}' }],
    ['{"value":"\\",\\"expires\\":5}"}', undefined, { value: '"\\",\\"expires\\":5}"' }],
    [`{"value":1,"expires":${AT}}`, AT, { value: '1', expiresMs: AT }],
    [`{"value":{"value":1,"expires":5},"expires":${AT}}`, AT, { value: '{"value":1,"expires":5}', expiresMs: AT }],
    ['{"value":9223372036854775807}', undefined, { value: '9223372036854775807' }],
    ['{"value":{"10":1,"9":2,"__proto__":3}}', undefined, { value: '{"10":1,"9":2,"__proto__":3}' }],
  ])('splits %s with expiry %s', (text, at, expected) => {
    const parts = unwrap(text, at === undefined ? undefined : { atMs: at, slackMs: 0 })
    expect(parts).toEqual(expected)
    expect(wrap(parts?.value as string, parts?.expiresMs)).toBe(text)
  })
})

describe('texts from Keyv', () => {
  it.each([
    ['no wrapper', '{"score":1}', undefined],
    ['plain text', 'hello', undefined],
    ['no value', '{}', undefined],
    ['only an expiry', `{"expires":${AT}}`, AT],
    ['white space before the value', '{"value": 1}', undefined],
    ['white space after the value', '{"value":1 }', undefined],
    ['white space before the object', ' {"value":1}', undefined],
    ['another order of the fields', `{"expires":${AT},"value":1}`, AT],
    ['an extra field', '{"value":1,"extra":2}', undefined],
    ['an extra field after the expiry', `{"value":1,"expires":${AT},"extra":2}`, AT],
    ['an expiry although the call has none', `{"value":1,"expires":${AT}}`, undefined],
    ['no expiry although the call has one', '{"value":1}', AT],
    ['another expiry than the call', `{"value":1,"expires":${AT - 1}}`, AT],
    ['an expiry with a leading zero', `{"value":1,"expires":0${AT}}`, AT],
    ['an invalid expiry', '{"value":1,"expires":null}', undefined],
    ['an expiry with a fraction', `{"value":1,"expires":${AT}.5}`, AT + 1],
    ['a value that is not JSON', '{"value":nope}', undefined],
    ['no end', '{"value":1', undefined],
    ['two values', '{"value":1}{"value":2}', undefined],
    ['a line break', '{"value":[1,\n2]}', undefined],
    ['a line separator', '{"value":"\u2028"}', undefined],
    ['a byte order mark', '{"value":"\ufeff"}', undefined],
    ['a lone surrogate', '{"value":"\ud800"}', undefined],
    ['a value with the key that marks objects', '{"value":{"@flatlog/keyv":1}}', undefined],
  ])('are stored unchanged if they are not a plain wrapper: %s', async (_name, text, at) => {
    const dir = tempDir()
    const store = makeStore(dir)
    await store.set('one', text, at)
    await store.setMany([{ key: 'many', value: text, expires: at }])
    expect(records(dir)[0]).toMatchObject({ key: 'one', encoding: 'text', value: text, ...(at && { expires: at }) })
    expect(records(dir)[1]?.ops).toMatchObject([{ key: 'many', encoding: 'text', value: text }])
    await store.disconnect()
    expect(await makeStore(dir).getMany(['one', 'many'])).toEqual([text, text])
  })

  it('are returned exactly, and expire at the time of the call', async () => {
    const seed = Date.now() % 2 ** 31
    console.log(`seed ${seed}`)
    const next = random(seed)
    const pieces = ['{"value":', '1', '"a"', '}', ',"expires":', String(AT), '{', '[', ']', ' ', '\n', 'é', '\u2028']
    pieces.push('\ud83d', '\\', '"', ',', 'null', '{"@flatlog/keyv":', '9', '', ':base64:', '\ufeff', '\u0000')
    const store = makeStore({ dir: tempDir(), durability: 'os' })
    const log = await store.open()
    for (let round = 0; round < 2000; round++) {
      let text = next(2) ? '{"value":' : ''
      for (let count = next(6); count > 0; count--) text += pieces[next(pieces.length)]
      if (next(2)) text += next(2) ? '}' : `,"expires":${AT}}`
      const at = next(2) ? AT : undefined
      await store.set('k', text, at)
      const got = await store.get('k')
      if (got !== text) throw new Error(`seed ${seed}, round ${round}: ${JSON.stringify(text)} came back as ${got}`)
      expect(log.getMeta('k')?.expires).toBe(at)
    }
  })

  it.each([
    ['JSON that is not a wrapper', '[1,2]', undefined],
    ['a wrapper with another expiry', '{"value":1,"expires":5}', Date.now() + 60_000],
    ['the inside of a wrapper', '{"score":1}', undefined],
  ])('are stored unchanged: %s', async (_name, text, at) => {
    const dir = tempDir()
    const store = makeStore(dir)
    await store.set('k', text, at)
    expect(last(dir)).toMatchObject({ key: 'k', encoding: 'text', value: text })
    await store.disconnect()
    expect(await makeStore(dir).get('k')).toBe(text)
  })

  it('expire at the time inside the wrapper, which Keyv 5 computes slightly earlier than the store', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, protocol: 5 })
    const at = Date.now() + 60_000 - 5
    await store.set('k', `{"value":1,"expires":${at}}`, 60_000)
    expect(last(dir)).toMatchObject({ value: 1, expires: at })
    const far = Date.now() + 20_000
    await store.set('k', `{"value":1,"expires":${far}}`, 60_000)
    expect(last(dir)).toMatchObject({ encoding: 'text', value: `{"value":1,"expires":${far}}` })
    expect(last(dir).expires).toBeGreaterThan(far)
  })

  it('are hidden at once if their expiry is in the past', async () => {
    const old = makeStore({ dir: tempDir(), protocol: 5 })
    await old.set('k', '{"value":1}')
    await old.set('k', '{"value":2}', -1)
    expect(await old.get('k')).toBeUndefined()
    await old.set('l', '{"value":1}')
    await old.set('l', '{"value":2}', -1e15)
    expect(await old.get('l')).toBeUndefined()
    const store = makeStore(tempDir())
    await store.set('k', '{"value":1}')
    await store.set('k', '{"value":2,"expires":5}', 5)
    expect(await store.get('k')).toBeUndefined()
    expect(await store.has('k')).toBe(false)
  })

  it('may also be objects, which are copied when they are passed', async () => {
    const store = makeStore(tempDir())
    const value = { value: { list: [1] } }
    const written = store.set('k', value)
    value.value.list.push(2)
    await written
    expect(await store.get('k')).toEqual({ value: { list: [1] } })
  })

  it('may also be bytes, which are copied when they are passed and returned', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    const bytes = new Uint8Array([0, 200, 255])
    const written = store.set('k', bytes)
    bytes[0] = 9
    await written
    expect(last(dir)).toMatchObject({ encoding: 'base64', value: 'AMj/' })
    const got = (await store.get('k')) as unknown as Buffer
    expect([...got]).toEqual([0, 200, 255])
    got[0] = 7
    expect([...((await store.get('k')) as unknown as Buffer)]).toEqual([0, 200, 255])
  })

  it.each([keyv5, keyv6])('are made for Keyv $major from values that another program has set', async ({ make }) => {
    const dir = tempDir()
    const log = await openStore({ dir, name: 'keyv' })
    const expires = Date.now() + 60_000
    await log.set('p:u1', { username: 'Ada', score: 3 })
    await log.set('p:u2', { value: 5 }, { expires })
    await log.set('p:u3', 'text')
    await log.set('p:u4', { smile: ':)', doubled: '::)' })
    await log.close()
    const keyv = make(makeStore(dir), { namespace: 'p' })
    expect(await keyv.get('u1')).toEqual({ username: 'Ada', score: 3 })
    expect(await keyv.getRaw('u2')).toEqual({ value: { value: 5 }, expires })
    expect(await keyv.get('u3')).toBe('text')
    // Keyv removes a colon at the beginning of a string, even if Keyv did not write the string.
    expect(await keyv.get('u4')).toEqual({ smile: ')', doubled: ':)' })
  })
})
