import { describe, expect, test } from 'vitest'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const KEYS = 3000

async function filled() {
  const clock = new ManualClock()
  const store = await openOn(machine({ clock }), {
    dir: directory(),
    durability: 'os',
    mainFile: false,
    compaction: false,
  })
  const writes = Array.from({ length: KEYS }, (_, n) => store.set(`key ${n}`, 'x'.repeat(500), { ttlMs: 1000 }))
  await Promise.all([...writes, store.set('stays', 'y')])
  return { clock, store, cachedBytes: () => store.stats().cachedBytes as number }
}

describe('a compaction frees the memory of', () => {
  test('texts of records that are now in the checkpoint', async () => {
    const { store, cachedBytes } = await filled()
    expect(cachedBytes()).toBeGreaterThan(KEYS * 500)
    await store.compact()
    expect(cachedBytes()).toBe(0)
    expect(store.get('key 7')).toBe('x'.repeat(500))
    expect(cachedBytes()).toBeGreaterThan(0)
    await store.close()
  })

  test('texts that were cleared before', async () => {
    const { store, cachedBytes } = await filled()
    await store.clear()
    await store.set('stays', 'y')
    await store.compact()
    expect(cachedBytes()).toBe(0)
    await store.close()
  })

  test('values of the checkpoint that were read and have expired', async () => {
    const { clock, store, cachedBytes } = await filled()
    await store.compact()
    for (let n = 0; n < KEYS; n++) store.get(`key ${n}`)
    expect(store.get('stays')).toBe('y')
    expect(cachedBytes()).toBeGreaterThan(KEYS * 500)
    clock.advance(1001)
    await store.compact()
    expect(cachedBytes()).toBeLessThan(1000)
    expect([...store.keys()]).toEqual(['stays'])
    await store.close()
  })
})
