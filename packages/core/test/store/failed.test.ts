import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FlatlogError, type Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { copyAsOfNow, fileNames, logPath, recordsOf, stateOf } from '../support/files.js'
import { lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

const LOG = /store\.log/
const failed = { name: 'FlatlogError', code: 'FLATLOG_FAILED' }
const lockFile = (dir: string) =>
  JSON.parse(readFileSync(join(dir, 'logs', 'store.lock'), 'utf8')) as { failed?: string }
const damagedFiles = (dir: string) => fileNames(dir).filter((fileName) => fileName.includes('.log.damaged.'))

/** Failures after which the contents of the disk are unknown. */
const breakages: [string, (fileSystem: FaultyFileSystem) => void][] = [
  ['a sync that fails once', (fileSystem) => fileSystem.fail('sync', systemError('EIO'), { on: LOG })],
  [
    'a sync that fails from now on',
    (fileSystem) => fileSystem.fail('sync', systemError('EIO'), { on: LOG, times: Number.POSITIVE_INFINITY }),
  ],
  ['a sync that fails for lack of space', (fileSystem) => fileSystem.fail('sync', systemError('ENOSPC'), { on: LOG })],
  ['a write with EIO', (fileSystem) => fileSystem.fail('write', systemError('EIO'), { on: LOG })],
  ['a write that fails with EBADF', (fileSystem) => fileSystem.fail('write', systemError('EBADF'), { on: LOG })],
  [
    'a truncate that fails after a short write',
    (fileSystem) => {
      fileSystem.shorten(30, { on: LOG })
      fileSystem.fail('truncate', systemError('EIO'), { on: LOG })
    },
  ],
]

async function filled(fileSystem: FaultyFileSystem, dir: string): Promise<Store> {
  const store = await openOn(machine({ fileSystem }), { dir })
  await store.set('a', 'old')
  await store.set('b', 'old')
  return store
}

describe.each(breakages)('after %s', (_, break_) => {
  test('refuses writes until reopen, still reads, reports it once, and retries nothing', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    break_(fileSystem)
    const outcomes = await Promise.allSettled([store.set('a', 'new'), store.delete('b'), store.set('c', 'new')])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: failed })
    expect((outcomes[0] as PromiseRejectedResult).reason.message).toMatch(
      /may or may not be on disk.*store\.reopen\(\)/,
    )

    const tried = { writes: fileSystem.count('write', LOG), syncs: fileSystem.count('sync', LOG) }
    expect(stateOf(store)).toEqual({ a: 'old', b: 'old' })
    const later: (() => Promise<unknown>)[] = [
      () => store.set('a', 1),
      () => store.delete('a'),
      () => store.delete('nothing'),
      () => store.update('a', () => 1),
      () => store.batch([{ op: 'SET', key: 'a', value: 1 }]),
      () => store.clear(),
      () => store.replace({}),
      () => store.flush(),
      () => store.compact(),
    ]
    for (const attempt of later) await expect(attempt()).rejects.toMatchObject(failed)
    await turns()
    expect({ writes: fileSystem.count('write', LOG), syncs: fileSystem.count('sync', LOG) }).toEqual(tried)
    expect(problems).toEqual(['FLATLOG_FAILED'])
    expect(store.health()).toMatchObject({ ok: false, failure: failed, problems: [{ error: failed }] })
    expect(stateOf(store)).toEqual({ a: 'old', b: 'old' })

    fileSystem.heal()
    await store.reopen()
    expect(store.health()).toMatchObject({ ok: true })
    expect(store.health()).not.toHaveProperty('failure')
    // Pending writes may or may not be in the log, but each is whole and they are in order.
    expect(possibleStates).toContainEqual(stateOf(store))
    await store.set('after', 1)
    const state = stateOf(store)
    await store.close()
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
    expect(again.recovery.clean).toBe(true)
  })

  test('records it in the lock, so that the next open begins a new file and keeps the suspect one', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    break_(fileSystem)
    await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
    expect(lockFile(dir).failed).toContain('store.log')
    const suspect = readFileSync(logPath(dir))

    // The note is in the lock whether the failed owner is killed or closes.
    const killed = copyAsOfNow(dir, join(directory(), 'copy'))
    await store.close()
    expect(lockFile(dir).failed).toContain('store.log')
    for (const place of [dir, killed]) {
      await using next = await openOn(machine(), { dir: place })
      expect(possibleStates).toContainEqual(stateOf(next))
      expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
      expect(damagedFiles(place)).toHaveLength(1)
      expect(readFileSync(join(place, 'logs', damagedFiles(place)[0] as string)).equals(suspect)).toBe(true)
      expect(lockFile(place)).not.toHaveProperty('failed')
      await next.set('after', 1)
      expect(recordsOf(place)).toMatchObject([{ key: 'after' }])
    }
  })
})

