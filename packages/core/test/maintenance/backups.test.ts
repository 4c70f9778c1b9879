import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, linesOf, logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()

const backupsIn = (dir: string) => fileNames(dir).filter((fileName) => fileName.startsWith('store.log.backup.'))

/** Compacts `count` times, with one record before each compaction. */
async function generations(dir: string, count: number, options: { backups?: number } = {}): Promise<void> {
  const clock = new ManualClock('2025-01-15T13:00:00.000Z')
  const store = await openOn(machine({ clock }), { dir, ...options })
  for (let round = 1; round <= count; round++) {
    await store.set('round', round)
    await store.compact()
    clock.advance(1000)
  }
  await store.close()
}

describe('backups', () => {
  test('are the last three generations, named after their time and last record', async () => {
    const dir = directory()
    await generations(dir, 5)
    expect(backupsIn(dir)).toEqual([
      'store.log.backup.20250115T130002Z-0000000000000003',
      'store.log.backup.20250115T130003Z-0000000000000004',
      'store.log.backup.20250115T130004Z-0000000000000005',
    ])
  })

  test('are plain logs: the former log, byte for byte', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.compact()
    await store.set('a', 2)
    const log = readFileSync(logPath(dir))
    await store.compact()
    const newest = backupsIn(dir).at(-1) as string
    expect(readFileSync(join(dir, 'logs', newest)).equals(log)).toBe(true)
    expect(linesOf(join(dir, 'logs', newest)).map(({ seq }) => seq)).toEqual([1, 2])
  })

  test.each([
    [0, 0],
    [1, 1],
    [5, 4],
  ])('are %i with the option backups', async (backups, kept) => {
    const dir = directory()
    await generations(dir, 4, { backups })
    expect(backupsIn(dir)).toHaveLength(kept)
  })

  test.each(['always', 'interval', 'os'] as const)(
    'are on disk to their last record before they get the name of a backup (%s)',
    async (durability) => {
      const fileSystem = new FaultyFileSystem()
      await using store = await openOn(machine({ fileSystem, clock: new ManualClock() }), {
        dir: directory(),
        durability,
      })
      // The former log has the path under which it was opened, so its calls differ from those of the new one.
      const calls = () => fileSystem.calls.map(({ kind, path }) => `${kind} ${path.replace(/.*store\.log\./, '')}`)
      await store.set('before', 1)
      const held = fileSystem.hold('sync', { on: /store\.log\.new$/ })
      const compacted = store.compact()
      await held.reached
      const beforeHold = calls()
      const during = store.set('during', 1)
      if (durability !== 'always') await during
      held.release()
      await Promise.all([compacted, during])
      expect(beforeHold.lastIndexOf('sync first')).toBeGreaterThan(beforeHold.lastIndexOf('write first'))
      const named = calls().findIndex((call) => call.startsWith('link backup.'))
      const lastWrite = calls().lastIndexOf('write first', named)
      expect(lastWrite).toBeGreaterThan(calls().indexOf('write first'))
      expect(calls().slice(lastWrite, named)).toContain('sync first')
    },
  )

  test('are rotated even if the mark cannot be written', async () => {
    const dir = directory()
    await generations(dir, 2, { backups: 2 })
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, backups: 1 })
    fileSystem.fail('rename', systemError('EACCES'), { on: /store\.mark$/, times: 2 })
    await store.set('a', 1)
    await store.compact()
    expect(backupsIn(dir)).toHaveLength(1)
    expect(store.health().problems).toMatchObject([{ error: { code: 'FLATLOG_IO' } }])
    await store.close()
    await using again = await openOn(machine(), { dir, backups: 1 })
    expect(again.recovery).toMatchObject({ clean: true, notes: [] })
    expect(await again.verify()).toMatchObject({ ok: true })
  })

  test('are not rotated while any key is in doubt', async () => {
    const dir = directory()
    await generations(dir, 3)
    const lines = readFileSync(logPath(dir), 'utf8').split('\n')
    writeFileSync(logPath(dir), [`x${lines[0]}`, ...lines.slice(1)].join('\n'))
    for (const fileName of backupsIn(dir)) {
      const path = join(dir, 'logs', fileName)
      writeFileSync(path, `x${readFileSync(path, 'utf8')}`)
    }
    await using store = await openOn(machine(), { dir, backups: 1 })
    expect(store.recovery.inDoubt).not.toEqual([])
    await store.set('a', 1)
    await store.compact()
    expect(backupsIn(dir)).toHaveLength(4)
  })

  test('have different names if two are made in one second', async () => {
    const dir = directory()
    await using store = await openOn(machine({ clock: new ManualClock() }), { dir })
    for (let round = 0; round < 3; round++) {
      await store.set('a', round)
      await store.compact()
    }
    expect(new Set(backupsIn(dir)).size).toBe(3)
  })

  test('rotation never removes a file whose name only resembles that of a backup', async () => {
    const dir = directory()
    await generations(dir, 1)
    const foreign = [
      'store.log.backup.20250115T130000Z-1',
      'store.log.backup.20200101T000000Z-0000000000000001.gz',
      'store.log.backup.20200101T000000Z-000000000000001x',
      'store.log.backup.20200101T000000-0000000000000001',
      'store.log.backup.mine',
      'store.log.backup.',
      'store.log.backup',
      'store2.log.backup.20200101T000000Z-0000000000000001',
      'xstore.log.backup.20200101T000000Z-0000000000000001',
      'store.log.quarantine.20200101T000000Z-5',
      'store.log.damaged.1',
      'notes.txt',
    ]
    for (const fileName of foreign) writeFileSync(join(dir, 'logs', fileName), 'mine')
    await generations(dir, 6)
    expect(foreign.filter((fileName) => !fileNames(dir).includes(fileName))).toEqual([])
    for (const fileName of foreign) expect(readFileSync(join(dir, 'logs', fileName), 'utf8')).toBe('mine')
    expect(backupsIn(dir).filter((fileName) => !foreign.includes(fileName))).toHaveLength(3)
  })

  test('the newest whole one replaces a missing log', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, mainFile: false })
    await store.set('a', 1)
    await store.compact()
    await store.set('a', 2)
    await store.compact()
    await store.close()
    rmSync(logPath(dir))
    await using again = await openOn(machine(), { dir, mainFile: false })
    expect(stateOf(again)).toEqual({ a: 2 })
    expect(again.recovery).toMatchObject({ clean: false, source: 'backup' })
    expect(backupsIn(dir)).toHaveLength(2)
  })

  test('an older whole one is preferred to a damaged one, whose readable records are then applied', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, mainFile: false })
    await store.set('a', 1)
    await store.compact()
    await store.set('a', 2)
    await store.compact()
    await store.close()
    rmSync(logPath(dir))
    const newest = join(dir, 'logs', backupsIn(dir).at(-1) as string)
    const bytes = readFileSync(newest)
    bytes[20] = (bytes[20] as number) ^ 1
    writeFileSync(newest, bytes)
    await using again = await openOn(machine(), { dir, mainFile: false })
    expect(again.recovery.clean).toBe(false)
    expect(again.get('a')).toBe(2)
    expect(readFileSync(newest).equals(bytes)).toBe(true)
  })

  test('one with a name of another form is not used', async () => {
    const dir = directory()
    await generations(dir, 2)
    for (const fileName of backupsIn(dir)) {
      renameSync(join(dir, 'logs', fileName), join(dir, 'logs', `${fileName}.kept`))
    }
    rmSync(logPath(dir))
    // The mark shows that there was a log, and there is no backup to open instead.
    await expect(openOn(machine(), { dir })).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
    expect(fileNames(dir)).not.toContain('store.log')
  })
})

