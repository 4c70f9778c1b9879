import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Puppet, run, useChildren } from '../support/children.js'
import { linesOf, logPath, namesAndSockets, stateOf } from '../support/files.js'
import { lockPath, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('puppet', 'cluster')
const startPuppet = () => new Puppet(childPath('puppet'))

const locked = { code: 'FLATLOG_LOCKED' }

describe('two processes', () => {
  test('the error of the second names the owner and the alternatives, and the first continues', async () => {
    const dir = directory()
    const [first, second] = [startPuppet(), startPuppet()]
    await first.call('open', { dir })
    await first.call('set', 'a', 1)
    const refused = second.call('open', { dir, lockWaitMs: 0 })
    await expect(refused).rejects.toMatchObject(locked)
    await expect(refused).rejects.toThrow(
      new RegExp(`Process ${first.pid} on .* \\(since .*readOnly.*lockWaitMs.*takeOver`),
    )
    await second.call('open', { dir, readOnly: true })
    expect(await second.call('state')).toEqual({ a: 1 })
    await first.call('set', 'b', 1)
    await first.call('close')
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })

  test('the second gets the store when the first closes it while the second waits', async () => {
    const dir = directory()
    const [first, second] = [startPuppet(), startPuppet()]
    await first.call('open', { dir })
    const opened = second.call('open', { dir, lockWaitMs: 60_000 })
    await first.call('set', 'a', 1)
    await first.call('close')
    await opened
    expect(await second.call('get', 'a')).toBe(1)
    expect(readLock(dir).pid).toBe(second.pid)
    await second.call('close')
  })

  test('that set a thousand keys each never mix their lines', async () => {
    const dir = directory()
    const puppets = [startPuppet(), startPuppet()]
    await Promise.all(
      puppets.map(async (puppet, number) => {
        await puppet.call('open', { dir, lockWaitMs: 60_000 })
        await puppet.call('setMany', `p${number}`, 100, 10)
        await puppet.call('close')
      }),
    )
    const lines = linesOf(logPath(dir))
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 2001 }, (_, seq) => seq))
    await using store = await openOn(machine(), { dir })
    expect(store.size).toBe(2000)
    expect(store.recovery.clean).toBe(true)
  })
})

describe('an owner that is killed', () => {
  test('is succeeded at once, and its acknowledged writes are kept', async () => {
    const dir = directory()
    for (let round = 0; round < 5; round++) {
      const puppet = startPuppet()
      // Without waiting: the first attempt must find that the previous owner is gone.
      await puppet.call('open', { dir, lockWaitMs: 0 })
      await puppet.call('set', `round ${round}`, round)
      expect(Object.keys(await puppet.call<object>('state'))).toHaveLength(round + 1)
      await puppet.killAndWait()
      expect(existsSync(join(dir, 'logs', 'store.lock'))).toBe(true)
    }
    const store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(store.size).toBe(5)
    await store.close()
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })
})

