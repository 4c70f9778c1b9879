import { describe, expect, test } from 'vitest'
import type { Durability, Store } from '../support/core.js'
import { type CallKind, FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { recordsOf, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

/**
 * A write that was refused for lack of space is absent, also after a power cut. To cut the file back is not enough: until
 * the cut is on disk, a power cut may bring the longer file back, with whole records of the refused write.
 */
const directory = useTempDirectory()
useRejectionWatch()

/** An open log has the path under which it was created. */
const LOG = /store\.log(\.first|\.new)?$/
const DURABILITIES = ['always', 'interval', 'os'] as const
const noSpace = { code: 'FLATLOG_NO_SPACE' }

async function opened(fileSystem: FaultyFileSystem, durability: Durability): Promise<{ store: Store; dir: string }> {
  const dir = directory()
  const store = await openOn(machine({ fileSystem, clock: new ManualClock() }), { dir, durability, mainFile: false })
  await store.set('a', 'old')
  await store.flush()
  return { store, dir }
}

function callsOn(fileSystem: FaultyFileSystem, path: RegExp, kinds: readonly CallKind[], from: number): CallKind[] {
  return fileSystem.calls
    .slice(from)
    .filter((call) => path.test(call.path) && kinds.includes(call.kind))
    .map(({ kind }) => kind)
}

describe.each(DURABILITIES)('a refused write (%s)', (durability) => {
  test('is undone at once, and rejected after the cut is on disk', async () => {
    const fileSystem = new FaultyFileSystem()
    const { store, dir } = await opened(fileSystem, durability)
    const before = fileSystem.calls.length
    const held = fileSystem.hold('sync', { on: LOG })
    fileSystem.shorten(150, { on: LOG })
    const refused = [store.set('b', 1), store.set('a', 'new'), store.delete('a')]
    const watched = refused.map((promise) => watchPromise<unknown>(promise))
    await held.reached
    await turns()
    expect(watched.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending'])
    expect(stateOf(store)).toEqual({ a: 'old' })
    expect(callsOn(fileSystem, LOG, ['write', 'truncate', 'sync'], before)).toEqual(['write', 'truncate', 'sync'])

    // Later writes wait, and are written after the cut.
    const later = store.set('c', 1)
    const watchedLater = watchPromise(later)
    await turns()
    expect(watchedLater.state).toBe('pending')
    expect(callsOn(fileSystem, LOG, ['write'], before)).toEqual(['write'])
    expect(store.get('c')).toBe(1)

    held.release()
    for (const outcome of await Promise.allSettled(refused)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: noSpace })
    }
    await later
    expect(stateOf(store)).toEqual({ a: 'old', c: 1 })
    expect(recordsOf(dir).map(({ seq, key }) => [seq, key])).toEqual([
      [1, 'a'],
      [2, 'c'],
    ])
    await store.close()
  })

  test('makes the store fail if the cut cannot be synced', async () => {
    const fileSystem = new FaultyFileSystem()
    const { store } = await opened(fileSystem, durability)
    fileSystem.shorten(50, { on: LOG })
    fileSystem.fail('sync', systemError('EIO'), { on: LOG })
    const refused = store.set('b', 1)
    await expect(refused).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await expect(store.set('c', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    expect(store.health().ok).toBe(false)
    expect(stateOf(store)).toEqual({ a: 'old' })
    await store.reopen()
    await store.set('c', 1)
    expect(stateOf(store)).toEqual({ a: 'old', c: 1 })
    await store.close()
  })

  test('and the writes that wait for its cut are undone in reverse order if the cut fails', async () => {
    const fileSystem = new FaultyFileSystem()
    const { store } = await opened(fileSystem, durability)
    const held = fileSystem.hold('sync', { on: LOG })
    fileSystem.shorten(50, { on: LOG })
    const refused = store.set('a', 'refused')
    await held.reached
    const later = [store.set('a', 'later'), store.delete('a'), store.set('b', 1)]
    held.fail(systemError('EIO'))
    const outcomes = await Promise.allSettled([refused, ...later])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      outcomes.map(() => 'FLATLOG_FAILED'),
    )
    expect(stateOf(store)).toEqual({ a: 'old' })
    await store.close()
  })

  test('does not keep close, compact or flush from finishing', async () => {
    const fileSystem = new FaultyFileSystem()
    const { store, dir } = await opened(fileSystem, durability)
    for (const [number, action] of [() => store.flush(), () => store.compact(), () => store.close()].entries()) {
      const held = fileSystem.hold('sync', { on: LOG })
      fileSystem.shorten(50, { on: LOG })
      const refused = store.set('b', 1)
      await held.reached
      const later = store.set(`later ${number}`, number)
      const done = action()
      await turns()
      held.release()
      await expect(refused).rejects.toMatchObject(noSpace)
      await later
      await done
    }
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ a: 'old', 'later 0': 0, 'later 1': 1, 'later 2': 2 })
    expect(again.recovery.clean).toBe(true)
  })
})

test('a delete of a missing key resolves to false while a refused write of that key is cut off', async () => {
  const fileSystem = new FaultyFileSystem()
  const { store } = await opened(fileSystem, 'always')
  const held = fileSystem.hold('sync', { on: LOG })
  fileSystem.shorten(50, { on: LOG })
  const refused = store.set('b', 1)
  await held.reached
  const deleted = store.delete('b')
  held.release()
  await expect(refused).rejects.toMatchObject(noSpace)
  expect(await deleted).toBe(false)
  expect(await store.delete('b')).toBe(false)
  await store.close()
})

test('a compaction in its last step waits for the cut before it replaces the file', async () => {
  const fileSystem = new FaultyFileSystem()
  const { store, dir } = await opened(fileSystem, 'os')
  const held = fileSystem.hold('sync', { on: LOG })
  fileSystem.shorten(50, { on: LOG })
  const refused = store.set('b', 1)
  await held.reached
  const compacted = store.compact()
  await turns(30)
  expect(fileSystem.count('rename', /store\.log$/)).toBe(1)
  held.release()
  await expect(refused).rejects.toMatchObject(noSpace)
  await compacted
  expect(fileSystem.count('rename', /store\.log$/)).toBe(2)
  await store.set('c', 1)
  await store.close()
  await using again = await openOn(machine(), { dir })
  expect(stateOf(again)).toEqual({ a: 'old', c: 1 })
})