describe('backups of another store', () => {
  test.each([
    ['newer', 1, 5],
    ['older', 5, 1],
  ])('are never removed, and do not count as own backups (%s)', async (_which, own, foreign) => {
    const [dir, other] = [directory(), directory()]
    await generations(other, foreign)
    await generations(dir, own)
    const strangers = backupsIn(other).map((fileName) => fileName.replace('20250115T13', '20250115T12'))
    for (const [at, fileName] of backupsIn(other).entries()) {
      copyFileSync(join(other, 'logs', fileName), join(dir, 'logs', strangers[at] as string))
    }
    await generations(dir, 4)
    const kept = backupsIn(dir)
    expect(kept).toEqual(expect.arrayContaining(strangers))
    expect(kept.length - strangers.length).toBe(3)
    // The own backups still heal: the newest of them replaces the missing log.
    rmSync(logPath(dir))
    await using store = await openOn(machine(), { dir })
    expect(stateOf(store)).toEqual({ round: 4 })
  })

  test('are kept when the log of another store replaces their log', async () => {
    const [dir, other] = [directory(), directory()]
    await generations(dir, 4)
    const former = backupsIn(dir)
    await generations(other, 1)
    copyFileSync(logPath(other), logPath(dir))
    await generations(dir, 4)
    expect(backupsIn(dir)).toEqual(expect.arrayContaining(former))
  })
})
