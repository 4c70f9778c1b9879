import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { LockEnvironment } from '../../src/fs/lock-environment.js'
import type { LockRecord } from '../../src/fs/lock-file.js'
import type { StoreOptions } from '../../src/store/options.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { HurriedClock, lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
useRejectionWatch()

/** No process has such a number. */
const GONE_PID = 2 ** 30
const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

/** Somebody who listens where a lock file says that its owner does. */
function listen(path: string): Promise<void> {
  const server = createServer((socket) => socket.destroy())
  servers.push(server)
  return new Promise((resolve) => server.listen(path, resolve))
}

function open(dir: string, options: StoreOptions = {}, environment: Partial<LockEnvironment> = {}) {
  const system = machine({ clock: new HurriedClock() })
  const lockEnvironment = { ...system.lockEnvironment, ...environment }
  return openOn({ ...system, lockEnvironment }, { dir, lockWaitMs: 0, ...options })
}

async function expectStale(dir: string, environment: Partial<LockEnvironment> = {}): Promise<void> {
  const store = await open(dir, {}, environment)
  expect(readLock(dir).token).not.toBe('a'.repeat(32))
  await store.set('a', 1)
  await store.close()
  expect(readdirSync(join(dir, 'logs')).sort()).toEqual(['store.log', 'store.mark'])
}

async function expectLocked(dir: string, environment: Partial<LockEnvironment> = {}): Promise<void> {
  const before = readFileSync(lockPath(dir), 'utf8')
  const others = readdirSync(join(dir, 'logs')).sort()
  await expect(open(dir, {}, environment)).rejects.toMatchObject({ code: 'FLATLOG_LOCKED', path: lockPath(dir) })
  expect(readFileSync(lockPath(dir), 'utf8')).toBe(before)
  expect(readdirSync(join(dir, 'logs')).sort()).toEqual(others)
}

describe('a lock file that names nobody', () => {
  const contents: [string, string][] = [
    ['empty', ''],
    ['zeros', '\0'.repeat(4096)],
    ['garbage', 'ÿþ garbage {{{'],
    ['half a record', JSON.stringify(lockRecord()).slice(0, 60)],
    ['JSON of another kind', '[1,2,3]'],
    ['null', 'null'],
    ['without a token', '{"pid":1}'],
    ['with a token that is none', '{"pid":1,"token":"../../../../etc/passwd"}'],
    ['far too long', ' '.repeat(100_000)],
  ]

  test.each(contents)('is stale: %s', async (_, content) => {
    const dir = directory()
    writeLock(dir, content)
    await expectStale(dir)
  })
})

describe('an owner on this machine', () => {
  test('whose process is gone is gone', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ pid: GONE_PID }))
    await expectStale(dir)
  })

  test('whose number another process has now is gone', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ start: '1' }))
    await expectStale(dir)
  })

  test('that lives and has no socket is there', async () => {
    const dir = directory()
    writeLock(dir, lockRecord())
    await expectLocked(dir)
  })

  test('that listens is there, whatever its number says', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ pid: GONE_PID, start: '1', socket: 'store.lock.abc.sock' }))
    await listen(join(dir, 'logs', 'store.lock.abc.sock'))
    await expectLocked(dir)
  })

  test('whose process lives but whose socket was removed is there, unless it is one that removes its own', async () => {
    const socket = 'store.lock.abc.sock'
    const cleanedAway = directory()
    writeLock(cleanedAway, lockRecord({ socket }))
    await expectLocked(cleanedAway)
    // A worker thread removes its socket in ending; so does an owner that leaves its lock behind with a note.
    const workerThread = directory()
    writeLock(workerThread, lockRecord({ socket, thread: 7 }))
    await expectStale(workerThread)
    const failedOwner = directory()
    writeLock(failedOwner, lockRecord({ socket, failed: 'a sync failed' }))
    await (await open(failedOwner)).close()
    expect(existsSync(lockPath(failedOwner))).toBe(false)
  })

  test('whose socket is there and refuses is gone, and the socket is tidied away', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ socket: 'store.lock.abc.sock' }))
    // A plain file refuses connections as the socket of a dead process does.
    writeFileSync(join(dir, 'logs', 'store.lock.abc.sock'), '')
    await expectStale(dir)
  })

  test('that says it began in the future is judged like any other', async () => {
    const since = '2999-01-01T00:00:00.000Z'
    const dead = directory()
    writeLock(dead, lockRecord({ pid: GONE_PID, since }))
    await expectStale(dead)
    const alive = directory()
    writeLock(alive, lockRecord({ since }))
    await expectLocked(alive)
  })

  test('whose start nobody can tell is there as long as its number is', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ start: null }))
    await expectLocked(dir)
    const other = directory()
    writeLock(other, lockRecord({ start: '1' }))
    await expectLocked(other, { processStart: () => null })
  })
})

