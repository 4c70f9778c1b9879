import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GONE_PID } from '../lock/opening.js'
import { Puppet, useChildren } from '../support/children.js'
import type { Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, isSpare, stateOf } from '../support/files.js'
import { FullDisk } from '../support/full-disk.js'
import { lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { closed, LONG, noSpace, VALUES } from './places.js'

/** The files beside the lock whose blocks are there for whoever opens the store on a full disk. */
const directory = useTempDirectory()
const smallDisk = useSmallDisks()
const childPath = useChildren('puppet')
const startPuppet = () => new Puppet(childPath('puppet'))
useRejectionWatch()

const sparesIn = (dir: string) => readdirSync(join(dir, 'logs')).filter(isSpare)
/** What is about the lock, but for the spares; the socket of one that was killed before it had the lock stays. */
const lockFilesIn = (dir: string) => fileNames(dir).filter((name) => name.startsWith('store.lock'))

/** As the files are this moment, with every name and every socket: what a kill would leave. */
function killedAsOfNow(dir: string): string {
  const to = join(directory(), 'killed')
  execFileSync('cp', ['-a', dir, to])
  return to
}

function openFull(dir: string, fileSystem = new FullDisk()): Promise<Store> {
  fileSystem.isFull = true
  return openOn(machine({ fileSystem }), { dir, lockWaitMs: 0, mainFile: false })
}

describe('the reserve', () => {
  test('is there once a store has been opened, is no part of it, and is made again where it is gone', async () => {
    const dir = directory()
    await closed(dir)
    expect(sparesIn(dir)).toHaveLength(3)
    for (const spare of sparesIn(dir)) {
      expect(statSync(join(dir, 'logs', spare))).toMatchObject({ size: 4096, nlink: 1 })
    }
    rmSync(join(dir, 'logs', 'store.lock.spare'))
    writeFileSync(join(dir, 'logs', 'store.lock.spare.2'), '')
    await using store = await openOn(machine(), { dir })
    expect(sparesIn(dir).map((spare) => statSync(join(dir, 'logs', spare)).size)).toEqual([4096, 4096, 4096])
    expect(stateOf(store)).toEqual(VALUES)
  })

  test('that cannot be made keeps nothing from working, and leaves nothing half made', async () => {
    for (const kind of ['open', 'write', 'rename', 'status'] as const) {
      const dir = directory()
      await closed(dir)
      for (const spare of sparesIn(dir)) rmSync(join(dir, 'logs', spare))
      const fileSystem = new FaultyFileSystem()
      // The first of the files that have the token of the owner is the lock; what comes later are spares in the making.
      const on = kind === 'rename' || kind === 'status' ? /\.spare/ : /\.lock\.[0-9a-f]{32}$/
      fileSystem.fail(kind, systemError('EACCES'), { on, nth: kind === 'status' ? 4 : kind === 'rename' ? 1 : 2 })
      const store = await openOn(machine({ fileSystem }), { dir })
      await store.set('d', 1)
      await store.close()
      expect(lockFilesIn(dir), kind).toEqual([])
      expect(fileSystem.openFiles.size).toBe(0)
    }
  })

  test('of an opening that fails is as it was before', async () => {
    const dir = directory()
    await closed(dir)
    const fileSystem = new FullDisk()
    fileSystem.fail('read', systemError('EIO'), { on: /store\.log$/ })
    await expect(openFull(dir, fileSystem)).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    expect(sparesIn(dir)).toHaveLength(3)
    expect(lockFilesIn(dir)).toEqual([])
  })

  test('of an opener that came too late is as it was before', async () => {
    const dir = directory()
    await closed(dir)
    writeLock(dir, lockRecord({ pid: GONE_PID }))
    // A rival that lives, and has its claim already.
    writeLock(dir, lockRecord({ token: 'b'.repeat(32) }), `.after-${'a'.repeat(32)}`)
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(openFull(dir)).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
      expect(sparesIn(dir)).toHaveLength(3)
    }
    expect(lockFilesIn(dir)).toEqual(['store.lock', `store.lock.after-${'a'.repeat(32)}`])
  })

  test('is not made by a store that could not be made', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.log/ })
    await expect(openOn(machine({ fileSystem }), { dir })).rejects.toMatchObject(noSpace)
    expect(readdirSync(join(dir, 'logs'))).toEqual([])
  })

  test('that has lost its blocks in a power cut is passed over', async () => {
    const dir = directory()
    await closed(dir)
    writeFileSync(join(dir, 'logs', 'store.lock.spare'), '')
    await using store = await openFull(dir)
    expect(stateOf(store)).toEqual(VALUES)
  })
})

