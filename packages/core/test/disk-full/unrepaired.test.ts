import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  append,
  copyOf,
  damagedOf,
  filesOf,
  linesOf,
  markOf,
  quarantinesOf,
  replaceLine,
} from '../recovery/installation.js'
import type { Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { copyAsOfNow, namesAndSockets, stateOf } from '../support/files.js'
import { lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'
import { closed, noSpace, VALUES } from './places.js'

/** A store that is open although there was no room to repair its log: how it comes out of that. */
const directory = useTempDirectory()
useRejectionWatch()

const failed = { code: 'FLATLOG_FAILED' }
const ALWAYS = { times: Number.POSITIVE_INFINITY }
const ASIDE = /\.quarantine\./
const NEW = /store\.log\.new/

interface Unrepaired {
  readonly dir: string
  readonly fileSystem: FaultyFileSystem
  readonly clock: ManualClock
  readonly store: Store
}

async function tornTail(dir: string): Promise<void> {
  await closed(dir, { mainFile: false })
  append(dir, '{"timestamp":"2025-01-15T12:00:00.000Z","seq":4,"op":"SE')
}

/** A line that is there twice: the log is written anew. */
async function damage(dir: string): Promise<void> {
  await closed(dir, { mainFile: false })
  const line = linesOf(dir)[2] as string
  replaceLine(dir, 3, line, line)
}

async function opened(spoil: (dir: string) => Promise<void>): Promise<Unrepaired> {
  const dir = directory()
  await spoil(dir)
  const fileSystem = new FaultyFileSystem()
  const clock = new ManualClock()
  fileSystem.fail('write', systemError('ENOSPC'), { on: /\.quarantine\.|\.new$/, ...ALWAYS })
  const store = await openOn(machine({ fileSystem, clock }), { dir, mainFile: false })
  expect(store.health()).toMatchObject({ ok: false, failure: noSpace })
  return { dir, fileSystem, clock, store }
}

/** Lets the next try come, and go through. */
async function passTime(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await turns(30)
}

describe.each([
  ['a torn tail', tornTail, ASIDE, quarantinesOf],
  ['damage', damage, NEW, damagedOf],
] as const)('with %s', (_, spoil, on, kept) => {
  test('it is tried again four times a second, and nothing is left of what failed', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    const before = filesOf(dir)
    const tries = () => fileSystem.count('open', on)
    expect(tries()).toBe(1)
    for (let round = 2; round < 6; round++) {
      await passTime(clock, 249)
      expect(tries()).toBe(round - 1)
      await passTime(clock, 1)
      expect(tries()).toBe(round)
      expect(filesOf(dir)).toEqual(before)
      await expect(store.set('d', 1)).rejects.toMatchObject(noSpace)
    }
    expect(store.health().problems).toEqual([])
    fileSystem.heal()
    await passTime(clock, 250)
    expect(store.health()).toEqual({ ok: true, problems: [] })
    await store.set('d', 1)
    expect(kept(dir)).toHaveLength(1)
    await passTime(clock, 10_000)
    expect(tries()).toBe(6)
    await store.close()
    expect(clock.timers).toBe(0)
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...VALUES, d: 1 })
    expect(again.recovery.clean).toBe(true)
  })

  test('reopen tries it at once, also several times at once', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    await expect(store.reopen()).rejects.toMatchObject(noSpace)
    const outcomes = await Promise.allSettled([store.reopen(), store.reopen()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    fileSystem.heal()
    await Promise.all([store.reopen(), store.reopen()])
    await store.set('d', 1)
    expect(kept(dir)).toHaveLength(1)
    // What fails after that is a failure like any other: nobody but the program says when it is tried again.
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(store.set('e', 1)).rejects.toMatchObject(failed)
    await passTime(clock, 10_000)
    expect(store.health()).toMatchObject({ ok: false, failure: failed })
    await store.close()
  })

  test('watchers and followers go on behind it', async () => {
    const { fileSystem, clock, store } = await opened(spoil)
    const heard: unknown[] = []
    store.watch((change) => heard.push(change))
    const changes = store.changes()
    const next = changes.next()
    const watched = watchPromise(next)
    fileSystem.heal()
    await passTime(clock, 250)
    expect(watched.state).toBe('pending')
    await store.set('d', 1)
    expect(heard).toMatchObject([{ key: 'd', seq: 4 }])
    expect((await next).value).toMatchObject({ key: 'd', seq: 4 })
    await store.close()
  })

  test('an error of another kind ends the trying: it is told once, noted, and reopen gets over it', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    fileSystem.heal()
    fileSystem.fail('write', systemError('EIO'), { on, ...ALWAYS })
    await passTime(clock, 250)
    expect(problems).toEqual(['FLATLOG_FAILED'])
    expect(store.health()).toMatchObject({ ok: false, failure: failed, problems: [{ error: failed }] })
    expect(readLock(dir).failed).toContain('store.log')
    await expect(store.set('d', 1)).rejects.toMatchObject(failed)
    expect(stateOf(store)).toEqual(VALUES)
    const tries = fileSystem.count('open', on)
    await passTime(clock, 10_000)
    expect(fileSystem.count('open', on)).toBe(tries)
    fileSystem.heal()
    await store.reopen()
    await store.set('d', 1)
    expect(stateOf(store)).toEqual({ ...VALUES, d: 1 })
    await store.close()
    expect(fileSystem.openFiles.size).toBe(0)
  })

  test('whoever is robbed of the lock meanwhile touches nothing any more', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    writeLock(dir, lockRecord({ token: 'f'.repeat(32) }))
    fileSystem.heal()
    const before = filesOf(dir)
    await passTime(clock, 250)
    expect(store.health()).toMatchObject({ ok: false, failure: failed })
    await store.close()
    expect(filesOf(dir)).toEqual(before)
    expect(readLock(dir).token).toBe('f'.repeat(32))
  })

  test('closing ends the trying, also one that is under way', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    fileSystem.heal()
    const held = fileSystem.hold('sync', { on })
    clock.advance(250)
    await held.reached
    const closing = store.close()
    await turns()
    held.release()
    await closing
    const calls = fileSystem.calls.length
    await passTime(clock, 10_000)
    // Somebody else may own the files by now.
    expect(fileSystem.calls.slice(calls)).toEqual([])
    expect(fileSystem.openFiles.size).toBe(0)
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(VALUES)
  })

  test('closing ends the trying where there is no room yet', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    await passTime(clock, 1000)
    const before = filesOf(dir)
    await store.close()
    expect(clock.timers).toBe(0)
    const calls = fileSystem.calls.length
    await passTime(clock, 10_000)
    expect(fileSystem.calls.slice(calls)).toEqual([])
    expect(fileSystem.openFiles.size).toBe(0)
    expect(filesOf(dir)).toEqual(before)
    expect(namesAndSockets(dir).filter((name) => name.includes('lock'))).toEqual([])
  })

  test('killed in the midst of it, the next one finds everything', async () => {
    const { dir, fileSystem, clock, store } = await opened(spoil)
    fileSystem.heal()
    const held = fileSystem.hold('sync', { on })
    clock.advance(250)
    await held.reached
    const killed = copyAsOfNow(dir, join(directory(), 'copy'))
    held.release()
    await store.close()
    await using next = await openOn(machine(), { dir: killed })
    expect(stateOf(next)).toEqual(VALUES)
    expect(namesAndSockets(killed).filter((name) => name.endsWith('.new'))).toEqual([])
  })
})

