import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { advanceClock, all, majors, makeStore, tempDir, text } from './helpers.js'

const COUNT = 3000
const LONG = 'x'.repeat(500)
const names = Array.from({ length: COUNT }, (_, n) => `short${n}`)

describe.each(majors)('expired values with Keyv $major', ({ make }) => {
  it.each([true, false])('are hidden from every call, with checkExpired: %s', async (checkExpired) => {
    const store = makeStore(tempDir())
    const keyv = make(store, { namespace: 'n', checkExpired })
    await keyv.setMany([
      { key: 'short', value: 1, ttl: 1000 },
      { key: 'long', value: 2, ttl: 10_000 },
    ])
    await keyv.set('ever', 3)
    advanceClock(1001)
    expect(await keyv.get('short')).toBeUndefined()
    expect(await keyv.getRaw('short')).toBeUndefined()
    expect(await keyv.getMany(['short', 'long', 'ever'])).toEqual([undefined, 2, 3])
    expect(await keyv.has('short')).toBe(false)
    expect(await keyv.hasMany(['short', 'long'])).toEqual([false, true])
    expect(await all(keyv)).toEqual([
      ['ever', 3],
      ['long', 2],
    ])
    expect(await keyv.delete('short')).toBe(false)
  })

  it('are removed from the log and from memory by a compaction, without being read', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, durability: 'os', compaction: false, mainFile: false })
    const keyv = make(store, { namespace: 'n' })
    await keyv.setMany(names.map((key) => ({ key, value: LONG, ttl: 1000 })))
    await keyv.set('ever', 3)
    const log = await store.open()
    expect(log.stats().cachedBytes).toBeGreaterThan(COUNT * LONG.length)
    advanceClock(1001)
    await log.compact()
    expect(log.stats()).toMatchObject({ cachedBytes: 0, tailKeys: 0 })
    expect(text(dir)).not.toContain('short')
    expect(await all(keyv)).toEqual([['ever', 3]])
  })

  it('stay in the log until it has doubled, if more of its state is still alive', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, durability: 'os', mainFile: false, compaction: { minBytes: 100_000 } })
    const keyv = make(store, { namespace: 'n' })
    const log = await store.open()
    await keyv.setMany(names.map((key) => ({ key: `ever${key}`, value: LONG })))
    await log.compact()
    const compactions = () => log.stats().compactions as number
    const before = compactions()
    await keyv.setMany(names.slice(0, COUNT / 2).map((key) => ({ key, value: LONG, ttl: 1000 })))
    advanceClock(1001)
    await keyv.set('one', 1)
    await new Promise(setImmediate)
    expect(compactions()).toBe(before)
    expect(text(dir)).toContain('"n:short7"')
    expect(await keyv.has('short7')).toBe(false)
    await keyv.setMany(names.slice(COUNT / 2).map((key) => ({ key: `new${key}`, value: LONG })))
    await vi.waitFor(() => expect(compactions()).toBe(before + 1), { timeout: 20_000, interval: 20 })
    expect(text(dir)).not.toContain('"n:short7"')
    expect(await all(keyv)).toHaveLength(COUNT + 1 + COUNT / 2)
  })

  it('are removed automatically from an idle store', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, durability: 'os', mainFile: false, compaction: { minBytes: 100_000 } })
    const keyv = make(store, { namespace: 'n' })
    const log = await store.open()
    const file = join(dir, 'logs', 'keyv.log')
    await Promise.all(names.map((key) => keyv.set(key, LONG, 500)))
    expect(statSync(file).size).toBeGreaterThan(COUNT * LONG.length)
    const isGone = () => statSync(file).size < 100_000 && (log.stats().cachedBytes as number) < 100_000
    await vi.waitFor(() => expect(isGone()).toBe(true), { timeout: 20_000, interval: 20 })
  })
})