describe('on a disk where others take every block that comes free', () => {
  test('opening and closing, and opening after a kill, work any number of times', async () => {
    let dir = directory()
    await closed(dir)
    for (let round = 0; round < 10; round++) {
      const store = await openFull(dir)
      expect(stateOf(store)).toEqual(VALUES)
      const killed = killedAsOfNow(dir)
      await store.close()
      expect(lockFilesIn(dir)).toEqual([])
      expect(sparesIn(dir)).toHaveLength(3)
      for (const spare of sparesIn(dir)) {
        // For people who look into it: this is no lock.
        expect(readFileSync(join(dir, 'logs', spare), 'utf8')).toMatch(/^Kept for the lock.* \n$/)
      }
      if (round % 3 > 0) dir = killed
    }
  })

  test('a failure is noted, handed on, and taken back', async () => {
    const dir = directory()
    await closed(dir)
    const fileSystem = new FullDisk()
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    fileSystem.isFull = true
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(store.set('a', 2)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    expect(readLock(dir).failed).toContain('store.log')
    await store.close()
    for (let round = 0; round < 3; round++) {
      const next = await openFull(dir)
      await expect(next.set('a', 3)).rejects.toMatchObject(noSpace)
      expect(readLock(dir).failed).toContain('store.log')
      await next.close()
    }
    await using last = await openOn(machine(), { dir })
    await last.set('a', 4)
    expect(readLock(dir)).not.toHaveProperty('failed')
  })

  test('a note that cannot be taken back for want of room stays, and keeps nothing from working', async () => {
    const dir = directory()
    await closed(dir)
    writeLock(dir, lockRecord({ pid: GONE_PID, failed: 'a sync failed' }))
    for (const spare of sparesIn(dir)) rmSync(join(dir, 'logs', spare))
    const fileSystem = new FaultyFileSystem()
    // The first is the lock itself; the second would be the one without the note.
    fileSystem.fail('write', systemError('ENOSPC'), { on: /\.lock\.[0-9a-f]{32}$/, nth: 2 })
    const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
    await store.set('d', 1)
    expect(readLock(dir).failed).toBe('a sync failed')
    await using next = await openOn(machine(), { dir: killedAsOfNow(dir) })
    expect(stateOf(next)).toEqual({ ...VALUES, d: 1 })
    await store.close()
    expect(lockFilesIn(dir)).toEqual([])
  })

  test.each(['of a lock that is free', 'of a lock whose owner was killed'])(
    'a kill at any step of the taking %s leaves the next one the lock',
    async (what) => {
      const dir = directory()
      await closed(dir)
      let place = dir
      if (what.endsWith('killed')) {
        const owner = await openFull(dir)
        place = killedAsOfNow(dir)
        await owner.close()
      }
      const images: [string, string][] = []
      const fileSystem = new FullDisk()
      fileSystem.onCall = (kind, path) => {
        const changesSomething = /^(open|write|truncate|rename|link|remove)$/.test(kind)
        if (!changesSomething || !path.includes('store.lock')) return
        images.push([`${kind} ${path.slice(place.length)}`, killedAsOfNow(place)])
      }
      const store = await openFull(place, fileSystem)
      const taken = images.length
      expect(taken).toBeGreaterThan(10)
      await store.close()
      expect(images.length).toBeGreaterThan(taken)

      for (const [call, image] of images) {
        const next = await openFull(image)
        expect(stateOf(next), call).toEqual(VALUES)
        const killed = killedAsOfNow(image)
        await next.close()
        expect(lockFilesIn(image), call).toEqual([])
        const last = await openFull(killed)
        expect(stateOf(last), call).toEqual(VALUES)
        await last.close()
        expect(lockFilesIn(killed), call).toEqual([])
        // No two names for one file: whoever takes one would write to the other.
        for (const spare of sparesIn(killed)) expect(statSync(join(killed, 'logs', spare)).nlink, call).toBe(1)
      }
    },
  )
})

describe.skipIf(!canMount)('on a full disk', () => {
  test('an owner that is killed is succeeded, any number of times', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    await closed(dir)
    for (let round = 0; round < rounds(6, 100); round++) {
      disk.fill()
      const puppet = startPuppet()
      await puppet.call('open', { dir, lockWaitMs: 0 })
      expect(await puppet.call('state')).toEqual(VALUES)
      await expect(puppet.call('set', 'long', LONG)).rejects.toMatchObject({ code: noSpace.code })
      await puppet.killAndWait()
      expect(existsSync(lockPath(dir))).toBe(true)
    }
    const store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(stateOf(store)).toEqual(VALUES)
    await store.close()
    expect(lockFilesIn(dir)).toEqual([])
  })

  test('of ten that open at once exactly one gets the store, and when it is killed exactly one of the rest', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    await closed(dir)
    let rivals = Array.from({ length: 10 }, startPuppet)
    await Promise.all(rivals.map((puppet) => puppet.call('health').catch(() => {})))
    for (let round = 0; round < 4; round++) {
      disk.fill()
      const owners: Puppet[] = []
      const codes = new Set<string>()
      await Promise.all(
        rivals.map((puppet) =>
          puppet.call('open', { dir, lockWaitMs: 500 }).then(
            () => owners.push(puppet),
            (error: { code: string }) => codes.add(error.code),
          ),
        ),
      )
      expect(owners.length, `round ${round}`).toBe(1)
      expect([...codes]).toEqual(['FLATLOG_LOCKED'])
      const owner = owners[0] as Puppet
      expect(readLock(dir).pid).toBe(owner.pid)
      expect(await owner.call('state')).toEqual(VALUES)
      rivals = rivals.filter((puppet) => puppet !== owner)
      if (round < 3) await owner.killAndWait()
      else await owner.call('close')
    }
    expect(lockFilesIn(dir)).toEqual([])
  })
})