test('a repair that takes long before it fails is tried the more seldom', async () => {
  const { fileSystem, clock, store } = await opened(tornTail)
  fileSystem.heal()
  const held = fileSystem.hold('sync', { on: ASIDE })
  clock.advance(250)
  await held.reached
  clock.advance(1000)
  fileSystem.fail('write', systemError('ENOSPC'), { on: ASIDE, ...ALWAYS })
  held.fail(systemError('ENOSPC'))
  await turns(30)
  const tries = fileSystem.count('open', ASIDE)
  await passTime(clock, 9_999)
  expect(fileSystem.count('open', ASIDE)).toBe(tries)
  await passTime(clock, 1)
  expect(fileSystem.count('open', ASIDE)).toBe(tries + 1)
  await store.close()
})

test('the note of a failure stays in the lock until the log is repaired', async () => {
  const dir = directory()
  await closed(dir, { mainFile: false })
  writeLock(dir, lockRecord({ pid: 2 ** 30, failed: 'a sync failed' }))
  const fileSystem = new FaultyFileSystem()
  const clock = new ManualClock()
  fileSystem.fail('write', systemError('ENOSPC'), { on: NEW, ...ALWAYS })
  const store = await openOn(machine({ fileSystem, clock }), { dir, mainFile: false })
  await expect(store.set('d', 1)).rejects.toMatchObject(noSpace)
  expect(readLock(dir).failed).toBe('a sync failed')
  const killed = copyAsOfNow(dir, join(directory(), 'copy'))
  await using next = await openOn(machine(), { dir: killed })
  expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
  fileSystem.heal()
  await passTime(clock, 250)
  expect(readLock(dir)).not.toHaveProperty('failed')
  expect(store.recovery.notes.join(' ')).toMatch(/met a failure/)
  await store.set('d', 1)
  await store.close()
  expect(namesAndSockets(dir).filter((name) => name.includes('lock'))).toEqual([])
})

