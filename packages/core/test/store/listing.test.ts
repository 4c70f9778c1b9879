import { describe, expect, test } from 'vitest'
import { linesOf, logPath } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()

/** Keys in order of code units. In order of code points, the last two would be swapped. */
const IN_ORDER = ['', '10', '9', 'A', 'a', 'a:b', 'aa', 'b', 'ä', 'ž', '\ud83d\ude00', '\uffee']

describe('key order', () => {
  test('is by UTF-16 code unit: in memory, in the checkpoint, and after opening again', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await Promise.all([...IN_ORDER].reverse().map((key) => store.set(key, key)))
    expect([...store.keys()]).toEqual(IN_ORDER)
    await store.compact()
    expect([...store.keys()]).toEqual(IN_ORDER)
    expect([...store.entries()]).toEqual(IN_ORDER.map((key) => [key, key]))
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect([...again.keys()]).toEqual(IN_ORDER)
  })

  test('holds over many keys from every layer at once', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const numbers = Array.from({ length: 1200 }, (_, number) => (number * 7919) % 1200)
    await Promise.all(numbers.slice(0, 800).map((number) => store.set(`k${number}`, 0)))
    await store.compact()
    await Promise.all(numbers.slice(400).map((number) => store.set(`k${number}`, 1)))
    const keys = [...store.keys()]
    expect(keys).toEqual(numbers.map((number) => `k${number}`).sort())
    expect([...store.entries({ prefix: 'k11' })].map(([key]) => key)).toEqual(
      keys.filter((key) => key.startsWith('k11')),
    )
  })
})

describe('prefix and after', () => {
  test('select the keys that start with the prefix and come after the key', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await Promise.all(['a', 'a:', 'a:1', 'a:2', 'a;', 'b', '\uffff', '\uffff\uffff'].map((key) => store.set(key, 1)))
    const keys = (options?: { prefix?: string; after?: string }) => [...store.keys(options)]
    expect(keys({ prefix: 'a:' })).toEqual(['a:', 'a:1', 'a:2'])
    expect(keys({ prefix: 'a:', after: 'a:1' })).toEqual(['a:2'])
    expect(keys({ prefix: 'a:', after: 'a' })).toEqual(['a:', 'a:1', 'a:2'])
    expect(keys({ prefix: 'a:', after: 'z' })).toEqual([])
    expect(keys({ after: 'a:15' })).toEqual(['a:2', 'a;', 'b', '\uffff', '\uffff\uffff'])
    expect(keys({ prefix: '\uffff' })).toEqual(['\uffff', '\uffff\uffff'])
    expect(keys({ prefix: '' })).toHaveLength(8)
    expect(keys({ prefix: 'nothing' })).toEqual([])
  })
})

describe('a cursor over keys that change', () => {
  test('returns every key that exists throughout exactly once', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const stable = Array.from({ length: 700 }, (_, number) => `stay ${String(number).padStart(4, '0')}`)
    await Promise.all(stable.map((key) => store.set(key, 0)))
    await Promise.all(stable.map((key) => store.set(`${key} goes`, 0)))

    const seen: string[] = []
    let step = 0
    for (const key of store.keys()) {
      seen.push(key)
      step++
      // New keys before and after the cursor, values overwritten, neighbours deleted, a compaction in between.
      store.set(`stay ${String((step * 37) % 900).padStart(4, '0')} new`, step)
      store.set(stable[step % stable.length] as string, step)
      store.delete(`${stable[(step * 3) % stable.length]} goes`)
      if (step === 300) await store.compact()
      if (step % 200 === 0) await store.flush()
    }
    expect(seen).toEqual([...new Set(seen)])
    expect(seen).toEqual([...seen].sort())
    expect(stable.filter((key) => !seen.includes(key))).toEqual([])
  })

  test('does not return keys that were cleared meanwhile', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const keys = Array.from({ length: 1000 }, (_, number) => `k${String(number).padStart(4, '0')}`)
    await Promise.all(keys.map((key) => store.set(key, 1)))
    const cursor = store.keys()
    const first = Array.from({ length: 10 }, () => cursor.next().value)
    expect(first).toEqual(keys.slice(0, 10))
    await store.clear({ prefix: 'k09' })
    expect([...cursor].filter((key) => key.startsWith('k09'))).toEqual([])
  })

  test('stops reading when the loop is left early', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.batch(Array.from({ length: 600 }, (_, number) => ({ op: 'SET', key: `${number}`, value: number })))
    for (const key of store.keys()) {
      if (key === '1') break
    }
    expect(store.size).toBe(600)
  })
})

test('the checkpoint is in key order', async () => {
  const dir = directory()
  await using store = await openOn(machine(), { dir })
  await Promise.all(IN_ORDER.map((key) => store.set(key, 'x'.repeat(3000))))
  await store.compact()
  const lines = linesOf(logPath(dir))
  const parts = lines.filter((line) => line.part === true)
  expect(parts.length).toBeGreaterThan(2)
  // JSON.parse moves keys like "10" to the front, so the order is read from the index and the first key of each part.
  const rows = (lines.find((line) => line.index) as unknown as { index: [string, ...unknown[]][] }).index
  const firstKeys = rows.map(([firstKey]) => firstKey)
  expect(firstKeys).toEqual([...firstKeys].sort())
  expect(rows).toHaveLength(parts.length)
})
