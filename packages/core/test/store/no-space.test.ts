import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../support/core.js'
import { FaultyFileSystem, quotaExceeded, systemError } from '../support/faulty-file-system.js'
import { copyAsOfNow, linesOf, logPath, recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

const LOG = /store\.log/
const noSpace = { name: 'FlatlogError', code: 'FLATLOG_NO_SPACE' }

/** The ways in which the system reports a full disk. */
const fullDisks: [string, (fileSystem: FaultyFileSystem) => void][] = [
  ['a short write', (fileSystem) => fileSystem.shorten(40, { on: LOG })],
  ['a write of zero bytes', (fileSystem) => fileSystem.shorten(0, { on: LOG })],
  ['ENOSPC', (fileSystem) => fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })],
  ['EDQUOT', (fileSystem) => fileSystem.fail('write', systemError('EDQUOT'), { on: LOG })],
  ['EDQUOT as Node 20 reports it', (fileSystem) => fileSystem.fail('write', quotaExceeded(), { on: LOG })],
  ['EFBIG', (fileSystem) => fileSystem.fail('write', systemError('EFBIG'), { on: LOG })],
]

async function filled(fileSystem: FaultyFileSystem, dir: string, durability: 'always' | 'interval' | 'os' = 'always') {
  const store = await openOn(machine({ fileSystem, clock: new ManualClock() }), { dir, durability })
  await store.replace({ a: 'old', b: 'old', 'p:1': 'old', 'p:2': 'old' })
  await store.set('c', 'old')
  return store
}

const FILLED = { a: 'old', b: 'old', 'p:1': 'old', 'p:2': 'old', c: 'old' }

/** Every kind of write. */
const writes: [string, (store: Store) => Promise<unknown>][] = [
  ['set over a value', (store) => store.set('a', 'new')],
  ['set of a new key', (store) => store.set('new', 'new')],
  ['setText', (store) => store.setText('b', 'new')],
  ['delete', (store) => store.delete('a')],
  ['update', (store) => store.update('c', () => 'new')],
  [
    'batch',
    (store) =>
      store.batch([
        { op: 'SET', key: 'a', value: 'new' },
        { op: 'DELETE', key: 'b' },
      ]),
  ],
  ['clear with a prefix', (store) => store.clear({ prefix: 'p:' })],
  ['clear', (store) => store.clear()],
  ['replace', (store) => store.replace({ only: 'this', a: 'new' })],
]

describe.each(fullDisks)('a full disk: %s', (_, fill) => {
  test('refuses the write, cuts the log back, and leaves everything as before', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    const before = readFileSync(logPath(dir))
    for (const [name, write] of writes) {
      fill(fileSystem)
      const refused = write(store)
      await expect(refused, name).rejects.toMatchObject(noSpace)
      await expect(refused, name).rejects.toThrow(/This write changed nothing:.*What to do: free some space/)
      expect(stateOf(store), name).toEqual(FILLED)
      expect(readFileSync(logPath(dir)).equals(before), name).toBe(true)
    }
    expect(store.health()).toMatchObject({ ok: true })
    expect(store.stats()).toMatchObject({ lastSeq: 2, acknowledgedSeq: 2 })

    await store.set('next', 1)
    expect(recordsOf(dir).map(({ seq }) => seq)).toEqual([1, 2, 3])
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...FILLED, next: 1 })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0 })
  })
})

