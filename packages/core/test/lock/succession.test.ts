import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Processes, StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { logPath, namesAndSockets } from '../support/files.js'
import { HurriedClock, lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { expectLocked, expectStale, GONE_PID, open, useListeners } from './opening.js'

const directory = useTempDirectory()
const listen = useListeners()
useRejectionWatch()

describe('an unfinished succession', () => {
  const dead = (token: string) => lockRecord({ pid: GONE_PID, token: token.repeat(32) })

  test('is finished by the next opener, which leaves nothing of it', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    await expectStale(dir)
  })

  test('is finished also if several contenders died one after the other', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    writeLock(dir, dead('c'), `.after-${'b'.repeat(32)}`)
    writeLock(dir, '', `.after-${'c'.repeat(32)}`)
    await expectStale(dir)
  })

  test('is left to a living successor', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, lockRecord({ token: 'b'.repeat(32) }), `.after-${'a'.repeat(32)}`)
    await expectLocked(dir)
  })

  test('of a successor that died when it had the lock leaves nothing', async () => {
    const dir = directory()
    writeLock(dir, dead('b'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    await expectStale(dir)
  })

  test('keeps the note of a failure', async () => {
    const dir = directory()
    const store = await open(dir)
    await store.set('a', 1)
    await store.close()
    const failed = 'a sync failed'
    writeLock(dir, { ...dead('a'), failed })
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    const next = await open(dir)
    expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
    expect(readdirSync(join(dir, 'logs')).some((fileName) => fileName.includes('.damaged.'))).toBe(true)
    await next.close()
  })

  test.each(['write', 'link', 'rename', 'status'] as const)(
    'by a call that fails (%s) does not keep other openers out, nor the same process',
    async (kind) => {
      for (let nth = 1; nth <= 3; nth++) {
        const dir = directory()
        writeLock(dir, dead('a'))
        const fileSystem = new FaultyFileSystem()
        fileSystem.fail(kind, systemError('EIO'), { on: /store\.lock/, nth })
        const failing = openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir, lockWaitMs: 0 })
        await failing.then(
          (store) => store.close(),
          () => {},
        )
        expect(namesAndSockets(dir).filter((name) => name.includes('.after-'))).toEqual([])
        await (await open(dir)).close()
        expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
      }
    },
  )

  test('with a note is finished by the same process, also if it could not listen', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const system = machine({ fileSystem, clock: new HurriedClock() })
    const processes: Processes = { ...system.processes, listen: async () => ({ address: null, close() {} }) }
    const failed = await openOn({ ...system, processes }, { dir })
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(failed.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await failed.close()
    expect(readLock(dir)).toMatchObject({ socket: null, failed: expect.any(String) })
    const next = await open(dir, {}, { listen: processes.listen })
    expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
    await next.close()
    expect(existsSync(lockPath(dir))).toBe(false)
  })

  test('whose note found no space is known to the same process', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const failed = await openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir })
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.lock/, times: 99 })
    await expect(failed.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await failed.close().catch(() => {})
    expect(readLock(dir).failed).toBeUndefined()
    const next = await open(dir)
    expect(next.recovery.notes.join(' ')).toMatch(/met a failure/)
    await next.close()
  })

  test('the socket in a record is removed only if it is next to the lock', async () => {
    const dir = directory()
    const mine = join(dir, 'mine.sock')
    writeFileSync(mine, 'mine')
    for (const socket of [mine, '../mine.sock', 'store.log', '..']) {
      writeLock(dir, lockRecord({ pid: GONE_PID, socket }))
      await (await open(dir)).close()
      expect(readFileSync(mine, 'utf8')).toBe('mine')
      expect(existsSync(join(dir, 'logs', 'store.log'))).toBe(true)
    }
  })
})

describe('a log that is lost and cannot be opened', () => {
  /**
   * A store whose log is lost and that has one backup.
   * If its owner was killed, it may have written more than the backup has.
   */
  async function lostLog(): Promise<string> {
    const dir = directory()
    const store = await open(dir, { compaction: false })
    await store.set('a', 1)
    await store.compact()
    await store.close()
    rmSync(logPath(dir))
    return dir
  }
  const refused = (dir: string, options: StoreOptions) =>
    expect(open(dir, options)).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })

  test.each([0, 1, 3])('puts every key in doubt after %i refused openings', async (times) => {
    const dir = await lostLog()
    writeLock(dir, lockRecord({ pid: GONE_PID }))
    for (let time = 0; time < times; time++) {
      await refused(dir, { recovery: 'strict' })
      expect(readLock(dir)).toMatchObject({ abandoned: true, pid: process.pid })
    }
    const store = await open(dir)
    expect(store.recovery.inDoubt).toEqual(['any'])
    await store.close()
    expect(namesAndSockets(dir)).not.toContain('store.lock')
  })

  test('puts no key in doubt if it was closed', async () => {
    const dir = await lostLog()
    await refused(dir, { recovery: 'strict' })
    expect(existsSync(lockPath(dir))).toBe(false)
    const store = await open(dir)
    expect(store.recovery.inDoubt).toEqual([])
    await store.close()
  })

  test('does not keep other processes out while the process that could not open it lives', async () => {
    const dir = directory()
    const { pid, start, bootId, pidNamespace, host } = lockRecord()
    const left = lockRecord({ pid, start, bootId, pidNamespace, host, socket: 'store.lock.aaaaaaaa.sock' })
    writeLock(dir, { ...left, abandoned: true })
    await expectStale(dir)
    writeLock(dir, left)
    await expectLocked(dir)
  })

  test('leaves no lock if the lock file cannot be written', async () => {
    const dir = await lostLog()
    writeLock(dir, lockRecord({ pid: GONE_PID }))
    const fileSystem = new FaultyFileSystem()
    const failing = openOn(machine({ fileSystem, clock: new HurriedClock() }), { dir, recovery: 'strict' })
    // The first write is that of the lock, and there is no other.
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.lock/, nth: 2 })
    await expect(failing).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
    expect(existsSync(lockPath(dir))).toBe(false)
  })
})

