import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createStorage as createStorage1, type Storage } from 'unstorage'
import fs1 from 'unstorage/drivers/fs'
import { createStorage as createStorage2 } from 'unstorage2'
import fs2 from 'unstorage2/drivers/fs'
import { describe, expect, it, vi } from 'vitest'
import { advanceClock, majors, makeDriver, records, tempDir } from './helpers.js'

/**
 * Checks the statements of the README about unstorage's fs driver.
 * So we notice when that driver changes.
 */

const fsStorage: Record<1 | 2, (base: string) => Storage> = {
  1: (base) => createStorage1({ driver: fs1({ base }) }),
  2: (base) => createStorage2({ driver: fs2({ base }) }) as never as Storage,
}

describe.each(majors)('compared to the fs driver of unstorage $major, Flatlog', ({ major, make }) => {
  it('stores a key and the keys below it, in either order, and long keys', async () => {
    const [fs, flatlog] = [fsStorage[major](tempDir()), make(makeDriver({ base: tempDir() }))]
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

  it('expires items', async () => {
    const [fs, flatlog] = [fsStorage[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    for (const storage of [fs, flatlog]) await storage.setItem('k', 'v', { ttl: 1 })
    advanceClock(60_000)
    expect(await fs.getItem('k')).toBe('v')
    expect(await flatlog.getItem('k')).toBeNull()
  })

  it('writes all of a batch or nothing', async () => {
    const base = tempDir()
    const [fs, flatlog] = [fsStorage[major](tempDir()), make(makeDriver({ base }))]
    const items = [
      { key: 'k', value: 'v' },
      // The key is too long for a file name, and the value for a record.
      { key: 'x'.repeat(300), value: 'y'.repeat(65 * 1024 * 1024) },
    ]
    for (const storage of [fs, flatlog]) await expect(storage.setItems(items)).rejects.toThrow()
    expect(await flatlog.getItem('k')).toBeNull()
    expect(records(base)).toEqual([])
    await vi.waitFor(async () => expect(await fs.getItem('k')).toBe('v'))
  })

  it('does not overwrite data in place', async () => {
    const [directory, base] = [tempDir(), tempDir()]
    const flatlog = make(makeDriver({ base }))
    const inodes: number[] = []
    for (const value of ['long', 'v']) {
      await fsStorage[major](directory).setItem('k', value)
      inodes.push(statSync(join(directory, 'k')).ino)
      await flatlog.setItem('k', value)
    }
    expect(inodes[0]).toBe(inodes[1])
    expect(records(base).map(({ value }) => value)).toEqual(['long', 'v'])
  })

  it('detects edits by other programs as damage', async () => {
    const [directory, base] = [tempDir(), tempDir()]
    const fs = fsStorage[major](directory)
    await fs.setItem('k', 'v')
    expect(existsSync(join(directory, 'k'))).toBe(true)
    const seen: string[] = []
    await fs.watch((event, key) => seen.push(`${event} ${key}`))
    writeFileSync(join(directory, 'k'), 'edited')
    expect(await fs.getItem('k')).toBe('edited')
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

  it('checks conditions', async () => {
    const [fs, flatlog] = [fsStorage[major](tempDir()), make(makeDriver({ base: tempDir() }))]
    for (const storage of [fs, flatlog]) await storage.setItem('k', 'v')
    await fs.setItem('k', 'w', { ifNoneMatch: '*' })
    expect(await fs.getItem('k')).toBe('w')
    await expect(flatlog.setItem('k', 'w', { ifNoneMatch: '*' })).rejects.toThrow()
  })
})

describe('the fs driver of unstorage 2 with atomic: true', () => {
  it('renames a complete file into place', async () => {
    const base = tempDir()
    const storage = createStorage2({ driver: fs2({ base, atomic: true }) })
    const inodes: number[] = []
    for (const value of ['long', 'v']) {
      await storage.setItem('k', value)
      inodes.push(statSync(join(base, 'k')).ino)
    }
    expect(inodes[0]).not.toBe(inodes[1])
  })
})

describe('the times of a read and of a small write in the README', () => {
  it('are those of the last benchmark results', () => {
    const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const results = readFileSync(new URL('../../../benchmarks/results.md', import.meta.url), 'utf8')
    const timeOf = (benchmark: string, peer: string) => {
      const section = results.slice(results.indexOf(`## ${benchmark}:`)).split('\n## ')[0] as string
      const rows = section.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
      const column = rows.find((cells) => cells.includes('wall µs each'))?.indexOf('wall µs each') as number
      const us = Number(rows.find((cells) => cells[1] === peer)?.[column]?.replace(',', ''))
      return `${us >= 100 ? Math.round(us) : Number(us.toPrecision(2))} µs`
    }
    for (const [row, benchmark] of [
      ['a small write that survives a crash of the process', 'unstorage-set-1'],
      ['a read', 'unstorage-get'],
    ] as const) {
      expect(page).toContain(
        `| ${row} | ${timeOf(benchmark, 'unstorage + fs')} | ${timeOf(benchmark, 'unstorage + Flatlog')} |`,
      )
    }
  })
})