/** The states after none, some or all of the three pending writes, in order. */
const possibleStates = [{ a: 'old', b: 'old' }, { a: 'new', b: 'old' }, { a: 'new' }, { a: 'new', c: 'new' }]

test('undoes pending records in reverse order, also those of the write under way', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await filled(fileSystem, dir)
  const held = fileSystem.hold('sync', { on: LOG })
  const first = [store.set('a', 1), store.set('c', 1), store.delete('b')]
  await held.reached
  const second = [store.set('a', 2), store.delete('c'), store.set('b', 2), store.clear(), store.set('a', 3)]
  held.fail(systemError('EIO'))
  const outcomes = await Promise.allSettled([...first, ...second])
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'))
  expect(stateOf(store)).toEqual({ a: 'old', b: 'old' })
  await store.close()
})

describe('reopen', () => {
  test('does nothing to a store that has not failed', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, dir)
    const calls = fileSystem.calls.length
    await store.reopen()
    expect(fileSystem.calls.length).toBe(calls)
    expect(stateOf(store)).toEqual({ a: 'old', b: 'old' })
  })

  test('can be called again if it fails, and the store is as before', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, dir)
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
    for (const kind of ['open', 'write', 'sync', 'link', 'rename', 'syncDirectory'] as const) {
      // The sync that fails is that of the new file: a sync of the suspect file has failed already.
      const on = { syncDirectory: /logs$/, sync: /store\.log\.new/ }[kind as string] ?? LOG
      fileSystem.fail(kind, systemError('EIO'), { on })
      await expect(store.reopen(), kind).rejects.toMatchObject({ name: 'FlatlogError' })
      await expect(store.set('a', 1), kind).rejects.toMatchObject(failed)
      expect(store.get('b'), kind).toBe('old')
    }
    await store.reopen()
    await store.set('a', 'at last')
    expect(stateOf(store)).toEqual({ a: 'at last', b: 'old' })
    expect(fileSystem.openFiles.size).toBe(1)
  })

  test('called twice at once loses no write made after the first', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
    const [first, second] = [store.reopen(), store.reopen()]
    await first
    const written = store.set('precious', 1)
    await Promise.all([written, second])
    expect(store.get('precious')).toBe(1)
    expect(fileSystem.openFiles.size).toBe(1)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.get('precious')).toBe(1)
  })

  test('through two handles at once loses no write', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const one = await filled(fileSystem, dir)
    const two = await openOn(machine({ fileSystem }), { dir })
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    await expect(one.set('a', 'new')).rejects.toMatchObject(failed)
    const recover = async (store: Store, key: string) => {
      await store.reopen()
      await store.set(key, 1)
    }
    await Promise.all([recover(one, 'one'), recover(two, 'two')])
    expect([one.get('one'), one.get('two')]).toEqual([1, 1])
    await Promise.all([one.close(), two.close()])
    await using again = await openOn(machine(), { dir })
    expect([again.get('one'), again.get('two')]).toEqual([1, 1])
  })

  test('is finished before close releases the lock', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await filled(fileSystem, dir)
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
    const reopened = Promise.allSettled([store.reopen()])
    await store.close()
    const calls = fileSystem.calls.length
    await reopened
    // Another process may own the files by now.
    expect(fileSystem.calls.slice(calls).map(({ kind }) => kind)).toEqual([])
    expect(fileSystem.openFiles.size).toBe(0)
  })

  test('changes() and watch() continue after it', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, dir)
    const received: unknown[] = []
    store.watch((change) => 'key' in change && received.push(change.key))
    const changes = store.changes()
    fileSystem.fail('write', systemError('EIO'), { on: LOG })
    await expect(store.set('lost', 1)).rejects.toMatchObject(failed)
    const next = changes.next()
    await store.reopen()
    await store.set('after', 1)
    expect(received).toEqual(['after'])
    expect((await next).value).toMatchObject({ key: 'after' })
  })

  test('a follower that reads during it gets a change or a clear error', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await filled(fileSystem, dir)
    const first = recordsOf(dir)[0]
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    await expect(store.set('lost', 1)).rejects.toMatchObject(failed)
    const reopened = store.reopen()
    await turns(1)
    const [outcome] = await Promise.allSettled([store.changes({ since: `1:${first?.crc}` }).next()])
    await reopened
    if (outcome?.status === 'fulfilled') expect(outcome.value.value).toMatchObject({ key: 'b' })
    else expect(outcome?.reason).toMatchObject({ code: 'FLATLOG_POSITION' })
  })
})

