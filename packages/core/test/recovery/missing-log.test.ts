import { copyFileSync, existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  bytesOf,
  filesOf,
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
} from './installation.js'

/** The log is gone. Whatever stands beside it shows that there was data: never an empty store. */

const makeDir = useTempDirectory()
const withBackups = () => twoBackups(makeDir())
const withoutBackups = () => noBackups(makeDir())

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

  it('beside backups and without a mark: nothing says how far it went, so everything is in doubt', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log', 'store.mark')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: ['any'] })
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
