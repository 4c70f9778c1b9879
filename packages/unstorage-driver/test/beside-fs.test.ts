import { createStorage as createStorage1, type Storage } from 'unstorage'
import fs1 from 'unstorage/drivers/fs'
import { createStorage as createStorage2 } from 'unstorage2'
import fs2 from 'unstorage2/drivers/fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

/** What the README says of the driver for files, so that it is heard of when that changes. */

const files: Record<1 | 2, (base: string) => Storage> = {
  1: (base) => createStorage1({ driver: fs1({ base }) }),
  2: (base) => createStorage2({ driver: fs2({ base }) }) as never as Storage,
}

afterEach(() => {
  vi.useRealTimers()
})

describe.each(majors)('beside the driver for files of unstorage $major', ({ major, make }) => {
  it('has a key and keys below it, in either order, and long ones', async () => {
    const [fs, flatlog] = [files[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    const codes: unknown[] = []
    for (const storage of [fs, flatlog]) {
      for (const key of ['a', 'a:b', 'c:d', 'c', 'x'.repeat(300)]) {
        codes.push(
          await storage.setItem(key, 1).then(
            () => 'set',
            (error) => error.code,
          ),
        )
      }
    }
    const [ofFs, ofFlatlog] = [codes.slice(0, 5), codes.slice(5)]
    expect(ofFlatlog).toEqual(['set', 'set', 'set', 'set', 'set'])
    expect(ofFs).toEqual(['set', expect.stringMatching(/^E/), 'set', expect.stringMatching(/^E/), 'ENAMETOOLONG'])
  })

  it('ends items', async () => {
    const [fs, flatlog] = [files[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    for (const storage of [fs, flatlog]) await storage.setItem('k', 'v', { ttl: 1 })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    expect(await fs.getItem('k')).toBe('v')
    expect(await flatlog.getItem('k')).toBeNull()
  })

  it('has conditions', async () => {
    const [fs, flatlog] = [files[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    for (const storage of [fs, flatlog]) await storage.setItem('k', 'v')
    await fs.setItem('k', 'w', { ifNoneMatch: '*' })
    expect(await fs.getItem('k')).toBe('w')
    await expect(flatlog.setItem('k', 'w', { ifNoneMatch: '*' })).rejects.toThrow()
  })
})
