import { copyFileSync, existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/index.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  bytesOf,
  closed,
  copyOf,
  filesOf,
  linesOf,
  logOf,
  logsOf,
  look,
  markOf,
  open,
  recover,
  refuses,
  removeFiles,
  spoilLine,
  writeLines,
} from './installation.js'

/** The log is gone, empty or zeros. Whatever stands beside it shows that there was data: never an empty store. */

const makeDir = useTempDirectory()
const unfinishedOf = (dir: string) => join(logsOf(dir), 'store.log.new')

/** Two backups: the first reaches record 1, the second record 3; the log reaches record 4. */
const withBackups = () =>
  closed(makeDir(), async (store) => {
    await store.set('a', 1)
    await store.compact()
    await store.set('b', 2)
    await store.delete('a')
    await store.compact()
    await store.set('c', 3)
  })

/** A directory in which nothing but the log and its mark stand. */
const withoutBackups = () => closed(makeDir(), (store) => store.set('a', 1))

describe('the log is gone', () => {
  it('beside backups: the one that reaches furthest takes its place, and what it lacks is reported', async () => {
    const dir = await withBackups()
    const backups = backupsOf(dir)
    const before = backups.map((name) => bytesOf(dir, name))
    removeFiles(dir, 'store.log')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup' })
    expect(recovery.damage).toContainEqual({ file: 'store.log', line: 1, offset: 0, bytes: 0, healedFrom: backups[1] })
    // The mark says that there was a fourth record.
    expect(recovery.inDoubt).toEqual(['any'])
    expect(recovery.notes.join('\n')).toContain('Record 4')
    expect(backups.map((name) => bytesOf(dir, name))).toEqual(before)
  })

  it('beside backups and without a mark', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log', 'store.mark')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: [] })
  })

  it('beside a backup that is damaged: an older whole one goes before it, with what can be read of the other', async () => {
    const dir = await withBackups()
    const [older, newer] = backupsOf(dir)
    removeFiles(dir, 'store.log')
    spoilLine(dir, 2, newer)
    const { state, recovery } = await recover(dir)
    // The older one has a; of the damaged one the record that deletes it can still be read, and the one of b cannot.
    expect(state).toEqual({})
    expect(recovery.damage[0]).toMatchObject({ healedFrom: older })
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('beside backups of which none is whole: the newest is saved as far as it can be read', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log', backupsOf(dir)[0]!)
    spoilLine(dir, 3, backupsOf(dir)[0]!)
    const { state, recovery } = await recover(dir)
    expect(state).toMatchObject({ b: 2 })
    expect(recovery.clean).toBe(false)
    expect(recovery.inDoubt).toContain('any')
  })

  it('beside a finished generation that was not published yet: that one reaches furthest', async () => {
    const dir = await withBackups()
    renameSync(logOf(dir), unfinishedOf(dir))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery).toMatchObject({ clean: false, source: 'unfinished-generation', inDoubt: [] })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', healedFrom: 'store.log.new' }])
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('beside a finished generation that reaches less than a backup: the backup goes before it', async () => {
    const dir = await withBackups()
    renameSync(join(logsOf(dir), backupsOf(dir)[0]!), unfinishedOf(dir))
    removeFiles(dir, 'store.log')
    expect((await recover(dir)).state).toEqual({ b: 2 })
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('beside an unfinished generation and a backup: the backup', async () => {
    const dir = await withBackups()
    copyFileSync(logOf(dir), unfinishedOf(dir))
    truncateSync(unfinishedOf(dir), bytesOf(dir, 'store.log').length - 3)
    removeFiles(dir, 'store.log')
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: { b: 2 }, source: 'backup' })
  })

  it.each([
    [
      'an unfinished generation alone',
      (dir: string) => writeFileSync(unfinishedOf(dir), bytesOf(dir, 'store.log').subarray(0, 40)),
      ['store.mark'],
    ],
    [
      'an unfinished generation of zeros',
      (dir: string) => writeFileSync(unfinishedOf(dir), Buffer.alloc(500)),
      ['store.mark'],
    ],
    ['a mark alone', () => {}, []],
    ['a damaged mark alone', (dir: string) => writeFileSync(markOf(dir), 'garbage'), []],
    [
      'a damaged log that was kept',
      (dir: string) => writeFileSync(join(logsOf(dir), 'store.log.damaged.1'), 'x'),
      ['store.mark'],
    ],
  ] as const)('beside %s: opening is refused', async (_what, prepare, without) => {
    const dir = await withoutBackups()
    prepare(dir)
    removeFiles(dir, 'store.log', ...without)
    await refuses(dir, 'FLATLOG_CORRUPT')
    // A main file of that time is a view, and no reason to begin with it.
    writeFileSync(join(dir, 'store.json'), '{"a":"of old"}')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it.each([
    ['the torn end of one, kept aside', 'store.log.quarantine.20250115T130000Z-100'],
    ['the log of the original system that it was made from', 'store.log.before-flatlog'],
  ])('beside %s: there was a log, so opening is refused', async (_what, name) => {
    const dir = await withoutBackups()
    writeFileSync(join(logsOf(dir), name), 'x')
    removeFiles(dir, 'store.log', 'store.mark')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it("is not replaced by anything with recovery: 'strict'", async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('beside files that only look like its own: a new store, and they are left alone', async () => {
    const dir = await withoutBackups()
    removeFiles(dir, 'store.log', 'store.mark')
    for (const name of [
      'store.log.backup.old',
      'store.log.backup.20250115T130000Z-1',
      'storex.mark',
      'xstore.log.new',
      'notes.txt',
    ]) {
      writeFileSync(join(logsOf(dir), name), name)
    }
    const before = filesOf(dir)
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: {}, source: 'new' })
    expect(filesOf(dir)).toMatchObject(before)
  })
})

describe('the log is empty', () => {
  it('beside backups: as if it were gone', async () => {
    const dir = await withBackups()
    truncateSync(logOf(dir), 0)
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: { b: 2 }, source: 'backup' })
  })

  it('beside a finished generation', async () => {
    const dir = await withoutBackups()
    copyFileSync(logOf(dir), unfinishedOf(dir))
    truncateSync(logOf(dir), 0)
    expect((await recover(dir)).state).toEqual({ a: 1 })
  })

  it('beside a mark: opening is refused', async () => {
    const dir = await withoutBackups()
    truncateSync(logOf(dir), 0)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('beside the log of the original system that it was made from: opening is refused', async () => {
    const dir = makeDir()
    await closed(dir, (store) => store.set('a', 1))
    writeFileSync(join(logsOf(dir), 'store.log.before-flatlog'), '{"timestamp":"x","op":"SET","key":"a","value":1}\n')
    removeFiles(dir, 'store.mark')
    truncateSync(logOf(dir), 0)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('of a store that was never closed: opening is refused, as a first log is never made empty', async () => {
    const dir = makeDir()
    const store = await openStore({ dir })
    await store.set('a', 1)
    const image = copyOf(dir)
    await store.close()
    truncateSync(logOf(image), 0)
    await refuses(image, 'FLATLOG_CORRUPT')
  })
})

describe('the log is nothing but zeros', () => {
  const zero = (dir: string) => writeFileSync(logOf(dir), Buffer.alloc(bytesOf(dir, 'store.log').length))

  it('beside a mark: opening is refused', async () => {
    const dir = await withoutBackups()
    zero(dir)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('and nothing beside it: opening is refused', async () => {
    const dir = await withoutBackups()
    zero(dir)
    removeFiles(dir, 'store.mark')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('beside a main file that was written from it: opening is refused, as that never heals anything', async () => {
    const dir = makeDir()
    const store = await openStore({ dir })
    await store.set('a', 1)
    await store.close()
    expect(existsSync(join(dir, 'store.json'))).toBe(true)
    zero(dir)
    await refuses(dir, 'FLATLOG_CORRUPT')
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('beside a backup that reaches what the mark names: healed from it', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.compact()
    })
    const [backup] = backupsOf(dir)
    zero(dir)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1 })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 1, offset: 0, healedFrom: backup }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('beside a backup that reaches less: goes on from it with a report, or refuses; never an empty store', async () => {
    const dir = await withBackups()
    zero(dir)
    const outcome = await recover(dir).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'FLATLOG_CORRUPT' })
    else expect(outcome).toMatchObject({ state: { b: 2 }, recovery: { inDoubt: ['any'] } })
  })
})

describe('an unfinished generation beside a log', () => {
  it.each([
    ['whole', (dir: string) => copyFileSync(join(logsOf(dir), backupsOf(dir)[0]!), unfinishedOf(dir))],
    ['cut', (dir: string) => writeFileSync(unfinishedOf(dir), bytesOf(dir, 'store.log').subarray(0, 50))],
    ['empty', (dir: string) => writeFileSync(unfinishedOf(dir), '')],
  ])('that is %s is deleted: the log counts', async (_what, make) => {
    const dir = await withBackups()
    make(dir)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery).toMatchObject({ clean: true, source: 'log' })
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('is not deleted when the log cannot be opened: it may be all there is', async () => {
    const dir = await withoutBackups()
    copyFileSync(logOf(dir), unfinishedOf(dir))
    writeFileSync(logOf(dir), 'garbage')
    await refuses(dir, 'FLATLOG_CORRUPT')
    expect(existsSync(unfinishedOf(dir))).toBe(true)
  })

  it('of the very first log is deleted too', async () => {
    const dir = await withoutBackups()
    writeFileSync(join(logsOf(dir), 'store.log.first'), 'half')
    expect((await recover(dir)).state).toEqual({ a: 1 })
    expect(existsSync(join(logsOf(dir), 'store.log.first'))).toBe(false)
  })

  it('of the very first log without one: a new store', async () => {
    const dir = makeDir()
    await closed(dir, async () => {})
    renameSync(logOf(dir), join(logsOf(dir), 'store.log.first'))
    rmSync(markOf(dir))
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: {}, source: 'new' })
  })
})

describe('the log of another store in its place', () => {
  it('counts, and the mark is reported; the next opening is clean', async () => {
    const dir = await withoutBackups()
    const other = await closed(makeDir(), (store) => store.set('x', 1))
    copyFileSync(logOf(other), logOf(dir))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ x: 1 })
    expect(recovery.damage).toMatchObject([{ file: 'store.mark' }])
  })

  it('is not healed with records of the backups of this one', async () => {
    const dir = await withBackups()
    const other = await closed(makeDir(), async (store) => {
      for (const key of ['x', 'y', 'z']) await store.set(key, key)
    })
    writeLines(dir, linesOf(other))
    spoilLine(dir, 2)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ y: 'y', z: 'z' })
    expect(recovery.damage.every((each) => each.healedFrom === undefined)).toBe(true)
  })
})

describe('a crash while a backup takes the place of the log', () => {
  it('leaves what the next opening begins with again', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log')
    writeFileSync(join(logsOf(dir), 'store.log.first'), 'half of a copy')
    expect((await recover(dir)).state).toEqual({ b: 2 })
  })

  it('and one right behind it: the torn tail of the backup is cut in the log and not in the backup', async () => {
    const dir = await withBackups()
    const [, newest] = backupsOf(dir)
    renameSync(logOf(dir), join(dir, 'away'))
    copyFileSync(join(logsOf(dir), newest!), logOf(dir))
    append(dir, '{"torn')
    rmSync(markOf(dir))
    const backup = bytesOf(dir, newest!)
    const store = await open(dir)
    await store.set('d', 4)
    await store.close()
    expect(bytesOf(dir, newest!).equals(backup)).toBe(true)
    expect((await look(dir)).state).toEqual({ b: 2, d: 4 })
  })
})
