import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { afterEach, expect } from 'vitest'
import type { Processes, StoreOptions } from '../support/core.js'
import { namesAndSockets } from '../support/files.js'
import { HurriedClock, lockPath, readLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'

/** Opens stores in directories with the lock of another owner. */

/** No process has this pid. */
export const GONE_PID = 2 ** 30

/**
 * Call it once in a file.
 * The returned function listens on a socket path until the test ends.
 */
export function useListeners(): (path: string) => Promise<void> {
  const servers: Server[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
  })
  return (path) => {
    const server = createServer((socket) => socket.destroy())
    servers.push(server)
    return new Promise((resolve) => server.listen(path, resolve))
  }
}

export function open(dir: string, options: StoreOptions = {}, environment: Partial<Processes> = {}) {
  const system = machine({ clock: new HurriedClock() })
  const processes = { ...system.processes, ...environment }
  return openOn({ ...system, processes }, { dir, lockWaitMs: 0, ...options })
}

export async function expectStale(dir: string, environment: Partial<Processes> = {}): Promise<void> {
  const store = await open(dir, {}, environment)
  expect(readLock(dir).token).not.toBe('a'.repeat(32))
  await store.set('a', 1)
  await store.close()
  expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
}

export async function expectLocked(dir: string, environment: Partial<Processes> = {}): Promise<void> {
  const before = readFileSync(lockPath(dir), 'utf8')
  const others = namesAndSockets(dir)
  await expect(open(dir, {}, environment)).rejects.toMatchObject({ code: 'FLATLOG_LOCKED', path: lockPath(dir) })
  expect(readFileSync(lockPath(dir), 'utf8')).toBe(before)
  expect(namesAndSockets(dir)).toEqual(others)
}
