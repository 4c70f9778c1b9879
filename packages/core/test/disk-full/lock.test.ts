import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GONE_PID, useListeners } from '../lock/opening.js'
import { Puppet, useChildren } from '../support/children.js'
import type { Store, StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { copyAsOfNow, namesAndSockets, stateOf } from '../support/files.js'
import { FullDisk } from '../support/full-disk.js'
import { HurriedClock, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { allFilesOf, closed, LONG, lockAdvice, noSpace, VALUES } from './places.js'

/** Taking the lock where there is no space for the lock file. */
const directory = useTempDirectory()
const smallDisk = useSmallDisks()
const listen = useListeners()
const childPath = useChildren('puppet')
useRejectionWatch()

const CLOSED = ['store.log', 'store.mark']
const staleLock = lockRecord({ pid: GONE_PID })
const claimOf = (letter: string) => `.after-${letter.repeat(32)}`

function openOnFullDisk(dir: string, options: StoreOptions = {}, fileSystem = new FullDisk()): Promise<Store> {
  fileSystem.isFull = true
  return openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir, lockWaitMs: 0, mainFile: false, ...options })
}

/** Opens the store with space again, and checks that nothing is missing or left over. */
async function expectOpens(dir: string, mayLeave = /^$/): Promise<void> {
  const store = await openOn(machine({ clock: new HurriedClock() }), { dir, lockWaitMs: 0, mainFile: false })
  expect(stateOf(store)).toEqual(VALUES)
  await store.close()
  expect(namesAndSockets(dir).filter((name) => !mayLeave.test(name))).toEqual(CLOSED)
}

const situations: [string, (dir: string) => void][] = [
  ['a free lock', () => {}],
  ['a stale lock', (dir) => writeLock(dir, staleLock)],
  ['a stale lock with a note of a failure', (dir) => writeLock(dir, { ...staleLock, failed: 'a sync failed' })],
  ['an unreadable lock', (dir) => writeLock(dir, 'garbage')],
  [
    'a stale lock with a stale claim',
    (dir) => {
      writeLock(dir, staleLock)
      writeLock(dir, lockRecord({ pid: GONE_PID, token: 'b'.repeat(32) }), claimOf('a'))
    },
  ],
]

describe.each(situations)('%s on a full disk', (name, prepare) => {
  test('is not taken, the error says what to do, and no file has changed', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    prepare(dir)
    const before = allFilesOf(dir)
    for (const takeOver of [false, true]) {
      const fileSystem = new FullDisk()
      const refused = openOnFullDisk(dir, { takeOver }, fileSystem)
      await expect(refused).rejects.toMatchObject({ ...noSpace, path: join(dir, 'logs', 'store.lock') })
      await expect(refused).rejects.toThrow(lockAdvice)
      expect(allFilesOf(dir)).toEqual(before)
      expect(fileSystem.openFiles.size).toBe(0)
    }
    await using reader = await openOnFullDisk(dir, { readOnly: true })
    expect(stateOf(reader)).toEqual(VALUES)
    if (!name.includes('failure')) await expectOpens(dir)
  })

  test('is taken at once after space is freed, without waiting for the lock', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    prepare(dir)
    const fileSystem = new FullDisk()
    await expect(openOnFullDisk(dir, {}, fileSystem)).rejects.toMatchObject(noSpace)
    fileSystem.isFull = false
    await using store = await openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir, lockWaitMs: 0 })
    expect(stateOf(store)).toEqual(VALUES)
  })

  test('loses nothing, whichever step of taking it finds no space', async () => {
    const image = directory()
    await closed(image, { mainFile: false })
    prepare(image)
    let refused = 0
    for (let nth = 1; ; nth++) {
      const dir = copyAsOfNow(image, join(directory(), 'copy'))
      const fileSystem = new FaultyFileSystem()
      fileSystem.fail('any', systemError('ENOSPC'), { on: /store\.lock/, nth })
      const system = machine({ fileSystem, clock: new HurriedClock() })
      const opened = await openOn(system, { dir, lockWaitMs: 0, mainFile: false }).catch((error: unknown) => error)
      const call = fileSystem.calls.filter(({ path }) => path.includes('store.lock'))[nth - 1]
      const where = `call ${nth}: ${call?.kind} ${call?.path.slice(dir.length)}`
      if (opened instanceof Error) {
        expect(opened, where).toMatchObject(noSpace)
        expect(
          namesAndSockets(dir).some((each) => each.endsWith('.sock')),
          where,
        ).toBe(false)
        refused++
      } else await (opened as Store).close()
      expect(fileSystem.openFiles.size, where).toBe(0)
      // A claim that could not be removed names this process, which lives.
      if (!name.includes('failure')) await expectOpens(dir, call?.path.includes('.after-') ? /\.after-/ : undefined)
      if (!call) break
    }
    expect(refused).toBeGreaterThan(2)
  })
})

