import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, linesOf, logPath } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

/** A log with parts and records after them, and one backup of the same kind. */
async function filled(dir: string) {
  const store = await openOn(machine(), { dir })
  for (const round of [1, 2]) {
    await store.batch(
      Array.from({ length: 40 }, (_, number) => ({ op: 'SET', key: `k${number}`, value: 'x'.repeat(800) })),
    )
    await store.compact()
    await store.set('a', round)
    await store.set('b', round)
  }
  return store
}

function flip(path: string, offset: number, mask: number): void {
  const bytes = readFileSync(path)
  const file = openSync(path, 'r+')
  try {
    writeSync(file, Uint8Array.of((bytes[offset] as number) ^ mask), 0, 1, offset)
  } finally {
    closeSync(file)
  }
}

describe('verify', () => {
  test('counts lines and records, and finds no damage in an intact store', async () => {
    const dir = directory()
    await using store = await filled(dir)
    const files = fileNames(dir).filter((fileName) => fileName.startsWith('store.log'))
    const lines = files.flatMap((fileName) => linesOf(join(dir, 'logs', fileName)))
    const bytes = files.reduce((sum, fileName) => sum + statSync(join(dir, 'logs', fileName)).size, 0)
    expect(await store.verify()).toEqual({
      ok: true,
      damage: [],
      records: lines.filter((line) => line.op !== 'CHECKPOINT').length,
      parts: lines.filter((line) => line.part).length,
      bytes,
    })
  })

  test('finds a flipped bit anywhere in the log or a backup, and says where', async () => {
    await withSeed(async (random) => {
      for (let round = 0; round < 60; round++) {
        // Damage that verify finds in the checkpoint is healed, which replaces the log: so each case has its own files.
        const dir = directory()
        await using store = await filled(dir)
        const files = fileNames(dir).filter((fileName) => fileName.startsWith('store.log'))
        expect(files).toHaveLength(3)
        const file = random.pick(files)
        const path = join(dir, 'logs', file)
        const text = readFileSync(path, 'latin1')
        const offset = random.below(text.length)
        const mask = 1 << random.below(8)
        expect((await store.verify()).ok).toBe(true)
        flip(path, offset, mask)
        const { ok, damage } = await store.verify()
        expect(ok, `bit ${mask} of byte ${offset} of ${file}`).toBe(false)
        const line = text.slice(0, offset).split('\n').length
        const start = text.lastIndexOf('\n', offset - 1) + 1
        // A lost newline joins two lines, an added one splits a line: the report has that line or the next.
        expect(damage.map((each) => each.file)).toContain(file)
        expect(
          damage.some((each) => Math.abs(each.line - line) <= 1 && each.offset >= start),
          JSON.stringify(damage),
        ).toBe(true)
      }
    })
  })

  test('names the key of a damaged record', async () => {
    const dir = directory()
    await using store = await filled(dir)
    await store.set('precious', 'value')
    const offset = readFileSync(logPath(dir), 'latin1').indexOf('"value":"value"') + 10
    flip(logPath(dir), offset, 1)
    const { damage } = await store.verify()
    expect(damage).toMatchObject([{ file: 'store.log', key: 'precious' }])
    expect(damage[0]?.bytes).toBeGreaterThan(50)
    flip(logPath(dir), offset, 1)
  })

  test('finds a missing record', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    for (const key of ['a', 'b', 'c']) await store.set(key, 'x'.repeat(10))
    await store.compact()
    const backup = join(dir, 'logs', fileNames(dir).find((fileName) => fileName.includes('.backup.')) as string)
    const lines = readFileSync(backup, 'utf8').split('\n')
    writeFileSync(backup, [...lines.slice(0, 2), ...lines.slice(3)].join('\n'))
    expect(await store.verify()).toMatchObject({ ok: false, damage: [{ line: 3 }] })
  })

  test.each(['store.log', 'store.json', 'store.mark'])('leaves no file open if %s cannot be opened', async (name) => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    await store.compact()
    const before = fileSystem.openFiles.size
    fileSystem.fail('open', systemError('EMFILE'), { on: new RegExp(`${name}$`) })
    await expect(store.verify()).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    expect(fileSystem.openFiles.size).toBe(before)
  })

  test('rejects with a FlatlogError, and leaves no file open, whichever of its calls fails', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    await store.compact()
    const openBefore = fileSystem.openFiles.size
    const callsBefore = fileSystem.calls.length
    await store.verify()
    const calls = fileSystem.calls.length - callsBefore
    expect(calls).toBeGreaterThan(10)
    for (let nth = 1; nth <= calls; nth++) {
      fileSystem.fail('any', systemError('EIO'), { nth })
      const error = await store.verify().then(
        () => undefined,
        (cause: unknown) => cause,
      )
      if (error !== undefined) expect(error, `call ${nth}`).toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_IO' })
      expect(fileSystem.openFiles.size, `call ${nth}`).toBe(openBefore)
      fileSystem.heal()
    }
  })

  test('waits for the disk before it reads, and can be called while the store is written to', async () => {
    const dir = directory()
    await using store = await openOn(machine({ clock: new ManualClock(0, 5) }), { dir, durability: 'os' })
    await store.batch(
      Array.from({ length: 300 }, (_, number) => ({ op: 'SET', key: `k${number}`, value: 'x'.repeat(500) })),
    )
    await store.compact()
    for (let number = 0; number < 500; number++) store.set(`k${number}`, number)
    const verified = store.verify()
    for (let turn = 0; turn < 30; turn++) {
      store.set('during', turn)
      await turns(1)
    }
    expect(await verified).toMatchObject({ ok: true, damage: [] })
  })

  test('finds no damage while compactions remove backups', async () => {
    const dir = directory()
    const system = machine({ clock: new ManualClock(0, 5), fileSystem: new FaultyFileSystem() })
    await using store = await openOn(system, { dir, backups: 1, durability: 'os', mainFile: false })
    const value = 'x'.repeat(2000)
    for (let round = 0; round < 12; round++) {
      for (let number = 0; number < 100; number++) store.set(`k${number}`, `${round} ${value}`)
      const verified = store.verify()
      const compacted = store.compact()
      store.set('between', round)
      expect(await verified).toMatchObject({ ok: true, damage: [] })
      await compacted
    }
  })
})
