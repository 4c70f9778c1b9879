import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Clock, openLogs, openLogsOn, openStore, systemClock } from '../support/core.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { lines, openPlayers, parsedRecords, playersLog, run } from './store-in.js'

/** Compaction rewrites the log as a checkpoint and keeps the former log as a backup. */

const makeDir = useTempDirectory()
const backupsOf = (dir: string) =>
  readdirSync(join(dir, 'logs'))
    .filter((name) => name.startsWith('players.log.backup.'))
    .sort()

/** Writes many versions of few keys: a log that is worth compacting. */
async function fill(dir: string, versions = 50): Promise<void> {
  await run(dir, (store) =>
    Promise.all(
      Array.from({ length: versions * 4 }, (_, number) =>
        store.set(`k${number % 4}`, { number, text: 'x'.repeat(100) }),
      ),
    ),
  )
}
const filled = { k0: 196, k1: 197, k2: 198, k3: 199 }
const numbersOf = (dir: string) =>
  run(dir, (store) =>
    Object.fromEntries([...store.entries<{ number: number }>()].map(([key, { number }]) => [key, number])),
  )

it('the functions of openLogs can be taken apart', async () => {
  const dir = makeDir()
  await fill(dir)
  const { names, compactLog, compactAllLogs, readLogEntries, needsCompaction } = openLogs({ dir })
  expect(await names()).toEqual(['players'])
  expect(await needsCompaction('players', 1)).toBe(true)
  await compactLog('players')
  await compactAllLogs()
  expect(await readLogEntries('players')).toHaveLength(1)
})

describe('compactLog', () => {
  it('shrinks the log to the size of its state, and keeps the state', async () => {
    const dir = makeDir()
    await fill(dir)
    const logs = openLogs({ dir })
    const size = await logs.getLogSize('players')
    const { bytesBefore, bytesAfter } = await logs.compactLog('players')
    expect(bytesBefore).toBe(size)
    expect(bytesAfter).toBe(statSync(playersLog(dir)).size)
    expect(bytesAfter).toBeLessThan(size / 20)
    expect(parsedRecords(dir)).toEqual([])
    expect(await numbersOf(dir)).toEqual(filled)
  })

  it('uses a store that is opened at the same time, whatever its options', async () => {
    const dir = makeDir()
    await fill(dir)
    const options = { dir, name: 'players', durability: 'os', compaction: false } as const
    for (let microtasks = 0; microtasks < 12; microtasks++) {
      const compacted = openLogs({ dir }).compactLog('players')
      for (let number = 0; number < microtasks; number++) await null
      const [{ bytesAfter }, store] = await Promise.all([compacted, openStore(options)])
      expect(bytesAfter).toBe(statSync(playersLog(dir)).size)
      await store.close()
    }
    expect(await numbersOf(dir)).toEqual(filled)
  })

  it('keeps the former log as a backup, byte for byte, named after its last record', async () => {
    const dir = makeDir()
    await fill(dir)
    const before = readFileSync(playersLog(dir))
    await openLogs({ dir }).compactLog('players')
    expect(backupsOf(dir)).toHaveLength(1)
    expect(backupsOf(dir)[0]).toMatch(/^players\.log\.backup\.\d{8}T\d{6}Z-0000000000000200$/)
    expect(readFileSync(join(dir, 'logs', backupsOf(dir)[0]!)).equals(before)).toBe(true)
  })

  it('keeps the last three backups, and deletes no file that only looks like one', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      for (const name of ['players.log.backup.mine', 'players.log.backup.20200101T000000Z-1', 'notes']) {
        writeFileSync(join(dir, 'logs', name), 'mine')
      }
      for (let number = 1; number <= 5; number++) {
        await store.set('a', number)
        await store.compact()
      }
    })
    const names = readdirSync(join(dir, 'logs'))
    expect(names.filter((name) => /-\d{16}$/.test(name)).map((name) => Number(name.slice(-16)))).toEqual([3, 4, 5])
    expect(names).toEqual(
      expect.arrayContaining(['players.log.backup.mine', 'players.log.backup.20200101T000000Z-1', 'notes']),
    )
  })

  it('uses the store that is open in this process, which then writes to the new log', async () => {
    const dir = makeDir()
    await fill(dir)
    const store = await openPlayers(dir)
    const logs = openLogs({ dir })
    await logs.compactLog('players')
    await store.set('later', 1)
    expect(parsedRecords(dir)).toMatchObject([{ seq: 201, key: 'later' }])
    await store.close()
    expect(await run(dir, (again) => again.get('later'))).toBe(1)
  })

  it('refuses a log that is open in another process', async () => {
    const dir = makeDir()
    await fill(dir)
    // The lock of a process on another machine, which cannot be checked.
    const lock = { pid: 1, thread: 0, start: null, bootId: null, pidNamespace: null, host: 'elsewhere', socket: null }
    writeFileSync(
      join(dir, 'logs', 'players.lock'),
      JSON.stringify({ ...lock, token: '0'.repeat(32), since: '2025-01-01T00:00:00.000Z' }),
    )
    const size = statSync(playersLog(dir)).size
    // A clock on which waiting for a lock takes no real time.
    let waitedMs = 0
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => waitedMs,
      setTimer(callback, delayMs) {
        waitedMs += delayMs
        return systemClock.setTimer(callback, 0)
      },
    }
    const system = machine({ clock })
    const logs = openLogsOn(system, (options) => openOn(system, options), { dir })
    await expect(logs.compactLog('players')).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
    expect(waitedMs).toBeGreaterThan(0)
    expect(statSync(playersLog(dir)).size).toBe(size)
  })

  it('does nothing for a missing log, and creates none', async () => {
    const dir = makeDir()
    expect(await openLogs({ dir }).compactLog('players')).toEqual({ bytesBefore: 0, bytesAfter: 0 })
    expect(readdirSync(dir)).toEqual([])
  })

  it('does not change a log without records after its checkpoint', async () => {
    const dir = makeDir()
    await fill(dir)
    const logs = openLogs({ dir })
    await logs.compactLog('players')
    const before = readFileSync(playersLog(dir))
    const { bytesBefore, bytesAfter } = await logs.compactLog('players')
    expect(bytesAfter).toBe(bytesBefore)
    expect(readFileSync(playersLog(dir)).equals(before)).toBe(true)
    expect(backupsOf(dir)).toHaveLength(1)
  })

  it('removes expired keys for good: called again, it has nothing to do', async () => {
    const dir = makeDir()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir, name: 'players', compaction: false })
    for (let number = 0; number < 10; number++) await store.set(`k${number}`, number, { ttlMs: 1000 })
    await store.set('stays', 1)
    await store.compact()
    expect(backupsOf(dir)).toHaveLength(1)
    clock.advance(1000)
    // Nothing was written since, but the expired key takes space.
    await store.compact()
    expect(backupsOf(dir)).toHaveLength(2)
    expect(readFileSync(playersLog(dir), 'utf8')).not.toContain('"k1"')
    clock.advance(1000)
    await store.compact()
    expect(backupsOf(dir)).toHaveLength(2)
    await store.close()
  })

  it('turns a log of format 0 into one of version 1', async () => {
    const dir = makeDir()
    mkdirSync(join(dir, 'logs'))
    const older = [1, 2, 3].map((value) =>
      JSON.stringify({ timestamp: '2024-06-01T10:00:00.000Z', op: 'SET', key: 'a', value }),
    )
    writeFileSync(playersLog(dir), `${older.join('\n')}\n`)
    await openLogs({ dir }).compactLog('players')
    expect(JSON.parse(lines(dir)[0]!)).toMatchObject({ op: 'CHECKPOINT', format: 1, seq: 3 })
    expect(await run(dir, (store) => store.get('a'))).toBe(3)
  })
})

