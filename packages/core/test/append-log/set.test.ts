import { describe, expect, it } from 'vitest'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { openPlayers, parsedRecords, run } from './store-in.js'

/** SET stores a value under a key; the last one counts. */

const makeDir = useTempDirectory()

describe('SET', () => {
  it('can be read at once, and in the next run', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      const done = store.set('user123', { score: 100 })
      expect(store.get('user123')).toEqual({ score: 100 })
      await done
    })
    expect(await run(dir, (store) => store.get('user123'))).toEqual({ score: 100 })
  })

  it('of an existing key replaces its value', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      for (const score of [1, 2, 3]) await store.set('user123', { score })
    })
    expect(await run(dir, (store) => store.get('user123'))).toEqual({ score: 3 })
    expect(parsedRecords(dir)).toHaveLength(3)
  })

  it.each<[what: string, value: unknown]>([
    ['null', null],
    ['false', false],
    ['0', 0],
    ['the empty string', ''],
    ['a list', [1, [2, { three: 3 }]]],
    ['line ends of all kinds', 'a\r\nb\u2028c\u2029d\u0085e'],
    ['half a character', '\ud83d'],
    ['a byte order mark', '\ufeff'],
    ['numbers at their limits', [Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, Number.MAX_VALUE, -1e-7]],
    ['__proto__', JSON.parse('{"__proto__":{"a":1}}')],
  ])('keeps %s', async (_what, value) => {
    const dir = makeDir()
    await run(dir, (store) => store.set('k', value))
    expect(await run(dir, (store) => store.get('k'))).toEqual(value)
  })

  it('accepts any string as a key', async () => {
    const dir = makeDir()
    const keys = [
      '',
      '__proto__',
      'constructor',
      'a',
      'a:b',
      '..',
      'CON',
      'a/b',
      '\n',
      '\ud800',
      '🔑',
      'k'.repeat(10_240),
    ]
    await run(dir, async (store) => {
      for (const key of keys) await store.set(key, key.length)
    })
    await run(dir, (store) => {
      expect([...store.keys()]).toEqual([...keys].sort())
      for (const key of keys) expect(store.get(key)).toBe(key.length)
    })
  })

  it('copies the given value, and get returns a new copy each time', async () => {
    await run(makeDir(), async (store) => {
      const given = { list: [1] }
      await store.set('k', given)
      given.list.push(2)
      const got = store.get<{ list: number[] }>('k')!
      got.list.push(3)
      expect(store.get('k')).toEqual({ list: [1] })
    })
  })

  it('with an expiry is gone after its time, also in the next run', async () => {
    const dir = makeDir()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir, name: 'players' })
    await store.set('short', 1, { ttlMs: 1000 })
    await store.set('long', 2, { expires: clock.now() + 5000 })
    expect([store.get('short'), store.get('long')]).toEqual([1, 2])
    clock.advance(999)
    expect(store.has('short')).toBe(true)
    clock.advance(1)
    expect([store.get('short'), store.has('short'), [...store.keys()]]).toEqual([undefined, false, ['long']])
    await store.close()
    const again = await openOn(machine({ clock }), { dir, name: 'players' })
    expect([...again.entries()]).toEqual([['long', 2]])
    await again.compact()
    clock.advance(5000)
    expect([...again.entries()]).toEqual([])
    await again.close()
  })

  it('without an expiry removes an earlier one', async () => {
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir: makeDir() })
    await store.set('k', 1, { ttlMs: 10 })
    await store.set('k', 2)
    clock.advance(1000)
    expect(store.get('k')).toBe(2)
    await store.close()
  })

  it('of a text returns exactly that text', async () => {
    const dir = makeDir()
    const texts = ['plain', '{"b": 1.0, "a":[ ]}', ' padded ', '', '1e400', '{"10":1,"9":2}', '\r\n', '"\ud800"']
    await run(dir, async (store) => {
      for (const text of texts) await store.setText(text, text)
      await store.compact()
    })
    await run(dir, (store) => {
      for (const text of texts) expect(store.getText(text)).toBe(text)
    })
  })

  it('of bytes returns exactly those bytes', async () => {
    const dir = makeDir()
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    await run(dir, (store) => store.setBytes('k', bytes))
    expect(await run(dir, (store) => store.getBytes('k'))).toEqual(bytes)
  })

  it('of the whole state is one record that replaces the former state', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('old', 1)
      await store.replace({ b: 2, a: { x: 1 } })
      await store.set('c', 3)
    })
    expect(await run(dir, (store) => [...store.entries()])).toEqual([
      ['a', { x: 1 }],
      ['b', 2],
      ['c', 3],
    ])
    expect(parsedRecords(dir)[1]).toMatchObject({ op: 'SET', data: { a: { x: 1 }, b: 2 } })
  })

  it('by many writers at once stores every value', async () => {
    const dir = makeDir()
    const store = await openPlayers(dir)
    await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        for (let number = 0; number < 20; number++) await store.set(`${writer}:${number}`, number)
      }),
    )
    await store.close()
    expect(await run(dir, (again) => again.size)).toBe(400)
  })
})
