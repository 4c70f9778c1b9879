import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Store, withChecksum } from '../support/core.js'
import { useRejectionWatch } from '../support/rejections.js'
import { splitLines } from './lines.js'
import { MemoryDisk } from './memory-disk.js'
import { openAgain } from './opening.js'
import { backupsOf, foreignStore, LOG, MAIN, MARK } from './subjects.js'

/**
 * `verify` must report files that are damaged while the store is open.
 * It rewrites those that it can.
 */

useRejectionWatch()

let disk: MemoryDisk
let store: Store
let foreign: MemoryDisk

beforeAll(async () => {
  foreign = await foreignStore()
})

afterEach(() => store.close())

beforeEach(async () => {
  disk = new MemoryDisk()
  store = await openAgain(disk, {})
  for (const round of [1, 2, 3]) {
    await store.batch(['a', 'b', 'c'].map((key) => ({ op: 'SET', key, value: { round, key } })))
    await store.compact()
    await store.set(`only ${round}`, round)
  }
  await store.close()
  store = await openAgain(disk, {})
})

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
const text = (path: string) => disk.bytesOf(path).toString()
const put = (path: string, bytes: string | Buffer) => disk.put(path, Buffer.from(bytes as string))
const damage = async () => (await store.verify()).damage

async function reopen(): Promise<void> {
  await store.close()
  store = await openAgain(disk, {})
}

async function expectWhole(): Promise<void> {
  expect(await store.verify()).toMatchObject({ ok: true, damage: [] })
}

/** The report of a file that is missing or wholly different. */
const whole = (path: string, bytes = 0) => ({ file: nameOf(path), line: 1, offset: 0, bytes })

test('undamaged files are not reported', async () => {
  await expectWhole()
  await store.set('a', 1)
  await expectWhole()
  await store.compact()
  await expectWhole()
})

describe('the mark', () => {
  const damages: [string, () => void][] = [
    ['is gone', () => disk.remove(MARK)],
    ['has a flipped bit', () => put(MARK, text(MARK).replace('seq', 'req'))],
    ['is empty', () => put(MARK, '')],
    ['is of another store', () => put(MARK, foreign.bytesOf(MARK))],
    ['is the header of the log', () => put(MARK, splitLines(disk.bytesOf(LOG))[0]?.bytes as Buffer)],
  ]

  test.each(damages)('%s: it is reported and rewritten, even without a change of the store', async (_, harm) => {
    harm()
    const bytes = disk.has(MARK) ? disk.bytesOf(MARK).length : 0
    expect(await damage()).toEqual([whole(MARK, bytes)])
    expect(await damage()).toEqual([whole(MARK, bytes)])
    await reopen()
    expect(store.recovery).toMatchObject({ clean: true, notes: [] })
    await expectWhole()
  })

  test('that is an earlier one of the same store is found while the process that wrote a later one is open', async () => {
    const earlier = text(MARK)
    await store.set('a', 'later')
    await store.compact()
    put(MARK, earlier)
    expect(await damage()).toEqual([whole(MARK, earlier.length)])
  })
})

