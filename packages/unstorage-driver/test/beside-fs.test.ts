import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createStorage as createStorage1, type Storage } from 'unstorage'
import fs1 from 'unstorage/drivers/fs'
import { createStorage as createStorage2 } from 'unstorage2'
import fs2 from 'unstorage2/drivers/fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { majors, makeDriver, records, tempDir } from './helpers.js'

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

  it('writes a batch as a whole', async () => {
    const base = tempDir()
    const [fs, flatlog] = [files[major](tempDir()), make(makeDriver({ base }))]
    const items = [
      { key: 'k', value: 'v' },
      // Too long for a file, and for a record.
      { key: 'x'.repeat(300), value: 'y'.repeat(65 * 1024 * 1024) },
    ]
    for (const storage of [fs, flatlog]) await expect(storage.setItems(items)).rejects.toThrow()
    expect(await flatlog.getItem('k')).toBeNull()
    expect(records(base)).toEqual([])
    await vi.waitFor(async () => expect(await fs.getItem('k')).toBe('v'))
  })

  it('overwrites no file in place', async () => {
    const [directory, base] = [tempDir(), tempDir()]
    const flatlog = make(makeDriver({ base }))
    const places: number[] = []
    for (const value of ['long', 'v']) {
      await files[major](directory).setItem('k', value)
      places.push(statSync(join(directory, 'k')).ino)
      await flatlog.setItem('k', value)
    }
    expect(places[0]).toBe(places[1])
    expect(records(base).map(({ value }) => value)).toEqual(['long', 'v'])
  })

  it('is not written by hand', async () => {
    const [directory, base] = [tempDir(), tempDir()]
    const fs = files[major](directory)
    await fs.setItem('k', 'v')
    expect(existsSync(join(directory, 'k'))).toBe(true)
    const seen: string[] = []
    await fs.watch((event, key) => seen.push(`${event} ${key}`))
    writeFileSync(join(directory, 'k'), 'by hand')
    expect(await fs.getItem('k')).toBe('by hand')
    await vi.waitFor(() => expect(seen).toContain('update k'), { timeout: 10_000 })
    await fs.dispose()

    const driver = makeDriver({ base })
    await driver.setItem('k', 'v')
    await driver.dispose()
    const log = join(base, 'logs', 'unstorage.log')
    writeFileSync(log, readFileSync(log, 'utf8').replace('"value":"v"', '"value":"w"'))
    await expect(makeDriver({ base, recovery: 'strict' }).getItem('k')).rejects.toMatchObject({
      code: 'FLATLOG_CORRUPT',
    })
  })

  it('has conditions', async () => {
    const [fs, flatlog] = [files[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    for (const storage of [fs, flatlog]) await storage.setItem('k', 'v')
    await fs.setItem('k', 'w', { ifNoneMatch: '*' })
    expect(await fs.getItem('k')).toBe('w')
    await expect(flatlog.setItem('k', 'w', { ifNoneMatch: '*' })).rejects.toThrow()
  })
})

describe('the driver for files of unstorage 2 with atomic: true', () => {
  it('renames a whole file into place', async () => {
    const base = tempDir()
    const storage = createStorage2({ driver: fs2({ base, atomic: true }) })
    const places: number[] = []
    for (const value of ['long', 'v']) {
      await storage.setItem('k', value)
      places.push(statSync(join(base, 'k')).ino)
    }
    expect(places[0]).not.toBe(places[1])
  })
})

describe('the cost of a read and of a small write in the README', () => {
  it('is what the benchmarks last found', () => {
    const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const results = readFileSync(new URL('../../../benchmarks/results.md', import.meta.url), 'utf8')
    const found = (benchmark: string, peer: string) => {
      const section = results.slice(results.indexOf(`## ${benchmark}:`)).split('\n## ')[0] as string
      const rows = section.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
      const column = rows.find((cells) => cells.includes('wall µs each'))?.indexOf('wall µs each') as number
      const us = Number(rows.find((cells) => cells[1] === peer)?.[column]?.replace(',', ''))
      return `${us >= 100 ? Math.round(us) : Number(us.toPrecision(2))} µs`
    }
    for (const [row, benchmark] of [
      ['a small write, process crash survived', 'unstorage-set-1'],
      ['a read', 'unstorage-get'],
    ] as const) {
      expect(page).toContain(
        `| ${row} | ${found(benchmark, 'unstorage + fs')} | ${found(benchmark, 'unstorage + Flatlog')} |`,
      )
    }
  })
})
