import { copyFileSync, existsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore } from '../support/core.js'
import { copyAsOfNow, stateOf } from '../support/files.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  backupsOf,
  bytesOf,
  closed,
  copyOf,
  damagedOf,
  linesOf,
  logOf,
  logsOf,
  look,
  markOf,
  noBackups,
  open,
  recover,
  refuses,
  removeFiles,
  spoilLine,
  twoBackups,
  unfinishedOf,
  writeLines,
} from './installation.js'

/** A log that is empty, all zeros, or of another store is never opened as an empty store. */

const makeDir = useTempDirectory()
const withBackups = () => twoBackups(makeDir())
const withoutBackups = () => noBackups(makeDir())

describe('an empty log', () => {
  it('with backups is treated as missing', async () => {
    const dir = await withBackups()
    truncateSync(logOf(dir), 0)
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: { b: 2 }, source: 'backup' })
  })

  it('with a finished generation is replaced by it', async () => {
    const dir = await withoutBackups()
    copyFileSync(logOf(dir), unfinishedOf(dir))
    truncateSync(logOf(dir), 0)
    expect((await recover(dir)).state).toEqual({ a: 1 })
  })

  it('with a mark is refused', async () => {
    const dir = await withoutBackups()
    truncateSync(logOf(dir), 0)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('with the log of format 0 that it was made from is refused', async () => {
    const dir = makeDir()
    await closed(dir, (store) => store.set('a', 1))
    writeFileSync(join(logsOf(dir), 'store.log.before-flatlog'), '{"timestamp":"x","op":"SET","key":"a","value":1}\n')
    removeFiles(dir, 'store.mark')
    truncateSync(logOf(dir), 0)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('of a store that was never closed is refused, because a first log is never created empty', async () => {
    const dir = makeDir()
    const store = await openStore({ dir })
    await store.set('a', 1)
    const image = copyOf(dir)
    await store.close()
    truncateSync(logOf(image), 0)
    await refuses(image, 'FLATLOG_CORRUPT')
  })
})

describe('a log of zeros', () => {
  const zero = (dir: string) => writeFileSync(logOf(dir), Buffer.alloc(bytesOf(dir, 'store.log').length))

  it('with a mark is refused', async () => {
    const dir = await withoutBackups()
    zero(dir)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('without any other file is refused', async () => {
    const dir = await withoutBackups()
    zero(dir)
    removeFiles(dir, 'store.mark')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('with a main file that was written from it is refused, because a main file never heals', async () => {
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

  it('is healed from a backup that has the record of the mark', async () => {
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

  it('is replaced by a backup that ends earlier, with a report', async () => {
    const dir = await withBackups()
    const size = bytesOf(dir, 'store.log').length
    zero(dir)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: ['any'] })
    const healedFrom = backupsOf(dir)[1]
    expect(recovery.damage[0]).toEqual({ file: 'store.log', line: 1, offset: 0, bytes: size, healedFrom })
    expect(damagedOf(dir).map((name) => bytesOf(dir, name))).toContainEqual(Buffer.alloc(size))
  })

  it('of a killed owner puts every key in doubt, because it may have had records after the mark', async () => {
    const dir = makeDir()
    const store = await open(dir)
    await store.set('a', 1)
    await store.compact()
    await store.set('a', 2)
    const image = copyAsOfNow(dir, join(makeDir(), 'image'))
    await store.close()
    zero(image)
    const { state, recovery } = await recover(image)
    expect(state).toEqual({ a: 1 })
    expect(recovery).toMatchObject({ source: 'backup', inDoubt: ['any'] })
  })

  it('or with a single record that nothing says was on disk is treated as missing', async () => {
    const dir = await withBackups()
    writeLines(dir, ['garbage', linesOf(dir)[1]!])
    truncateSync(logOf(dir), bytesOf(dir, 'store.log').length - 1)
    removeFiles(dir, 'store.mark', backupsOf(dir)[1]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: ['any'] })
    expect(damagedOf(dir)).not.toEqual([])
  })

  it('with unreadable backups is refused', async () => {
    const dir = await withBackups()
    zero(dir)
    for (const name of backupsOf(dir)) writeFileSync(join(logsOf(dir), name), Buffer.alloc(100))
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it("is refused with recovery: 'strict'", async () => {
    const dir = await withBackups()
    zero(dir)
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })
})

describe('the log of another store in the place of the log', () => {
  const otherStore = () =>
    closed(makeDir(), async (store) => {
      for (const key of ['x', 'y', 'z']) await store.set(key, key)
    })

  it('counts, whatever the other files are: the mark and every unused backup are reported', async () => {
    const dir = await withBackups()
    const before = backupsOf(dir).map((name) => bytesOf(dir, name))
    writeLines(dir, linesOf(await otherStore()))
    const store = await open(dir)
    expect(stateOf(store)).toEqual({ x: 'x', y: 'y', z: 'z' })
    expect(store.recovery).toMatchObject({ clean: false, source: 'log', inDoubt: [] })
    expect(store.recovery.damage).toMatchObject([{ file: 'store.mark' }])
    for (const name of backupsOf(dir)) {
      expect(store.recovery.notes).toContain(`The backup ${name} belongs to another store and was not used.`)
    }
    const size = (name: string) => bytesOf(dir, name).length
    expect((await store.verify()).damage).toEqual(
      backupsOf(dir)
        .toReversed()
        .map((file) => ({ file, line: 1, offset: 0, bytes: size(file) })),
    )
    await store.close()
    expect(backupsOf(dir).map((name) => bytesOf(dir, name))).toEqual(before)
    expect((await look(dir)).recovery.clean).toBe(true)
  })

  it('is not healed from the mark or the backups if it is damaged, and they are reported', async () => {
    const dir = await withBackups()
    writeLines(dir, linesOf(await otherStore()))
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ x: 'x', z: 'z' })
    expect(recovery.damage.map(({ file, healedFrom }) => [file, healedFrom])).toEqual([
      ['store.mark', undefined],
      ['store.log', undefined],
    ])
    for (const name of backupsOf(dir)) expect(recovery.notes.join('\n')).toContain(name)
  })

  it('counts against the mark alone: the mark is reported, and the next opening is clean', async () => {
    const dir = await withoutBackups()
    const other = await closed(makeDir(), (store) => store.set('x', 1))
    copyFileSync(logOf(other), logOf(dir))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ x: 1 })
    expect(recovery.damage).toMatchObject([{ file: 'store.mark' }])
  })

  it('is not healed with records from a backup of this store', async () => {
    const dir = await withBackups()
    const other = await otherStore()
    writeLines(dir, linesOf(other))
    copyFileSync(markOf(other), markOf(dir))
    spoilLine(dir, 2)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ y: 'y', z: 'z' })
    expect(recovery.damage.every((each) => each.healedFrom === undefined)).toBe(true)
  })
})

describe('a missing log with a backup of another store', () => {
  const newest = 'store.log.backup.20990101T000000Z-0000000000000009'
  const putForeign = async (dir: string) => {
    const other = await closed(makeDir(), async (store) => {
      for (let number = 1; number <= 9; number++) await store.set('x', number)
    })
    copyFileSync(logOf(other), join(logsOf(dir), newest))
  }

  it('is not replaced by that backup even if it goes furthest, and the backup is reported', async () => {
    const dir = await withBackups()
    const [, own] = backupsOf(dir)
    await putForeign(dir)
    removeFiles(dir, 'store.log')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery.damage[0]).toMatchObject({ file: 'store.log', healedFrom: own })
    expect(recovery.notes).toContain(`The backup ${newest} belongs to another store and was not used.`)
  })

  it('and no other file is refused, with the advice to move the mark if the backup is right', async () => {
    const dir = await withoutBackups()
    await putForeign(dir)
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_CORRUPT')
    await expect(open(dir)).rejects.toThrow(`move ${markOf(dir)} away`)
    removeFiles(dir, 'store.mark')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ x: 9 })
    expect(recovery).toMatchObject({ source: 'backup', inDoubt: ['any'] })
  })
})