describe('compactAllLogs', () => {
  it('compacts every log of the directory', async () => {
    const dir = makeDir()
    for (const name of ['players', 'tokens']) {
      await run(dir, (store) => Promise.all([1, 2, 3].map((number) => store.set('a', number))), { name })
    }
    const results = await openLogs({ dir }).compactAllLogs()
    expect(results.map(({ name }) => name)).toEqual(['players', 'tokens'])
    for (const { bytesBefore, bytesAfter } of results) expect(bytesAfter).toBeLessThan(bytesBefore)
  })

  it('leaves files alone that are not logs of a store', async () => {
    const dir = makeDir()
    await fill(dir)
    writeFileSync(join(dir, 'logs', 'My notes.log'), 'not a store')
    expect(await openLogs({ dir }).compactAllLogs()).toMatchObject([{ name: 'players' }])
    expect(readFileSync(join(dir, 'logs', 'My notes.log'), 'utf8')).toBe('not a store')
  })

  it('does nothing in a directory without logs', async () => {
    expect(await openLogs({ dir: makeDir() }).compactAllLogs()).toEqual([])
  })
})

describe('needsCompaction', () => {
  it('is true for a log that is larger than the limit and has records after its checkpoint', async () => {
    const dir = makeDir()
    await fill(dir)
    const logs = openLogs({ dir })
    const size = await logs.getLogSize('players')
    expect(await logs.needsCompaction('players', size - 1)).toBe(true)
    expect(await logs.needsCompaction('players', size)).toBe(false)
    expect(await logs.needsCompaction('players')).toBe(false)
  })

  it('is false for a checkpoint alone, however large: compaction would gain nothing', async () => {
    const dir = makeDir()
    await fill(dir)
    const logs = openLogs({ dir })
    await logs.compactLog('players')
    expect(await logs.needsCompaction('players', 1)).toBe(false)
    await run(dir, (store) => store.set('one more', 1))
    expect(await logs.needsCompaction('players', 1)).toBe(true)
  })

  it('is false without a log', async () => {
    expect(await openLogs({ dir: makeDir() }).needsCompaction('players', 0)).toBe(false)
  })

  it('has the default limit 1 MiB', async () => {
    const dir = makeDir()
    await run(dir, (store) => store.set('large', 'x'.repeat(1_048_576 - 1000)), { compaction: false })
    const logs = openLogs({ dir })
    expect(await logs.needsCompaction('players')).toBe(false)
    await run(dir, (store) => store.set('more', 'x'.repeat(1000)), { compaction: false })
    expect(await logs.needsCompaction('players')).toBe(true)
  })

  it('is true for a log of format 0 with records', async () => {
    const dir = makeDir()
    mkdirSync(join(dir, 'logs'))
    writeFileSync(
      playersLog(dir),
      `${JSON.stringify({ timestamp: '2024-06-01T10:00:00.000Z', op: 'SET', key: 'a', value: 1 })}\n`,
    )
    expect(await openLogs({ dir }).needsCompaction('players', 10)).toBe(true)
  })
})
