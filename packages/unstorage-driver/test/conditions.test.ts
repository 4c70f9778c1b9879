import { describe, expect, it } from 'vitest'
import { majors, makeDriver, records, tempDir } from './helpers.js'

const mismatch = { code: 'ERR_CAS_MISMATCH', message: expect.stringMatching(/^\[unstorage\] \[flatlog\] .*"k"/) }

describe.each(majors)('conditional writes with unstorage $major', ({ make }) => {
  it('create only items that do not exist', async () => {
    const dir = tempDir()
    const storage = make(makeDriver({ base: dir }))
    await storage.setItem('k', { rev: 1 }, { ifNoneMatch: '*' })
    await expect(storage.setItem('k', { rev: 2 }, { ifNoneMatch: '*' })).rejects.toMatchObject(mismatch)
    await expect(storage.setItemRaw('k', Buffer.from('x'), { ifNoneMatch: '*' })).rejects.toMatchObject(mismatch)
    expect(await storage.getItem('k')).toEqual({ rev: 1 })
    expect(records(dir)).toHaveLength(1)
  })

  it('change only items that still have the etag', async () => {
    const storage = make(makeDriver({ base: tempDir() }))
    await expect(storage.setItem('k', 'v', { ifMatch: '*' })).rejects.toMatchObject(mismatch)
    await storage.setItem('k', 'one')
    const { etag } = await storage.getMeta('k')
    await storage.setItem('k', 'two', { ifMatch: etag })
    await expect(storage.setItem('k', 'three', { ifMatch: etag })).rejects.toMatchObject({
      ...mismatch,
      cause: { code: 'FLATLOG_MISMATCH' },
    })
    await expect(storage.removeItem('k', { ifMatch: etag } as never)).rejects.toMatchObject(mismatch)
    expect(await storage.getItem('k')).toBe('two')
    await storage.setItem('k', 'three', { ifMatch: '*', ttl: 60 })
    expect((await storage.getMeta('k')).ttl).toBeGreaterThan(50)
  })

  it('let exactly one of many concurrent writes succeed', async () => {
    const dir = tempDir()
    const storage = make(makeDriver({ base: dir }))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => storage.setItem('k', index, { ifNoneMatch: '*' })),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', ...Array(49).fill('rejected')])
    expect(await storage.getItem('k')).toBe(0)
    expect(records(dir)).toHaveLength(1)
  })

  it('lose no increment of a counter when failed ones are repeated', async () => {
    const storage = make(makeDriver({ base: tempDir(), durability: 'os' }))
    await storage.setItem('k', 0)
    async function increment(): Promise<void> {
      for (;;) {
        const { etag } = await storage.getMeta('k')
        const value = (await storage.getItem<number>('k')) as number
        const done = storage.setItem('k', value + 1, { ifMatch: etag })
        if (await done.then(() => true, isMismatch)) return
      }
    }
    await Promise.all(Array.from({ length: 40 }, increment))
    expect(await storage.getItem('k')).toBe(40)
  })
})

function isMismatch(error: { code?: string }): false {
  if (error.code === 'ERR_CAS_MISMATCH') return false
  throw error
}

describe('the driver itself', () => {
  it('returns the etag of the written item, but only for a conditional write', async () => {
    const driver = makeDriver({ base: tempDir() })
    expect(await driver.setItem('k', 'one')).toBeUndefined()
    const first = driver.setItem('k', 'two', { ifMatch: '*' })
    // The next write has another etag.
    await Promise.all([first, driver.setItem('k', 'three')])
    expect((await first)?.etag).not.toBe((await driver.getMeta('k'))?.etag)
    const raw = await driver.setItemRaw('k', Buffer.from('four'), { ifMatch: '*' })
    expect(raw?.etag).toBe((await driver.getMeta('k'))?.etag)
    await driver.removeItem('k', { ifMatch: raw?.etag ?? '' })
    expect(await driver.hasItem('k')).toBe(false)
  })

  it('refuses conditions that it cannot check', async () => {
    const dir = tempDir()
    const driver = makeDriver({ base: dir })
    await driver.setItem('k', 'v')
    for (const ifMatch of [null, 1, {}] as never[]) {
      await expect(driver.setItem('k', 'w', { ifMatch })).rejects.toMatchObject({ code: 'FLATLOG_INVALID_OPTION' })
    }
    const item = { key: 'k', value: 'w' }
    for (const call of [
      () => driver.setItems([item], { ifNoneMatch: '*' }),
      () => driver.setItems([{ ...item, options: { ifMatch: 'x' } }]),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'FLATLOG_INVALID_OPTION',
        message: expect.stringContaining('Use setItem'),
      })
    }
    expect(records(dir)).toHaveLength(1)
    await driver.dispose()
    const reader = makeDriver({ base: dir, readOnly: true })
    await expect(reader.setItem('l', 'v', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'FLATLOG_READ_ONLY' })
    await reader.setItem('l', 'v')
    expect(await reader.getItem('l')).toBeNull()
  })
})