describe('the main file', () => {
  test.each<[string, (text: string) => string | Buffer]>([
    ['a bit is flipped', (text) => Buffer.from(text).fill(text.charCodeAt(40) ^ 1, 40, 41)],
    ['a line is missing', (text) => text.split('\n').toSpliced(2, 1).join('\n')],
    ['its end is missing', (text) => text.slice(0, -3)],
    ['it is empty', () => ''],
    ['a value was edited', (text) => text.replace('"round":3', '"round":4')],
    ['another program wrote it', () => '{"any":"JSON"}'],
  ])('%s: it is reported as a whole and rewritten', async (_, change) => {
    const before = text(MAIN)
    const changed = Buffer.from(change(before) as string)
    put(MAIN, changed)
    expect(await damage()).toEqual([whole(MAIN, changed.length)])
    expect(await damage()).toEqual([whole(MAIN, changed.length)])
    await reopen()
    expect(text(MAIN)).toBe(before)
    await expectWhole()
  })

  test('that is missing is reported, noted at the next opening, and written again at close', async () => {
    disk.remove(MAIN)
    expect(await damage()).toEqual([whole(MAIN)])
    await reopen()
    await expectWhole()
    disk.remove(MAIN)
    await store.close()
    disk.has(MAIN) && disk.remove(MAIN)
    store = await openAgain(disk, {})
    expect(store.recovery).toMatchObject({ clean: true, notes: [expect.stringContaining('store.json is gone')] })
    await reopen()
    expect(disk.has(MAIN)).toBe(true)
  })

  test('is checked by its checksum even if the store has later records', async () => {
    await store.set('a', 'later')
    const changed = text(MAIN).replace('"round":3', '"round":4')
    put(MAIN, changed)
    expect(await damage()).toEqual([whole(MAIN, changed.length)])
    await store.compact()
    expect(text(MAIN)).toContain('"a": "later"')
    await expectWhole()
  })

  test('of a killed owner, which the mark does not name, is not checked, and is rewritten', async () => {
    await store.set('a', 'later')
    const killed = disk.copy()
    const older = text(MAIN)
    await store.close()
    disk = killed
    store = await openAgain(disk, {})
    for (const any of ['{"any":"JSON"}', 'no JSON', '', older]) {
      put(MAIN, any)
      await expectWhole()
    }
    await reopen()
    expect(text(MAIN)).toContain('"a": "later"')
    put(MAIN, older)
    expect(await damage()).toEqual([whole(MAIN, older.length)])
  })

  test('is left alone with mainFile: false', async () => {
    await store.close()
    store = await openAgain(disk, { mainFile: false })
    await store.set('a', 'later')
    await store.compact()
    put(MAIN, 'another program wrote this')
    await expectWhole()
  })
})

describe('the backups', () => {
  test('a removed one is not reported, by verify or at the next opening', async () => {
    for (const removed of backupsOf(disk)) {
      disk.remove(removed)
      await expectWhole()
      await reopen()
      expect(store.recovery).toMatchObject({ clean: true, notes: [] })
      await expectWhole()
    }
    await store.set('a', 1)
    await store.compact()
    await expectWhole()
    expect(backupsOf(disk)).toHaveLength(1)
  })

  test('a replaced one is reported', async () => {
    const [first = '', second = ''] = backupsOf(disk)
    const right = disk.bytesOf(second)
    put(second, foreign.bytesOf(LOG))
    expect(await damage()).toEqual([whole(second, foreign.bytesOf(LOG).length)])
    for (const other of [disk.bytesOf(first), disk.bytesOf(LOG), right.subarray(0, splitLines(right).at(-1)?.offset)]) {
      put(second, other)
      expect(await damage()).toMatchObject([{ file: nameOf(second), line: splitLines(other).length + 1, bytes: 0 }])
    }
    put(second, right)
    await expectWhole()
  })

  test('one of a newer version is reported, and the others are read', async () => {
    const [first = '', second = ''] = backupsOf(disk)
    const line = '{"timestamp":"2025-01-15T12:00:00.000Z","seq":1,"op":"CHECKPOINT","format":2'
    put(first, `${withChecksum(line)}\n`)
    put(second, '')
    expect(await damage()).toMatchObject([{ file: nameOf(second) }, { file: nameOf(first), line: 1, offset: 0 }])
  })
})

describe('an open log is reported if', () => {
  test('it is missing, or another file has its name', async () => {
    const other = disk.bytesOf(LOG)
    disk.remove(LOG)
    expect(await damage()).toEqual([whole(LOG)])
    put(LOG, other)
    expect(await damage()).toEqual([whole(LOG, other.length)])
  })

  test('it has lost its last records', async () => {
    await store.set('a', 1)
    const lines = splitLines(disk.bytesOf(LOG))
    const last = lines.at(-1)!
    put(LOG, disk.bytesOf(LOG).subarray(0, last.offset))
    expect(await damage()).toEqual([{ file: 'store.log', line: last.number, offset: last.offset, bytes: 0 }])
  })
})

test('a read-only store verifies its files and changes none of them', async () => {
  await store.close()
  const before = disk.paths
  store = await openAgain(disk, { readOnly: true })
  expect(await store.verify()).toMatchObject({ ok: true, damage: [] })
  expect(disk.paths).toEqual(before)
})
