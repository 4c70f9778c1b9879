import { describe, expect, it } from 'vitest'
import { majors, makeStore, tempDir } from './helpers.js'

/** A million with FLATLOG_LONG, which `npm run test:long` sets. */
const KEYS = process.env.FLATLOG_LONG ? 1_000_000 : 50_000
const BATCH = 1000

/** Ordered by UTF-16 code unit, so a surrogate pair comes before \uffff. */
const KEY_ORDER = ['%', ':', '_', 'a', 'x:a', '\u{10ffff}', '\uffff']

describe.each(majors)('iterating with Keyv $major', ({ make }) => {
  it(
    `returns ${KEYS} keys in order, each once, during writes, deletes and a compaction`,
    async () => {
      const dir = tempDir()
      const store = makeStore({ dir, durability: 'os' })
      const keyv = make(store, { namespace: 'n' })
      const log = await store.open()
      const nameOf = (n: number) => `k${String(n).padStart(7, '0')}`
      for (let from = 0; from < KEYS; from += BATCH) {
        await keyv.setMany(Array.from({ length: BATCH }, (_, n) => ({ key: nameOf(from + n), value: from + n })))
      }
      // Neighbours in key order, which would be included if the range of the namespace were inexact.
      for (const namespace of ['m', 'n0', 'n;', 'N']) {
        await make(makeStore({ dir, durability: 'os' }), { namespace }).set('x', 'of another')
      }

      let next = 0
      let compacted: Promise<void> | undefined
      const before = log.stats().compactions as number
      for await (const [key, value] of keyv.iterator()) {
        // Keys added during the iteration may or may not be returned.
        if (value === 'added') continue
        if (key !== nameOf(next)) throw new Error(`Expected ${nameOf(next)}, got ${key}`)
        if (value !== next && value !== 'changed') throw new Error(`${key} has ${JSON.stringify(value)}`)
        if (next % 300 === 0) {
          await keyv.delete(key)
          await keyv.set(key, 'back')
          await keyv.set(`${nameOf(next + 150)}+`, 'added')
          if (next + 299 < KEYS) await keyv.set(nameOf(next + 299), 'changed')
        }
        if (next === Math.floor(KEYS / 3)) compacted = log.compact()
        if (next === Math.floor(KEYS / 2)) await compacted
        next++
      }
      expect(next).toBe(KEYS)
      expect(log.stats().compactions).toBeGreaterThan(before)
    },
    KEYS,
  )

  it('stays exactly within its namespace', async () => {
    const dir = tempDir()
    const neighbours = ['n', 'N', 'n2', 'm', 'n;', '_', '%', 'ñ', 'o']
    for (const namespace of neighbours) {
      const keyv = make(makeStore(dir), { namespace })
      for (const key of KEY_ORDER) await keyv.set(key, namespace)
    }
    for (const namespace of neighbours) {
      const keys: string[] = []
      for await (const [key, value] of make(makeStore(dir), { namespace }).iterator()) {
        expect(value).toBe(namespace)
        keys.push(key)
      }
      expect(keys).toEqual(KEY_ORDER)
    }
    for (const namespace of neighbours) {
      await make(makeStore(dir), { namespace }).clear()
      const left = neighbours.slice(neighbours.indexOf(namespace) + 1)
      for (const other of left) expect(await make(makeStore(dir), { namespace: other }).get('_')).toBe(other)
      expect(await make(makeStore(dir), { namespace }).get('_')).toBeUndefined()
    }
  })
})