test('a mark that is damaged stays where it is until there is room for another', async () => {
  const dir = directory()
  await closed(dir, { mainFile: false })
  writeFileSync(markOf(dir), 'no mark\n')
  const fileSystem = new FaultyFileSystem()
  const before = filesOf(dir)
  fileSystem.fail('write', systemError('ENOSPC'), { on: /\.mark\.new$/, ...ALWAYS })
  const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
  expect(filesOf(dir)).toEqual(before)
  await store.set('d', 1)
  const problems: unknown[] = []
  store.on('problem', (error) => problems.push(error))
  fileSystem.heal()
  await store.close()
  expect(problems).toEqual([])
  await using again = await openOn(machine(), { dir })
  expect(again.recovery).toMatchObject({ clean: true, damage: [], notes: [] })
})

test('a store that has failed and finds no room in reopen stays failed, and can be reopened later', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const clock = new ManualClock()
  const store = await openOn(machine({ fileSystem, clock }), { dir, mainFile: false })
  await store.set('a', 1)
  fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
  await expect(store.set('a', 2)).rejects.toMatchObject(failed)
  fileSystem.fail('write', systemError('ENOSPC'), { on: NEW, ...ALWAYS })
  await expect(store.reopen()).rejects.toMatchObject(noSpace)
  await passTime(clock, 10_000)
  expect(store.health()).toMatchObject({ ok: false, failure: failed })
  expect(namesAndSockets(dir).filter((name) => /\.new$|\.damaged\./.test(name))).toEqual([])
  fileSystem.heal()
  await store.reopen()
  await store.set('a', 3)
  expect(fileSystem.openFiles.size).toBe(1)
  await store.close()
})

describe('wherever the room ends while a store is opened', () => {
  test.each([
    ['with a torn tail', tornTail],
    ['with damage', damage],
  ] as const)('%s: it opens, or is refused for that, and nothing half made is left', async (_, spoil) => {
    const image = directory()
    await spoil(image)
    const wrong: string[] = []
    let hasOpened = 0
    for (let nth = 1; ; nth++) {
      const dir = copyOf(image)
      const before = filesOf(dir)
      const fileSystem = new FaultyFileSystem()
      // It moves with every look at it, so that waiting for the lock comes to its end.
      const clock = new ManualClock('2025-01-15T12:00:00.000Z', 0.01)
      const counted = fileSystem.calls.length
      fileSystem.fail('any', systemError('ENOSPC'), { nth })
      const store = await openOn(machine({ fileSystem, clock }), { dir, mainFile: false, lockWaitMs: 0 }).catch(
        (error: { code: string }) => error,
      )
      const call = fileSystem.calls[counted + nth - 1]
      if (!call) {
        if ('close' in store) await store.close()
        break
      }
      const check = (isRight: boolean, what: string) => {
        if (!isRight) wrong.push(`call ${nth} (${call.kind} ${call.path.slice(dir.length)}): ${what}`)
      }
      if ('close' in store) {
        hasOpened++
        check(JSON.stringify(stateOf(store)) === JSON.stringify(VALUES), 'another state')
        if (!store.health().ok) {
          check(JSON.stringify(filesOf(dir)) === JSON.stringify(before), `changed: ${namesAndSockets(dir)}`)
          await passTime(clock, 250)
        }
        await store.set('d', 1).catch((error: unknown) => check(false, `not written: ${error}`))
        await store.close()
        check(fileSystem.openFiles.size === 0, 'left open')
      } else {
        check(/FLATLOG_(NO_SPACE|FAILED)/.test(store.code), `refused with ${store.code}`)
        check(fileSystem.openFiles.size === 0, 'left open')
      }
      await using again = await openOn(machine(), { dir, mainFile: false, lockWaitMs: 0 })
      const expected = 'close' in store ? { ...VALUES, d: 1 } : VALUES
      check(JSON.stringify(stateOf(again)) === JSON.stringify(expected), 'another state in the files')
    }
    expect(wrong).toEqual([])
    expect(hasOpened).toBeGreaterThan(10)
  })
})
