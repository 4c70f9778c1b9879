import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

/**
 * Keys that the driver must accept.
 * unstorage itself refuses keys with `.` or `..` as a segment.
 */
const ODD_KEYS = [
  ...['a', 'a:b', 'a:b:c', 'A', 'a:B', 'CON', 'nul.txt', 'aux:prn', 'trailing.', 'trailing ', ' ', '...', 'a..b'],
  ...[
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'ключ',
    '键:值',
    '😀',
    'é',
    'e\u0301',
    '\u2028',
    'line\nbreak',
    '"',
    "'",
  ],
  ...['{"json":1}', '%2e%2e', '*', '<>|', '\ud800', 'x'.repeat(10_000), `deep${':d'.repeat(500)}`, 'meta$x'],
]

describe.each(majors)('keys with unstorage $major', ({ make }) => {
  it('are kept apart even if they could not be file names', async () => {
    const base = tempDir()
    const first = makeDriver({ base })
    const storage = make(first)
    for (const key of ODD_KEYS) await storage.setItem(key, `of ${key}`)
    for (const driver of [first, makeDriver({ base })]) {
      const reopened = make(driver)
      for (const key of ODD_KEYS) {
        expect(await reopened.getItem(key)).toBe(`of ${key}`)
        expect(await reopened.hasItem(key)).toBe(true)
      }
      expect((await reopened.getKeys()).sort()).toEqual([...ODD_KEYS].sort())
      await driver.dispose()
    }
    const again = make(makeDriver({ base }))
    await again.removeItem('a')
    expect(await again.getItem('a:b')).toBe('of a:b')
    expect(await again.getItem('A')).toBe('of A')
    expect(await again.hasItem('toString')).toBe(false)
  })

  it('with .. are refused by unstorage, but are ordinary keys for the driver', async () => {
    const driver = makeDriver({ base: tempDir() })
    await expect(make(driver).setItem('../up', 1)).rejects.toThrow('Invalid key')
    for (const key of ['..', '../up', 'a:..:b', '.', '']) {
      await driver.setItem(key, `of ${key}`)
      expect(await driver.getItem(key)).toBe(`of ${key}`)
    }
    expect(await driver.getKeys()).toHaveLength(5)
  })

  it('name the same item in every spelling that unstorage normalizes', async () => {
    const storage = make(makeDriver({ base: tempDir() }))
    await storage.setItem('/a//b/', 1)
    for (const key of ['a:b', 'a/b', 'a\\b', ':a:b:', 'a/b?query']) expect(await storage.getItem(key)).toBe(1)
    expect(await storage.getKeys()).toEqual(['a:b'])
  })
})

describe('listing the keys below a base', () => {
  it('reads only that range of the log', async () => {
    const base = tempDir()
    const driver = makeDriver({ base, cacheBytes: 0, backups: 0, mainFile: false, times: false })
    const items = (group: string) =>
      Array.from({ length: 2000 }, (_, index) => ({ key: `${group}:${index}`, value: 'v'.repeat(50) }))
    for (const group of ['a', 'b', 'c']) await driver.setItems(items(group))
    const log = await driver.getInstance()
    await log.compact()
    // Reading this range would find the damage.
    overwrite(join(base, 'logs', 'unstorage.log'), '"a:1000":"', '"a:1000":X')
    expect(await driver.getKeys('b')).toHaveLength(2000)
    await driver.clear('c')
    expect(await driver.getKeys('c')).toEqual([])
    await expect(driver.getKeys('a')).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
  })
})

function overwrite(path: string, before: string, after: string): void {
  const offset = readFileSync(path).indexOf(before)
  expect(offset).toBeGreaterThan(0)
  const file = openSync(path, 'r+')
  writeSync(file, after, offset)
  closeSync(file)
}