test('a failure while no call is pending is reported by the event and by health(), and does not end the process', async () => {
  const fileSystem = new FaultyFileSystem()
  const store = await filled(fileSystem, directory())
  const problems: string[] = []
  store.on('problem', (error) => problems.push(error.code))
  fileSystem.fail('sync', systemError('EIO'), { on: LOG })
  void store.set('a', 'new')
  await turns(20)
  await expect(store.flush()).rejects.toMatchObject(failed)
  expect(problems).toEqual(['FLATLOG_FAILED'])
  await store.close()
})

test('a failure that cannot be recorded in the lock is still a failure', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await filled(fileSystem, dir)
  fileSystem.fail('sync', systemError('EIO'), { on: LOG })
  fileSystem.fail('rename', systemError('EIO'), { on: /store\.lock/ })
  await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
  expect(store.health().ok).toBe(false)
  // It records the failure when it closes at the latest: its process lives on, so others could not tell that it left.
  expect(lockFile(dir)).not.toHaveProperty('failed')
  await store.close()
  expect(lockFile(dir).failed).toContain('store.log')
  await using next = await openOn(machine(), { dir, lockWaitMs: 0 })
  expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
})

test('a failure that can never be recorded does not keep this process from opening the store again', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await filled(fileSystem, dir)
  fileSystem.fail('sync', systemError('EIO'), { on: LOG })
  fileSystem.fail('rename', systemError('EIO'), { on: /store\.lock/, times: Number.POSITIVE_INFINITY })
  await expect(store.set('a', 'new')).rejects.toMatchObject(failed)
  await store.close()
  expect(lockFile(dir)).not.toHaveProperty('failed')
  fileSystem.heal()
  await using next = await openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 })
  expect(possibleStates).toContainEqual(stateOf(next))
})

test('an open that fails and cannot record it releases the lock', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  await (await filled(fileSystem, dir)).close()
  fileSystem.fail('sync', systemError('EIO'), { on: /store\.log$/ })
  fileSystem.fail('rename', systemError('EIO'), { on: /store\.lock/, times: Number.POSITIVE_INFINITY })
  await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject(failed)
  fileSystem.heal()
  await using next = await openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 })
  expect(stateOf(next)).toEqual({ a: 'old', b: 'old' })
})

describe('an owner that has not written for a while', () => {
  /** A store that checks its lock before the next write, because the last one was long ago. */
  async function silent(dir: string, fileSystem: FaultyFileSystem) {
    const clock = new ManualClock()
    const store = await openOn(machine({ fileSystem, clock }), { dir })
    await store.set('a', 'old')
    clock.advance(3_600_000)
    return store
  }

  test('notices before it writes that it has lost its lock', async () => {
    const dir = directory()
    const store = await silent(dir, new FaultyFileSystem())
    const log = readFileSync(logPath(dir))
    writeLock(dir, lockRecord({ token: 'f'.repeat(32) }))
    await expect(store.set('a', 'late')).rejects.toMatchObject(failed)
    expect(store.get('a')).toBe('old')
    await store.close()
    expect(readFileSync(logPath(dir)).equals(log)).toBe(true)
    expect(readLock(dir).token).toBe('f'.repeat(32))
  })

  test.each(['EMFILE', 'EIO', 'EACCES'])('does not end the process if it cannot read its lock (%s)', async (code) => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await silent(dir, fileSystem)
    fileSystem.fail('open', systemError(code), { on: /store\.lock$/ })
    const syncs = fileSystem.count('sync', LOG)
    const uncaught: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    const written = store.set('a', 'new')
    const watched = watchPromise(written)
    // The write is submitted or refused within these turns; then only the disk can take time.
    await turns(2)
    if (fileSystem.count('sync', LOG) > syncs) await Promise.allSettled([written])
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
    expect(uncaught).toEqual([])
    expect(watched.state).not.toBe('pending')
    if (watched.state === 'rejected') await expect(written).rejects.toBeInstanceOf(FlatlogError)
    // No other process has taken the lock.
    expect(store.health().ok).toBe(true)
    await store.set('a', 'newer')
    expect(store.get('a')).toBe('newer')
    await store.close()
  })
})
