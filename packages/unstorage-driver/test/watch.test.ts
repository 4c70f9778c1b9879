import { openStore } from '@flatlog/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

afterEach(() => {
  vi.useRealTimers()
})

describe.each(majors)('watching with unstorage $major', ({ make }) => {
  it('reports writes, batches, raw values, removals and clears', async () => {
    const storage = make(makeDriver({ base: tempDir() }))
    await storage.setItem('before:a', 1)
    const seen: string[] = []
    const stop = await storage.watch((event, key) => seen.push(`${event} ${key}`))
    await storage.setItem('a', 1)
    await storage.setItemRaw('b', Buffer.from('x'))
    await storage.setItems([
      { key: 'c:1', value: 1 },
      { key: 'c:2', value: 2 },
    ])
    await storage.removeItem('a')
    await storage.removeItem('missing')
    expect(seen).toEqual(['update a', 'update b', 'update c:1', 'update c:2', 'remove a'])
    await storage.clear()
    expect(seen.slice(5).sort()).toEqual(['remove b', 'remove before:a', 'remove c:1', 'remove c:2'])
    await stop()
    await storage.setItem('a', 2)
    expect(seen).toHaveLength(9)
  })

  it('reports keys with the mount point', async () => {
    const storage = make(makeDriver({ base: tempDir() })).mount('cache', makeDriver({ base: tempDir() }))
    const seen: string[] = []
    await storage.watch((event, key) => seen.push(`${event} ${key}`))
    await storage.setItem('cache:a', 1)
    await storage.setItem('b', 1)
    expect(seen).toEqual(['update cache:a', 'update b'])
  })
})

describe.each(majors)('watched items that expire, with unstorage $major', ({ make }) => {
  it('are reported once, at their last expiry time, including items that existed before', async () => {
    const driver = makeDriver({ base: tempDir(), durability: 'os' })
    const storage = make(driver)
    await storage.setItem('before', 1, { ttl: 10 })
    await storage.setItem('stays', 1)
    await storage.setItem('removed', 1, { ttl: 10 })
    const clock = movableClock()
    const seen: string[] = []
    await storage.watch((event, key) => seen.push(`${event} ${key}`))
    await clock.settle()
    await storage.setItem('soon', 1, { ttl: 5 })
    await storage.setItem('later', 1, { ttl: 30 })
    await storage.setItem('longer', 1, { ttl: 5 })
    await storage.setItem('longer', 1, { ttl: 60 })
    await storage.setItems([{ key: 'many', value: 1 }], { ttl: 10 })
    await storage.removeItem('removed')
    seen.length = 0
    clock.advance(4_000)
    expect(seen).toEqual([])
    clock.advance(2_000)
    expect(seen).toEqual(['remove soon'])
    clock.advance(5_000)
    expect(seen.slice(1).sort()).toEqual(['remove before', 'remove many'])
    clock.advance(20_000)
    expect(seen.slice(3)).toEqual(['remove later'])
    await storage.removeItem('later')
    clock.advance(60_000)
    expect(seen.slice(4)).toEqual(['remove longer'])
    await storage.clear()
    expect(seen.slice(5)).toEqual(['remove stays'])
  })
})

/**
 * Controls the clock and setTimeout.
 * The other timers stay real, because the engine needs them.
 */
