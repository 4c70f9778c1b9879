import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Processes } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { namesAndSockets } from '../support/files.js'
import { HurriedClock, lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { expectLocked, expectStale, GONE_PID, open, useListeners } from './opening.js'

const directory = useTempDirectory()
const listen = useListeners()
useRejectionWatch()

describe('a succession that was left unfinished', () => {
  const dead = (token: string) => lockRecord({ pid: GONE_PID, token: token.repeat(32) })

  test('is taken up by the next one, who leaves nothing of it behind', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    await expectStale(dir)
  })

  test('also where several died one after the other', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    writeLock(dir, dead('c'), `.after-${'b'.repeat(32)}`)
    writeLock(dir, '', `.after-${'c'.repeat(32)}`)
    await expectStale(dir)
  })

  test('belongs to a successor that lives', async () => {
    const dir = directory()
    writeLock(dir, dead('a'))
    writeLock(dir, lockRecord({ token: 'b'.repeat(32) }), `.after-${'a'.repeat(32)}`)
    await expectLocked(dir)
  })

  test('that died when it had the lock already leaves nothing behind either', async () => {
    const dir = directory()
    writeLock(dir, dead('b'))
    writeLock(dir, dead('b'), `.after-${'a'.repeat(32)}`)
    await expectStale(dir)
  })

  test('hands the note of a failure on', async () => {
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
    'by a call that fails (%s) keeps nobody out, least of all the same process',
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

  test('nothing but a socket beside the lock is ever removed on its word', async () => {
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

describe('what was left by openers that were killed before they had the lock', () => {
  const token = (letter: string) => letter.repeat(32)

  test('is removed by the next owner, whether there was a lock or not', async () => {
    for (const lock of [undefined, lockRecord({ pid: GONE_PID })]) {
      const dir = directory()
      const dead = lockRecord({ pid: GONE_PID, token: token('b') })
      writeLock(dir, dead, `.${token('b')}`)
      writeLock(dir, dead, `.${token('c')}.former`)
      writeLock(dir, dead, `.after-${token('d')}`)
      // Killed before it had written what it was about to link.
      writeLock(dir, '', `.${token('e')}`)
      writeFileSync(join(dir, 'logs', 'store.lock.eeeeeeee.sock'), '')
      // A plain file refuses connections as the socket of a dead process does.
      writeFileSync(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'), '')
      if (lock) writeLock(dir, lock)
      await (await open(dir)).close()
      expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
    }
  })

  test('is told from what belongs to the living', async () => {
    const dir = directory()
    const living = lockRecord({ token: token('b'), socket: 'store.lock.bbbbbbbb.sock' })
    writeLock(dir, living, `.${token('b')}`)
    // Another has made its file and not written to it yet; it listens where it is not seen.
    writeLock(dir, '', `.${token('c')}`)
    await listen(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'))
    const theirs = namesAndSockets(dir)
    for (const lock of [undefined, lockRecord({ pid: GONE_PID }), '']) {
      if (lock !== undefined) writeLock(dir, lock)
      await (await open(dir)).close()
      expect(namesAndSockets(dir)).toEqual([...theirs, 'store.log', 'store.mark'])
    }
  })

  test("what cannot be removed is in nobody's way", async () => {
    const dir = directory()
    mkdirSync(join(dir, 'logs', `store.lock.${token('b')}`), { recursive: true })
    mkdirSync(join(dir, 'logs', 'store.lock.bbbbbbbb.sock'))
    const store = await open(dir)
    await store.set('a', 1)
    await store.close()
  })

  test('does not cost an opener its socket that another took for left: it listens anew', async () => {
    const dir = directory()
    const { listen: really } = machine().processes
    let socket = ''
    // Tidied away between its making and its first listening, when it refused connections.
    const robbed: Processes['listen'] = async (path, own) => {
      const listening = await really(path, own)
      if (socket === '') {
        socket = join(path, '..', listening.address as string)
        rmSync(socket)
      }
      return listening
    }
    const store = await open(dir, {}, { listen: robbed })
    expect(await machine().processes.probe(lockPath(dir), readLock(dir).socket as string)).toBe('answers')
    await store.close()
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })
})
