import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { copyAsOfNow, logPath, recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()

describe('batch', () => {
  test('is one line with one seq, its operations in order', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('gone', 1)
    await store.batch([
      { op: 'SET', key: 'value', value: { a: 1 } },
      { op: 'DELETE', key: 'gone' },
      { op: 'SET', key: 'text', text: 'plain' },
      { op: 'SET', key: 'bytes', bytes: Buffer.from('abc') },
      { op: 'SET', key: 'twice', value: 1 },
      { op: 'SET', key: 'twice', value: 2 },
      { op: 'DELETE', key: 'was never there' },
    ])
    const state = { value: { a: 1 }, text: 'plain', bytes: new Uint8Array(Buffer.from('abc')), twice: 2 }
    expect(stateOf(store)).toEqual(state)
    const records = recordsOf(dir)
    expect(records.map(({ seq, op }) => [seq, op])).toEqual([
      [1, 'SET'],
      [2, 'BATCH'],
    ])
    expect(records[1]?.ops).toHaveLength(7)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
  })

  test('is applied whole or not at all, wherever its line is cut', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, mainFile: false })
    await store.set('a', 1)
    const whole = readFileSync(logPath(dir)).length
    await store.batch([
      { op: 'SET', key: 'a', value: 2 },
      { op: 'SET', key: 'b', value: 2 },
      { op: 'DELETE', key: 'c' },
    ])
    const bytes = readFileSync(logPath(dir))
    for (let cut = whole; cut <= bytes.length; cut += 7) {
      const torn = copyAsOfNow(dir, `${directory()}/copy`)
      writeFileSync(logPath(torn), bytes.subarray(0, cut))
      await using copy = await openOn(machine(), { dir: torn, mainFile: false })
      expect(stateOf(copy)).toEqual(cut === bytes.length ? { a: 2, b: 2 } : { a: 1 })
    }
    await store.close()
  })

  test('with one invalid operation writes nothing', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    const bad = store.batch([
      { op: 'SET', key: 'a', value: 1 },
      { op: 'SET', key: 'b', value: Number.NaN },
    ])
    await expect(bad).rejects.toMatchObject({ code: 'FLATLOG_INVALID_VALUE' })
    expect(store.size).toBe(0)
    await store.batch([])
    expect(recordsOf(dir)).toEqual([])
  })

  test('gives each operation its own expiry', async () => {
    const clock = new ManualClock()
    await using store = await openOn(machine({ clock }), { dir: directory() })
    await store.batch([
      { op: 'SET', key: 'short', value: 1, ttlMs: 10 },
      { op: 'SET', key: 'long', value: 1, expires: clock.now() + 1000 },
      { op: 'SET', key: 'ever', value: 1 },
    ])
    clock.advance(10)
    expect([...store.keys()]).toEqual(['long', 'ever'].sort())
    clock.advance(990)
    expect([...store.keys()]).toEqual(['ever'])
  })
})

describe('clear', () => {
  const keys = ['a', 'a:', 'a:1', 'a:2', 'a:2:3', 'ab', 'b', 'b:1']

  async function filled(dir: string, compacted: boolean) {
    const store = await openOn(machine(), { dir })
    await store.batch(keys.map((key) => ({ op: 'SET' as const, key, value: 1 })))
    if (compacted) await store.compact()
    return store
  }

  test.each([false, true])(
    'with a prefix removes exactly the keys that start with it (compacted: %s)',
    async (compacted) => {
      const dir = directory()
      const store = await filled(dir, compacted)
      await store.clear({ prefix: 'a:' })
      expect([...store.keys()]).toEqual(['a', 'ab', 'b', 'b:1'])
      expect(recordsOf(dir).at(-1)).toMatchObject({ op: 'DELETE', prefix: 'a:' })
      expect(store.get('a:1')).toBeUndefined()
      await store.set('a:1', 'new')
      await store.close()

      const again = await openOn(machine(), { dir })
      expect(stateOf(again)).toEqual({ a: 1, 'a:1': 'new', ab: 1, b: 1, 'b:1': 1 })
      await again.compact()
      expect(stateOf(again)).toEqual({ a: 1, 'a:1': 'new', ab: 1, b: 1, 'b:1': 1 })
      await again.close()
    },
  )

  test('without a prefix removes every key with one record', async () => {
    const dir = directory()
    const store = await filled(dir, true)
    await store.clear()
    expect(store.size).toBe(0)
    expect(recordsOf(dir)).toMatchObject([{ op: 'DELETE', prefix: '' }])
    await store.set('b', 2)
    expect(stateOf(store)).toEqual({ b: 2 })
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ b: 2 })
  })

  test('of no keys writes nothing', async () => {
    const dir = directory()
    await using store = await filled(dir, false)
    await store.clear({ prefix: 'c' })
    expect(recordsOf(dir)).toHaveLength(1)
  })
})

describe('replace', () => {
  test('replaces the whole state with one record', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('old', 1)
    await store.set('kept', 1)
    await store.compact()
    await store.set('older', 1)
    await store.replace({ kept: 2, new: [1], '10': 'ten', '9': 'nine' })
    const state = { kept: 2, new: [1], '10': 'ten', '9': 'nine' }
    expect(stateOf(store)).toEqual(state)
    expect(recordsOf(dir)).toMatchObject([
      { op: 'SET', key: 'older' },
      { op: 'SET', data: state },
    ])
    await store.close()
    const again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
    await again.replace(new Map([['only', true]]))
    expect(stateOf(again)).toEqual({ only: true })
    await again.replace({})
    expect(again.size).toBe(0)
    await again.close()
    await using third = await openOn(machine(), { dir })
    expect(third.size).toBe(0)
  })

  test('with one invalid value changes nothing', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.set('a', 1)
    const bad = { good: 1, bad: () => 1 }
    await expect(store.replace(bad)).rejects.toMatchObject({ code: 'FLATLOG_INVALID_VALUE' })
    expect(stateOf(store)).toEqual({ a: 1 })
    expect(recordsOf(dir)).toHaveLength(1)
  })
})