test('the socket of a dead owner is removed from the temporary directory, and no other file', async () => {
  const token = 'a'.repeat(32)
  const [own, other] = [`flatlog-${token.slice(0, 16)}.sock`, 'flatlog-other.sock'].map((name) =>
    join(directory(), name),
  )
  for (const socket of [own, other] as [string, string]) {
    const dir = directory()
    writeFileSync(socket, '')
    writeLock(dir, lockRecord({ pid: GONE_PID, token, socket }))
    await (await open(dir)).close()
    expect(existsSync(socket)).toBe(socket === other)
  }
})

describe('files left by openers that were killed before they had the lock', () => {
  const token = (letter: string) => letter.repeat(32)

  test('are removed by the next owner, whether there was a lock or not', async () => {
    for (const lock of [undefined, lockRecord({ pid: GONE_PID })]) {
      const dir = directory()
      const dead = lockRecord({ pid: GONE_PID, token: token('b') })
      writeLock(dir, dead, `.${token('b')}`)
      writeLock(dir, dead, `.${token('c')}.former`)
      writeLock(dir, dead, `.after-${token('d')}`)
      // Killed before it had written the record.
      writeLock(dir, '', `.${token('e')}`)
      writeFileSync(join(dir, 'logs', 'store.lock.eeeeeeee.sock'), '')
      // A plain file refuses connections as the socket of a dead process does.
      writeFileSync(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'), '')
      if (lock) writeLock(dir, lock)
      await (await open(dir)).close()
      expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
    }
  })

  test('are distinguished from those of living openers', async () => {
    const dir = directory()
    const living = lockRecord({ token: token('b'), socket: 'store.lock.bbbbbbbb.sock' })
    writeLock(dir, living, `.${token('b')}`)
    // The record of an opener that has not written it yet, and listens out of sight.
    writeLock(dir, '', `.${token('c')}`)
    await listen(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'))
    const theirs = namesAndSockets(dir)
    for (const lock of [undefined, lockRecord({ pid: GONE_PID }), '']) {
      if (lock !== undefined) writeLock(dir, lock)
      await (await open(dir)).close()
      expect(namesAndSockets(dir)).toEqual([...theirs, 'store.log', 'store.mark'])
    }
  })

  test('do not matter if they cannot be removed', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'logs', `store.lock.${token('b')}`), { recursive: true })
    mkdirSync(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'))
    const store = await open(dir)
    await store.set('a', 1)
    await store.close()
  })

  test('do not include the socket of an opener: if it is removed by mistake, the opener listens again', async () => {
    const dir = directory()
    const { listen: really } = machine().processes
    let socket = ''
    // Removed between its creation and its first listen, when it refused connections.
    const listenAndLose: Processes['listen'] = async (path, own) => {
      const listening = await really(path, own)
      if (socket === '') {
        socket = join(path, '..', listening.address as string)
        rmSync(socket)
      }
      return listening
    }
    const store = await open(dir, {}, { listen: listenAndLose })
    expect(await machine().processes.probe(lockPath(dir), readLock(dir).socket as string)).toBe('answers')
    await store.close()
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })
})

test('files that an earlier version kept next to the lock are removed when the lock is taken', async () => {
  const spares = ['spare', 'spare.2', 'spare.3', `${'c'.repeat(32)}.former`]
  for (const [lock, mayRemove] of [
    [undefined, true],
    [lockRecord({ pid: GONE_PID }), true],
    [undefined, false],
  ] as const) {
    const dir = directory()
    await (await open(dir)).close()
    for (const name of [...spares, 'spare.4', 'spares']) writeFileSync(join(dir, 'logs', `store.lock.${name}`), 'spare')
    if (lock) writeLock(dir, lock)
    const fileSystem = new FaultyFileSystem()
    if (!mayRemove) fileSystem.fail('remove', systemError('EACCES'), { on: /spare|former/, times: 9 })
    const store = await openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 })
    const others = ['store.lock.spare.4', 'store.lock.spares']
    const left = mayRemove ? others : [...spares.map((name) => `store.lock.${name}`), ...others]
    expect(namesAndSockets(dir).filter((name) => /spare|former/.test(name))).toEqual(left.toSorted())
    await store.close()
  }
})
