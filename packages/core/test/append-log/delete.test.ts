import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import { lines, parsedRecords, run } from './store-in.js'

/** DELETE is a tombstone for a key, or for all keys that start with a prefix. */

const makeDir = useTempDirectory()
const keysOf = (dir: string) => run(dir, (store) => [...store.keys()])

describe('DELETE', () => {
  it('is a tombstone: one line without a value', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('channel456', 1)
      expect(await store.delete('channel456')).toBe(true)
      expect([store.get('channel456'), store.has('channel456')]).toEqual([undefined, false])
    })
    expect(parsedRecords(dir)[1]).toMatchObject({ seq: 2, op: 'DELETE', key: 'channel456' })
    expect(parsedRecords(dir)[1]).not.toHaveProperty('value')
    expect(await keysOf(dir)).toEqual([])
  })

  it('of a missing key writes nothing and returns false', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      expect(await store.delete('nowhere')).toBe(false)
      await store.set('a', 1)
      expect([await store.delete('a'), await store.delete('a')]).toEqual([true, false])
    })
    expect(parsedRecords(dir)).toHaveLength(2)
  })

  it('of a key in the checkpoint hides it, after reopening and after the next compaction', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.set('b', 1)
      await store.compact()
      await store.delete('a')
      expect([...store.keys()]).toEqual(['b'])
    })
    expect(await keysOf(dir)).toEqual(['b'])
    await run(dir, (store) => store.compact())
    expect(await keysOf(dir)).toEqual(['b'])
    expect(lines(dir).join('\n')).not.toContain('"a"')
  })

  it('followed by a SET: the key exists again', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.delete('a')
      await store.set('a', 2)
    })
    expect(await run(dir, (store) => store.get('a'))).toBe(2)
  })

  it('of a prefix is one line, and deletes exactly the keys that start with it', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      for (const key of ['players:1', 'players:2', 'players', 'player', 'tokens:1']) await store.set(key, 1)
      await store.clear({ prefix: 'players:' })
      expect([...store.keys()]).toEqual(['player', 'players', 'tokens:1'])
    })
    expect(parsedRecords(dir).at(-1)).toMatchObject({ op: 'DELETE', prefix: 'players:' })
    expect(await keysOf(dir)).toEqual(['player', 'players', 'tokens:1'])
  })

  it('of everything leaves keys that are set after it', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 1)
      await store.clear()
      await store.set('c', 1)
    })
    expect(await keysOf(dir)).toEqual(['c'])
    await run(dir, (store) => store.compact())
    expect(await keysOf(dir)).toEqual(['c'])
  })

  it('of a prefix that no key has writes nothing', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.clear()
      await store.set('a', 1)
      await store.clear({ prefix: 'b' })
    })
    expect(parsedRecords(dir)).toHaveLength(1)
  })
})
