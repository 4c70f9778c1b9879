import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LockRecord } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { HurriedClock, lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { expectLocked, expectStale, GONE_PID, open, useListeners } from './opening.js'

const directory = useTempDirectory()
const listen = useListeners()
useRejectionWatch()

describe('a lock file without a record', () => {
  const contents: [string, string | Uint8Array][] = [
    ['empty', ''],
    ['zeros', '\0'.repeat(4096)],
    ['garbage', 'ÿþ garbage {{{'],
    ['half a record', JSON.stringify(lockRecord()).slice(0, 60)],
    ['other JSON', '[1,2,3]'],
    ['null', 'null'],
    ['without a token', '{"pid":1}'],
    ['with an invalid token', '{"pid":1,"token":"../../../../etc/passwd"}'],
    ['far too long', ' '.repeat(100_000)],
    ['every byte value', Uint8Array.from({ length: 256 }, (_, value) => value)],
  ]

  test.each(contents)('is stale: %s', async (_, content) => {
    const dir = directory()
    writeLock(dir, content)
    await expectStale(dir)
  })
})

describe('an owner on this machine', () => {
  test('is gone if its process is gone', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ pid: GONE_PID }))
    await expectStale(dir)
  })

  test('is gone if another process has its pid now', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ start: '1' }))
    await expectStale(dir)
  })

  test('is gone if its pid is that of the first process', async () => {
    const dir = directory()
    // As in a container, where pids begin at 1 with every start.
    writeLock(dir, lockRecord({ pid: 1, start: 'another' }))
    await expectStale(dir)
  })

  test('is alive if its process lives, without a socket', async () => {
    const dir = directory()
    writeLock(dir, lockRecord())
    await expectLocked(dir)
  })

  test('is alive if its socket answers, whatever its pid is', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ pid: GONE_PID, start: '1', socket: 'store.lock.abc.sock' }))
    await listen(join(dir, 'logs', 'store.lock.abc.sock'))
    await expectLocked(dir)
  })

  test('is alive if its process lives but its socket is gone, unless it removes its own socket', async () => {
    const socket = 'store.lock.abc.sock'
    const cleanedAway = directory()
    writeLock(cleanedAway, lockRecord({ socket }))
    await expectLocked(cleanedAway)
    // A worker thread removes its socket when it ends, and so does an owner that leaves its lock with a note.
    const workerThread = directory()
    writeLock(workerThread, lockRecord({ socket, thread: 7 }))
    await expectStale(workerThread)
    const failedOwner = directory()
    writeLock(failedOwner, lockRecord({ socket, failed: 'a sync failed' }))
    await (await open(failedOwner)).close()
    expect(existsSync(lockPath(failedOwner))).toBe(false)
  })

  test('is gone if its socket refuses, and the socket is removed', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ socket: 'store.lock.abc.sock' }))
    // A plain file refuses connections as the socket of a dead process does.
    writeFileSync(join(dir, 'logs', 'store.lock.abc.sock'), '')
    await expectStale(dir)
  })

  test('follows the same rules if its record is from the future', async () => {
    const since = '2999-01-01T00:00:00.000Z'
    const dead = directory()
    writeLock(dead, lockRecord({ pid: GONE_PID, since }))
    await expectStale(dead)
    const alive = directory()
    writeLock(alive, lockRecord({ since }))
    await expectLocked(alive)
  })

  test('is alive while its pid exists, if its start is not known', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ start: null }))
    await expectLocked(dir)
    const other = directory()
    writeLock(other, lockRecord({ start: '1' }))
    await expectLocked(other, { processStart: () => null })
  })
})

test('a directory in the place of the lock file is an error, and is not removed', async () => {
  const dir = directory()
  mkdirSync(lockPath(dir), { recursive: true })
  await expect(open(dir)).rejects.toMatchObject({ code: 'FLATLOG_IO', path: lockPath(dir) })
  expect(readdirSync(join(dir, 'logs'))).toEqual(['store.lock'])
})

describe('an owner in another container', () => {
  const elsewhere = (parts: Partial<LockRecord>) => lockRecord({ pid: GONE_PID, pidNamespace: 'another', ...parts })

  test('is alive if its socket next to the log answers', async () => {
    const dir = directory()
    writeLock(dir, elsewhere({ socket: 'store.lock.abc.sock' }))
    await listen(join(dir, 'logs', 'store.lock.abc.sock'))
    await expectLocked(dir)
  })

  test('is gone if its socket next to the log refuses', async () => {
    const dir = directory()
    writeLock(dir, elsewhere({ socket: 'store.lock.abc.sock' }))
    writeFileSync(join(dir, 'logs', 'store.lock.abc.sock'), '')
    await expectStale(dir)
  })

  test('is alive if its socket is out of sight: its pid means nothing here', async () => {
    for (const socket of ['/nowhere/flatlog.sock', null]) {
      const dir = directory()
      writeLock(dir, elsewhere({ socket }))
      await expectLocked(dir)
    }
  })
})

describe('an owner of another boot or machine', () => {
  const before = lockRecord({ bootId: '00000000-0000-0000-0000-000000000000', host: 'another-host' })

  test('is gone if the files are on a local disk', async () => {
    const dir = directory()
    writeLock(dir, before)
    await expectStale(dir)
  })

  test('is alive if the files are shared with other machines', async () => {
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

  test('is alive if its boot is not known', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ bootId: null, host: 'another-host' }))
    await expectLocked(dir)
  })
})

describe('FLATLOG_LOCKED', () => {
  test('names the owner and the alternatives', async () => {
    const dir = directory()
    writeLock(dir, lockRecord({ host: 'some-host', thread: 3 }))
    const refused = open(dir)
    await expect(refused).rejects.toThrow(
      `Process ${process.pid} (worker thread 3) on some-host (since 2025-01-15T12:00:00.000Z)`,
    )
    await expect(refused).rejects.toThrow(/readOnly: true.*lockWaitMs.*takeOver: true/)
  })

  test('is thrown after lockWaitMs', async () => {
    const dir = directory()
    writeLock(dir, lockRecord())
    const clock = new HurriedClock()
    const startMs = clock.monotonicMs()
    await expect(openOn(machine({ clock }), { dir, lockWaitMs: 5000 })).rejects.toThrow(/This process waited 5000 ms/)
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5000)
    expect(clock.monotonicMs() - startMs).toBeLessThan(6000)
  })

  test('is not thrown for readers', async () => {
    const dir = directory()
    await (await open(dir)).close()
    writeLock(dir, lockRecord())
    await using reader = await open(dir, { readOnly: true })
    expect(reader.size).toBe(0)
  })
})

describe('takeOver', () => {
  test('takes the lock of a living owner', async () => {
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