describe('the writes after a refused write', () => {
  test.each(['always', 'interval', 'os'] as const)('are refused with it, in any order (%s)', async (durability) => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir, durability)
    fileSystem.shorten(10, { on: LOG })
    const outcomes = await Promise.allSettled(writes.flatMap(([, write]) => [write(store), write(store)]))
    const written = outcomes.filter(({ status }) => status === 'fulfilled')
    expect(stateOf(store)).toEqual(FILLED)
    // Only writes without a record, such as a clear that finds nothing, may have succeeded.
    expect(written.length).toBeLessThan(outcomes.length / 2)
    expect(recordsOf(dir)).toHaveLength(2)
    await Promise.all([store.set('x', 1), store.delete('c')])
    expect(recordsOf(dir).map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    await using copy = await openOn(machine(), { dir: copyAsOfNow(dir, join(directory(), 'copy')) })
    expect(stateOf(copy)).toEqual(stateOf(store))
    await store.close()
  })

  test('are undone, except for the writes that a running sync covers', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, dir)
    const held = fileSystem.hold('sync', { on: LOG })
    const covered = store.set('a', 'covered')
    await held.reached
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    const refused = Promise.allSettled([store.set('a', 'refused'), store.delete('b'), store.set('d', 1), store.clear()])
    await turns()
    expect(stateOf(store)).toEqual({})
    held.release()
    await covered
    expect((await refused).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
    expect(stateOf(store)).toEqual({ ...FILLED, a: 'covered' })
    expect(recordsOf(dir).map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  test('do not end the process if their promises are ignored', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, directory())
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    for (const [, write] of writes) void write(store)
    await turns(10)
    expect(stateOf(store)).toEqual(FILLED)
  })

  test('include a delete that found nothing because of a delete that is undone', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, directory())
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    const outcomes = await Promise.allSettled([store.delete('a'), store.delete('a')])
    expect(store.has('a')).toBe(true)
    // The key exists, so `false` would be wrong.
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

describe('a disk that stays full', () => {
  test('refuses every write, serves every read, and takes writes again after space is freed', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    fileSystem.fail('write', systemError('ENOSPC'), { times: Number.POSITIVE_INFINITY })
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(store.set('a', attempt)).rejects.toMatchObject(noSpace)
      expect(stateOf(store)).toEqual(FILLED)
    }
    await expect(store.compact()).rejects.toMatchObject(noSpace)
    expect(stateOf(store)).toEqual(FILLED)
    fileSystem.heal()
    await store.set('a', 'space')
    await store.compact()
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...FILLED, a: 'space' })
  })

  test('does not keep a store from closing or releasing its lock', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    fileSystem.fail('write', systemError('ENOSPC'), { times: Number.POSITIVE_INFINITY })
    await store.close()
    expect(problems).toEqual(['FLATLOG_NO_SPACE'])
    expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(false)
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(FILLED)
  })

  test('makes close() reject if a write had no space, but every file is closed', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    const lost = store.set('a', 'lost')
    await expect(store.close()).rejects.toMatchObject(noSpace)
    await expect(lost).rejects.toMatchObject(noSpace)
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(FILLED)
  })
})

test('a delete that found nothing because of a write that is cut off waits for the cut', async () => {
  for (const outcome of ['is on disk', 'fails'] as const) {
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, directory())
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    const cut = fileSystem.hold('sync', { on: LOG })
    const refused = store.set('new', 1)
    await cut.reached
    expect(store.has('new')).toBe(false)
    const deleted = store.delete('new')
    const watched = watchPromise(deleted)
    await turns()
    // A power cut could bring back the record that was written in part.
    expect(watched.state).toBe('pending')
    if (outcome === 'fails') {
      cut.fail(systemError('EIO'))
      await expect(deleted).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
      await expect(refused).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    } else {
      cut.release()
      await expect(refused).rejects.toMatchObject(noSpace)
      expect(await deleted).toBe(false)
    }
    await store.close()
  }
})

test('the error has the path of the log and the offset at which the record would have begun', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  await using store = await filled(fileSystem, dir)
  const refusal = async () => {
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    const error = await store.set('a', 1).then(
      () => undefined,
      (reason: { path: string; offset: number; message: string; cause: unknown }) => reason,
    )
    return error && { path: error.path, offset: error.offset, cause: (error.cause as { code: string }).code }
  }
  const expected = () => ({ path: logPath(dir), offset: readFileSync(logPath(dir)).length, cause: 'ENOSPC' })
  expect(await refusal()).toEqual(expected())
  await store.compact()
  expect(await refusal()).toEqual(expected())
})

test('the bytes of a short write do not get into the next record', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await filled(fileSystem, dir)
  for (const kept of [1, 17, 60]) {
    fileSystem.shorten(kept, { on: LOG })
    await expect(store.set('long', 'x'.repeat(500))).rejects.toMatchObject(noSpace)
    await store.set('short', kept)
  }
  expect(linesOf(logPath(dir))).toHaveLength(6)
  expect(recordsOf(dir).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  expect((await store.verify()).ok).toBe(true)
  await store.close()
})
