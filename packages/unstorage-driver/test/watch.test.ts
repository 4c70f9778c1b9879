import { openStore } from '@flatlog/core'
import { describe, expect, it } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

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

describe('the driver itself', () => {
  it('reports what others in this process do to the same log', async () => {
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

  it('ends each watcher by itself, and all of them with dispose', async () => {
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
})