describe('an owner that is a worker of node:cluster', () => {
  /** The primary process, and the pid of the worker that owns the store. */
  async function startCluster(dir: string): Promise<[ChildProcess, number]> {
    const pids: number[] = []
    const { child } = run(childPath('cluster'), [dir], (line) => pids.push(Number(line)))
    await expect.poll(() => pids, { timeout: 120_000 }).toHaveLength(1)
    return [child, pids[0] as number]
  }

  test('is succeeded at once when it is killed, whatever its primary does', async () => {
    const dir = directory()
    const [primary, owner] = await startCluster(dir)
    await expect(openOn(machine(), { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    // A primary opens sockets for its workers, and this one does not notice for now that its worker ended.
    primary.kill('SIGSTOP')
    process.kill(owner, 'SIGKILL')
    await using store = await openOn(machine(), { dir })
    expect(stateOf(store)).toEqual({ from: 'cluster' })
  })

  test('keeps its lock when its primary is killed, before it notices', async () => {
    const dir = directory()
    const [primary, owner] = await startCluster(dir)
    process.kill(owner, 'SIGSTOP')
    try {
      primary.kill('SIGKILL')
      await once(primary, 'exit')
      await expect(openOn(machine(), { dir, lockWaitMs: 100 })).rejects.toMatchObject(locked)
    } finally {
      process.kill(owner, 'SIGKILL')
    }
  })
})

describe('an owner that is stopped', () => {
  test('keeps its lock, however many processes ask, and writes again when it is continued', async () => {
    const dir = directory()
    const [owner, rival] = [startPuppet(), startPuppet()]
    await owner.call('open', { dir })
    await owner.call('set', 'before', 1)
    owner.kill('SIGSTOP')
    // A stopped process accepts no connections. When its queue is full the system refuses more, which is an answer too.
    const { processes } = machine()
    const { socket } = readLock(dir)
    const probes = Array.from({ length: 600 }, () => processes.probe(lockPath(dir), socket as string))
    expect(new Set(await Promise.all(probes))).toEqual(new Set(['answers']))
    await expect(rival.call('open', { dir, lockWaitMs: 100 })).rejects.toMatchObject(locked)
    await expect(openOn(machine(), { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
    const waiting = rival.call('open', { dir, lockWaitMs: 60_000 })
    owner.kill('SIGCONT')
    await owner.call('set', 'after', 1)
    await owner.call('close')
    await waiting
    expect(await rival.call('state')).toEqual({ before: 1, after: 1 })
    await rival.call('close')
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  })

  test('in the middle of writes finishes them all', async () => {
    await withSeed(async (random) => {
      const dir = directory()
      const owner = startPuppet()
      await owner.call('open', { dir })
      const writing = owner.call('setMany', 'key', 50, 40)
      for (let pause = 0; pause < 5; pause++) {
        await moment(random.next() * 10)
        owner.kill('SIGSTOP')
        await expect(openOn(machine(), { dir, lockWaitMs: 0 })).rejects.toMatchObject(locked)
        owner.kill('SIGCONT')
      }
      await writing
      await owner.call('close')
      await using store = await openOn(machine(), { dir })
      expect(store.size).toBe(2000)
      expect(store.recovery.clean).toBe(true)
    })
  })
})

describe('the lock of a killed owner', () => {
  test('is stale, even if a living process has its pid now', async () => {
    const dir = directory()
    const owner = startPuppet()
    await owner.call('open', { dir })
    // After the owner: the system reports the start of a process in hundredths of a second.
    const other = startPuppet()
    await owner.killAndWait()
    const lock = readLock(dir)
    // With its socket, which refuses, and without one, where only the start differs from that of the other process.
    for (const socket of [lock.socket, null]) {
      for (const pid of [1, other.pid, process.pid]) {
        writeLock(dir, { ...lock, pid, socket })
        await (await openOn(machine(), { dir, lockWaitMs: 0 })).close()
        expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
      }
    }
  })
})

describe('takeOver', () => {
  test('from a living owner: the new owner keeps the lock when the old one closes', async () => {
    const dir = directory()
    const old = startPuppet()
    await old.call('open', { dir })
    await old.call('set', 'a', 1)
    const store = await openOn(machine(), { dir, takeOver: true })
    const { token } = readLock(dir)
    expect(store.get('a')).toBe(1)
    await old.call('close').catch(() => {})
    expect(readLock(dir).token).toBe(token)
    await store.set('b', 1)
    await store.close()
    expect(namesAndSockets(dir).filter((fileName) => fileName.includes('lock'))).toEqual([])
  })

  test('from a stopped owner: its writes when it continues do not damage those of the new owner', async () => {
    const dir = directory()
    const old = startPuppet()
    await old.call('open', { dir })
    await old.call('set', 'a', 1)
    old.kill('SIGSTOP')
    const store = await openOn(machine(), { dir, takeOver: true })
    await store.set('b', 'of the new owner')
    old.kill('SIGCONT')
    await old.call('set', 'c', 'of the old owner').catch(() => {})
    await store.set('d', 'of the new owner')
    await old.call('close').catch(() => {})
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.recovery.damage).toEqual([])
    expect(again.getMany(['a', 'b', 'd'])).toEqual([1, 'of the new owner', 'of the new owner'])
  })

  test('from an owner that writes without a pause: it fails, and does not damage the log of the new owner', async () => {
    const dir = directory()
    const old = startPuppet()
    await old.call('open', { dir, durability: 'os', compaction: false })
    await old.call('setMany', 'before', 10, 10)
    // Would continue for a long time, but fails when the log is taken over.
    const endless = old.call('setMany', 'old', 10, 1_000_000)
    const store = await openOn(machine(), { dir, takeOver: true })
    for (let number = 0; number < 100; number++) await store.set(`new ${number}`, number)
    await expect(endless).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.recovery).toMatchObject({ damage: [], inDoubt: [] })
    expect([...again.keys({ prefix: 'new ' })]).toHaveLength(100)
    expect([...again.keys({ prefix: 'before ' })]).toHaveLength(100)
  })
})
