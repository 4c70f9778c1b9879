import { copyFileSync, existsSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FlatlogError } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  bytesOf,
  copyOf,
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

/** A missing log is never an empty store if another file shows that there was a log. */

const makeDir = useTempDirectory()
const withBackups = () => twoBackups(makeDir())
const withoutBackups = () => noBackups(makeDir())

describe('a missing log', () => {
  it('is replaced by the backup that goes furthest, and the lost records are reported', async () => {
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

  it('without a mark puts every key in doubt, because its end is unknown', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log', 'store.mark')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2 })
    expect(recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: ['any'] })
  })

  it('is replaced by a whole backup rather than a newer damaged one, whose readable records are applied', async () => {
    const dir = await withBackups()
    const [older, newer] = backupsOf(dir)
    removeFiles(dir, 'store.log')
    spoilLine(dir, 2, newer)
    const { state, recovery } = await recover(dir)
    // The older one has a. In the damaged one, the record that deletes a is readable, and that of b is not.
    expect(state).toEqual({})
    expect(recovery.damage[0]).toMatchObject({ healedFrom: older })
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('is replaced by the readable part of the newest backup if none is whole', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log', backupsOf(dir)[0]!)
    spoilLine(dir, 3, backupsOf(dir)[0]!)
    const { state, recovery } = await recover(dir)
    expect(state).toMatchObject({ b: 2 })
    expect(recovery.clean).toBe(false)
    expect(recovery.inDoubt).toContain('any')
  })

  it('is replaced by a finished generation that was not published, if it goes furthest', async () => {
    const dir = await withBackups()
    renameSync(logOf(dir), unfinishedOf(dir))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery).toMatchObject({ clean: false, source: 'unfinished-generation', inDoubt: [] })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', healedFrom: 'store.log.new' }])
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('is replaced by a backup rather than a finished generation that ends earlier', async () => {
    const dir = await withBackups()
    renameSync(join(logsOf(dir), backupsOf(dir)[0]!), unfinishedOf(dir))
    removeFiles(dir, 'store.log')
    expect((await recover(dir)).state).toEqual({ b: 2 })
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('is replaced by a backup rather than an unfinished generation', async () => {
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
  ] as const)('is refused with %s', async (_what, prepare, without) => {
    const dir = await withoutBackups()
    prepare(dir)
    removeFiles(dir, 'store.log', ...without)
    await refuses(dir, 'FLATLOG_CORRUPT')
    // A main file of that time does not change this: it is never a source of data.
    writeFileSync(join(dir, 'store.json'), '{"a":"of old"}')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it.each([
    ['a torn tail of a log, set aside', 'store.log.quarantine.20250115T130000Z-100'],
    ['the log of format 0 that it was made from', 'store.log.before-flatlog'],
  ])('is refused with %s, which shows that there was a log', async (_what, name) => {
    const dir = await withoutBackups()
    writeFileSync(join(logsOf(dir), name), 'x')
    removeFiles(dir, 'store.log', 'store.mark')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it("is refused with recovery: 'strict'", async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('with files that only look like its own is a new store, and leaves those alone', async () => {
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

describe('a crash while a backup replaces the log', () => {
  it('is recovered by the next opening, which starts again', async () => {
    const dir = await withBackups()
    removeFiles(dir, 'store.log')
    writeFileSync(join(logsOf(dir), 'store.log.first'), 'half of a copy')
    expect((await recover(dir)).state).toEqual({ b: 2 })
  })

  it('right after the copy: a torn tail is cut off in the log, and the backup stays as it is', async () => {
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

describe('an opening that fails after a generation has taken the place of the log', () => {
  const installations: [what: string, make: () => Promise<string>][] = [
    [
      'without a mark, from a backup with a torn tail',
      async () => {
        const dir = await withBackups()
        removeFiles(dir, 'store.log', 'store.mark')
        const newest = join(logsOf(dir), backupsOf(dir)[1] as string)
        truncateSync(newest, statSync(newest).size - 3)
        return dir
      },
    ],
    [
      'from a backup, beside a log that has no readable line',
      async () => {
        const dir = await withBackups()
        writeFileSync(logOf(dir), 'garbage\n'.repeat(20))
        return dir
      },
    ],
    [
      'from an unfinished generation',
      async () => {
        const dir = await withBackups()
        renameSync(logOf(dir), unfinishedOf(dir))
        return dir
      },
    ],
  ]
  const faults = [
    ['any', 'EIO'],
    ['write', 'ENOSPC'],
  ] as const

  it.each(installations)('%s: the next one finds and reports the same loss', async (_what, make) => {
    const image = await make()
    const expected = reportOf(await look(copyOf(image)))
    for (const [kind, code] of faults) {
      let failures = 0
      for (let nth = 1; ; nth++) {
        const dir = copyOf(image)
        const before = filesOf(dir)
        const fileSystem = new FaultyFileSystem()
        fileSystem.fail(kind, systemError(code), { on: /store\.(log|mark)/, nth })
        const opened = await openOn(machine({ fileSystem }), { dir, mainFile: false }).catch((error: Error) => error)
        if (!(opened instanceof Error)) {
          await opened.close()
          break
        }
        failures++
        const where = `after ${kind} ${nth} failed: ${opened.message}`
        expect(fileSystem.openFiles.size, where).toBe(0)
        // A call that failed may have been one that removes a file.
        expect(filesOf(dir), where).toMatchObject(before)
        // An owner that met a failed sync notes that, so the end is in doubt whatever the mark says.
        const isFailed = (opened as FlatlogError).code === 'FLATLOG_FAILED'
        const inDoubt = isFailed ? ['any'] : expected.inDoubt
        expect(reportOf(await look(dir)), where).toEqual({ ...expected, inDoubt })
      }
      if (kind === 'any') expect(failures).toBeGreaterThan(10)
    }
  })

  /** Without the notes: after a failed sync they also name that. */
  function reportOf({ state, recovery }: Awaited<ReturnType<typeof look>>) {
    const { notes: _, ...report } = recovery
    return { state, ...report }
  }
})