function movableClock() {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  return {
    advance: (ms: number) => vi.advanceTimersByTime(ms),
    /** Lets the watcher look up the expiry times of the items that existed before. */
    settle: async () => {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

describe('the driver itself', () => {
  it('checks a due item again if the clock was set back', async () => {
    const driver = makeDriver({ base: tempDir(), durability: 'os' })
    const clock = movableClock()
    const seen: string[] = []
    await driver.watch((event, key) => seen.push(`${event} ${key}`))
    await driver.setItem('k', 'v', { ttl: 10 })
    vi.setSystemTime(Date.now() - 5_000)
    clock.advance(10_000)
    expect(seen).toEqual(['update k'])
    clock.advance(6_000)
    expect(seen).toEqual(['update k', 'remove k'])
  })

  it('reports each item once even if it is often overwritten with another ttl', async () => {
    const driver = makeDriver({ base: tempDir(), durability: 'os', compaction: false })
    const clock = movableClock()
    const seen: string[] = []
    await driver.watch((event, key) => event === 'remove' && seen.push(key))
    const writes: Promise<unknown>[] = []
    for (let round = 0; round < 5000; round++) {
      writes.push(driver.setItem(`k${round % 7}`, `${round}`, { ttl: 60 + (round % 1000) }))
    }
    await Promise.all(writes)
    clock.advance(2_000_000)
    expect(seen.sort()).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6'])
  })

  it('does not report the removal of a missing item', async () => {
    const driver = makeDriver({ base: tempDir() })
    const seen: string[] = []
    await driver.watch((event, key) => seen.push(`${event} ${key}`))
    const log = await driver.getInstance()
    await log.batch([
      { op: 'DELETE', key: 'missing' },
      { op: 'SET', key: 'a', value: 1 },
      { op: 'DELETE', key: 'a' },
    ])
    await driver.clear()
    expect(seen).toEqual(['update a', 'remove a'])
  })

  it('calls the other watchers even if one throws', async () => {
    const driver = makeDriver({ base: tempDir() })
    const thrown: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    try {
      const seen: string[] = []
      await driver.watch(() => {
        throw new Error('thrown by a watcher')
      })
      await driver.watch((event, key) => seen.push(`${event} ${key}`))
      await driver.setItem('a', '1')
      await driver.setItem('b', '1')
      expect(seen).toEqual(['update a', 'update b'])
      expect(thrown).toMatchObject([{ message: 'thrown by a watcher' }, { message: 'thrown by a watcher' }])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const other of others) process.on('uncaughtException', other)
    }
  })

  it('reports the changes of other stores in this process on the same log', async () => {
    const base = tempDir()
    const driver = makeDriver({ base })
    await driver.setItem('a:1', '1')
    const seen: string[] = []
    await driver.watch((event, key) => seen.push(`${event} ${key}`))
    const log = await openStore({ dir: base, name: 'unstorage', times: true })
    await log.set('a:2', 2)
    await log.set('b', 3)
    await log.clear({ prefix: 'a:' })
    expect(seen).toEqual(['update a:2', 'update b', 'remove a:1', 'remove a:2'])
    await log.replace({ c: 1 })
    expect(seen.slice(4)).toEqual(['remove b', 'update c'])
    await log.close()
  })

  it('removes watchers one by one, and all of them with dispose', async () => {
    const driver = makeDriver({ base: tempDir() })
    const seen: string[] = []
    const note = (event: string, key: string) => seen.push(`${event} ${key}`)
    const stop = await driver.watch(note)
    await driver.watch(note)
    await driver.setItem('a', '1')
    expect(seen).toEqual(['update a', 'update a'])
    await stop()
    await stop()
    await driver.setItem('b', '1')
    expect(seen.slice(2)).toEqual(['update b'])
    await driver.dispose()
    await driver.setItem('c', '1')
    expect(seen).toHaveLength(3)
    await driver.watch(note)
    await driver.clear()
    expect(seen.slice(3)).toEqual(['remove a', 'remove b', 'remove c'])
  })

  it.each([1, 30_000])('watches again after a dispose that meets a watch, with %i items', async (count) => {
    const driver = makeDriver({ base: tempDir(), durability: 'os' })
    await driver.setItems(Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: '1' })))
    for (const isOpen of [true, false]) {
      if (!isOpen) await driver.dispose()
      const seen: string[] = []
      const [stopFirst] = await Promise.all([
        driver.watch((event, key) => seen.push(`first: ${event} ${key}`)),
        driver.dispose(),
      ])
      await driver.watch((event, key) => seen.push(`second: ${event} ${key}`))
      stopFirst()
      await driver.setItem('a', '1')
      expect(seen).toEqual(['second: update a'])
    }
  })

  it('reports the writes that a dispose completes', async () => {
    const driver = makeDriver({ base: tempDir() })
    const seen: string[] = []
    await driver.watch((event, key) => seen.push(`${event} ${key}`))
    await Promise.all([driver.setItem('a', '1'), driver.dispose()])
    expect(seen).toEqual(['update a'])
  })
})