describe('an owner in another container', () => {
  const elsewhere = (parts: Partial<LockRecord>) => lockRecord({ pid: GONE_PID, pidNamespace: 'another', ...parts })

  test('that listens beside the log is there', async () => {
    const dir = directory()
    writeLock(dir, elsewhere({ socket: 'store.lock.abc.sock' }))
    await listen(join(dir, 'logs', 'store.lock.abc.sock'))
    await expectLocked(dir)
  })

  test('whose socket beside the log refuses is gone', async () => {
    const dir = directory()
    writeLock(dir, elsewhere({ socket: 'store.lock.abc.sock' }))
    writeFileSync(join(dir, 'logs', 'store.lock.abc.sock'), '')
    await expectStale(dir)
  })

  test('whose socket is out of sight is there: its number means nothing here', async () => {
    for (const socket of ['/nowhere/flatlog.sock', null]) {
      const dir = directory()
      writeLock(dir, elsewhere({ socket }))
      await expectLocked(dir)
    }
  })
})

describe('an owner before the last boot, or on another machine', () => {
  const before = lockRecord({ bootId: '00000000-0000-0000-0000-000000000000', host: 'another-host' })

  test('is gone where the files are on a disk of this machine', async () => {
    const dir = directory()
    writeLock(dir, before)
    await expectStale(dir)
  })

  test('is there where the files are shared with other machines', async () => {
    const dir = directory()
    writeLock(dir, before)
    class SharedFileSystem extends FaultyFileSystem {
      override isLocal() {
        return false
      }
    }
    const system = machine({ clock: new HurriedClock(), fileSystem: new SharedFileSystem() })
    await expect(openOn(system, { dir, lockWaitMs: 0 })).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
    await expect(openOn(system, { dir, lockWaitMs: 0 })).rejects.toThrow(/another-host/)
  })

  test('is there where nobody can tell one boot from another', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ bootId: null, host: 'another-host' }))
    await expectLocked(dir)
  })
})

describe('FLATLOG_LOCKED', () => {
  test('names the holder and the ways out', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ host: 'some-host', thread: 3 }))
    const refused = open(dir)
    await expect(refused).rejects.toThrow(
      `process ${process.pid} (worker thread 3) on some-host since 2025-01-15T12:00:00.000Z`,
    )
    await expect(refused).rejects.toThrow(/readOnly: true.*lockWaitMs.*takeOver: true/)
  })

  test('comes only after lockWaitMs', async () => {
    const dir = directory()
    writeLock(dir, lockRecord())
    const clock = new HurriedClock()
    const startMs = clock.monotonicMs()
    await expect(openOn(machine({ clock }), { dir, lockWaitMs: 5000 })).rejects.toThrow(/waited 5000 ms/)
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5000)
    expect(clock.monotonicMs() - startMs).toBeLessThan(6000)
  })

  test('does not come to those who only read', async () => {
    const dir = directory()
    await (await open(dir)).close()
    writeLock(dir, lockRecord())
    await using reader = await open(dir, { readOnly: true })
    expect(reader.size).toBe(0)
  })
})

describe('takeOver', () => {
  test('takes the lock from whoever holds it', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ socket: 'store.lock.abc.sock' }))
    await listen(join(dir, 'logs', 'store.lock.abc.sock'))
    await expectLocked(dir)
    const store = await open(dir, { takeOver: true })
    expect(readLock(dir).token).not.toBe('a'.repeat(32))
    await store.close()
    expect(existsSync(lockPath(dir))).toBe(false)
  })
})

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