describe('on a full disk', () => {
  test('a living owner is reported, and keeps its lock', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    writeLock(dir, lockRecord())
    const before = allFilesOf(dir)
    await expect(openOnFullDisk(dir, { lockWaitMs: 100 })).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
    expect(allFilesOf(dir)).toEqual(before)
  })

  test('a living successor keeps its claim', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    writeLock(dir, staleLock)
    const socket = 'store.lock.bbbbbbbb.sock'
    writeLock(dir, lockRecord({ token: 'b'.repeat(32), socket }), claimOf('a'))
    await listen(join(dir, 'logs', socket))
    const before = allFilesOf(dir)
    await expect(openOnFullDisk(dir)).rejects.toMatchObject(noSpace)
    expect(allFilesOf(dir)).toEqual(before)
  })

  test('a file system without hard links leaves no empty lock file behind', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('link', systemError('EPERM'))
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.lock$/ })
    await expect(openOn(machine({ fileSystem }), { dir })).rejects.toThrow(lockAdvice)
    expect(namesAndSockets(dir)).toEqual(CLOSED)
  })

  test('an opening that fails after it took the lock leaves the lock free', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    for (const isStale of [false, true]) {
      if (isStale) writeLock(dir, staleLock)
      const fileSystem = new FaultyFileSystem()
      fileSystem.fail('read', systemError('EIO'), { on: /store\.log$/ })
      await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
      // The next owner must know that the log was not closed.
      expect(namesAndSockets(dir)).toEqual(isStale ? ['store.lock', ...CLOSED] : CLOSED)
      if (isStale) expect(readLock(dir).abandoned).toBe(true)
    }
  })

  test('a note of a failure that finds no space is written when the owner leaves', async () => {
    const dir = directory()
    const fileSystem = new FullDisk()
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    for (const [key, value] of Object.entries(VALUES)) await store.set(key, value)
    fileSystem.isFull = true
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(store.set('a', 2)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    expect(readLock(dir)).not.toHaveProperty('failed')
    fileSystem.isFull = false
    await store.close()
    expect(readLock(dir).failed).toContain('store.log')
    await using next = await openOn(machine(), { dir, lockWaitMs: 0, mainFile: false })
    expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
    expect(readLock(dir)).not.toHaveProperty('failed')
  })

  test('a lock whose note found no space can be taken after its owner has closed the store', async () => {
    const dir = directory()
    const fileSystem = new FullDisk()
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    for (const [key, value] of Object.entries(VALUES)) await store.set(key, value)
    fileSystem.isFull = true
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(store.set('d', 2)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await store.close()
    await expect(openOnFullDisk(dir)).rejects.toMatchObject(noSpace)
    await using next = await openOn(machine(), { dir, lockWaitMs: 0, mainFile: false })
    expect(stateOf(next)).toMatchObject(VALUES)
  })

  test('a note that cannot be cleared stays, and the store works', async () => {
    const dir = directory()
    await closed(dir, { mainFile: false })
    writeLock(dir, { ...staleLock, failed: 'a sync failed' })
    const fileSystem = new FaultyFileSystem()
    // The first write is the lock itself, the second would be the lock without the note.
    fileSystem.fail('write', systemError('ENOSPC'), { on: /\.lock\.[0-9a-f]{32}$/, nth: 2 })
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    await store.set('d', 1)
    expect(readLock(dir).failed).toBe('a sync failed')
    await using next = await openOn(machine(), { dir: copyAsOfNow(dir, join(directory(), 'copy')), mainFile: false })
    expect(stateOf(next)).toEqual({ ...VALUES, d: 1 })
    await store.close()
    expect(namesAndSockets(dir).filter((name) => name.startsWith('store.lock'))).toEqual([])
  })
})

describe.skipIf(!canMount)('of ten processes that open a store at once', () => {
  test('none gets it on a full disk, and exactly one after space is freed', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    await closed(dir)
    const rivals = Array.from({ length: 10 }, () => new Puppet(childPath('puppet')))
    const openAll = () =>
      Promise.all(
        rivals.map((puppet) =>
          puppet.call('open', { dir, lockWaitMs: 0 }).then(
            () => 'opened',
            (error: { code: string }) => error.code,
          ),
        ),
      )
    // Without a lock, and with that of an owner that was killed.
    for (const prepare of [() => {}, () => writeLock(dir, staleLock)]) {
      prepare()
      disk.fill()
      const before = allFilesOf(dir)
      expect(new Set(await openAll())).toEqual(new Set([noSpace.code]))
      expect(allFilesOf(dir)).toEqual(before)

      disk.giveBack()
      const outcomes = await openAll()
      expect(outcomes.toSorted()).toEqual([...rivals.slice(1).map(() => 'FLATLOG_LOCKED'), 'opened'])
      const owner = rivals[outcomes.indexOf('opened')] as Puppet
      expect(readLock(dir).pid).toBe(owner.pid)
      expect(await owner.call('state')).toEqual(VALUES)
      await owner.call('close')
      expect(namesAndSockets(dir)).toEqual(CLOSED)
    }
  })

  test('the owner keeps the store and continues', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    await closed(dir)
    const [owner, rival] = [new Puppet(childPath('puppet')), new Puppet(childPath('puppet'))]
    await owner.call('open', { dir })
    disk.fill()
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
    await expect(owner.call('set', 'long', LONG)).rejects.toMatchObject({ code: noSpace.code })
    await owner.killAndWait()
    await expect(rival.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject({ code: noSpace.code })
    await rival.call('open', { dir, readOnly: true })
    expect(await rival.call('state')).toEqual(VALUES)
    await rival.call('close')
    disk.giveBack()
    await rival.call('open', { dir, lockWaitMs: 0 })
    await rival.call('set', 'long', LONG)
    await rival.call('close')
    expect(namesAndSockets(dir)).toEqual(CLOSED)
  })
})

/** Copies the files with every name and socket, as a kill at this moment would leave them. */
function killedNow(dir: string): string {
  const copy = join(directory(), 'killed')
  execFileSync('cp', ['-a', dir, copy])
  return copy
}

test.each(situations)('a kill at any step of taking %s leaves it to the next opener', async (name, prepare) => {
  const dir = directory()
  await closed(dir, { mainFile: false })
  prepare(dir)
  const images: [string, string][] = []
  const fileSystem = new FullDisk()
  fileSystem.onCall = (kind, path) => {
    const changesSomething = /^(open|write|truncate|rename|link|remove)$/.test(kind)
    if (!changesSomething || !path.includes('store.lock')) return
    images.push([`${kind} ${path.slice(dir.length)}`, killedNow(dir)])
  }
  const system = machine({ fileSystem, clock: new HurriedClock() })
  await (await openOn(system, { dir, lockWaitMs: 0, mainFile: false })).close()
  expect(images.length).toBeGreaterThan(4)
  for (const [call, image] of images) {
    await expect(openOnFullDisk(image), call).rejects.toMatchObject(noSpace)
    const next = await openOn(machine({ clock: new HurriedClock() }), { dir: image, lockWaitMs: 0, mainFile: false })
    expect(stateOf(next), call).toEqual(VALUES)
    await next.close()
    const names = namesAndSockets(image).filter((each) => !name.includes('failure') || !each.includes('.damaged.'))
    expect(names, call).toEqual(CLOSED)
  }
})
