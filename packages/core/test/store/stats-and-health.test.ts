import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { logPath, recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()

describe('stats', () => {
  test('returns sizes and counts of the log', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await Promise.all([store.set('a', 1), store.set('b', 2)])
    await store.delete('a')
    const bytes = readFileSync(logPath(dir)).length
    const stats = store.stats() as { checkpointBytes: number }
    expect(stats).toMatchObject({
      logBytes: bytes,
      checkpointSeq: 0,
      lastSeq: 3,
      acknowledgedSeq: 3,
      syncedSeq: 3,
      tailKeys: 2,
      writes: 2,
      syncs: 2,
      bytesWritten: bytes - stats.checkpointBytes,
      position: `3:${recordsOf(dir)[2]?.crc}`,
    })
    await store.compact()
    expect(store.stats()).toMatchObject({
      checkpointSeq: 3,
      tailKeys: 0,
      logBytes: readFileSync(logPath(dir)).length,
      checkpointBytes: readFileSync(logPath(dir)).length,
    })
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.stats()).toMatchObject({ lastSeq: 3, checkpointSeq: 3, writes: 0, bytesWritten: 0 })
  })

  test('returns an object that JSON.stringify can write', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    const { lastCompactionMs: _, lastCompactionError: __, ...stats } = store.stats()
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats)
  })
})

describe('health', () => {
  test('of a healthy store is ok', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', 1)
    expect(store.health()).toEqual({ ok: true, problems: [] })
  })

  test('keeps only the last problems', async () => {
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ clock, fileSystem }), { dir: directory(), compaction: { minBytes: 1 } })
    fileSystem.free = 0
    for (let round = 0; round < 30; round++) {
      await store.set('a', round)
      clock.advance(3_600_000)
      await turns()
    }
    const { ok, problems } = store.health()
    expect(ok).toBe(true)
    expect(problems.length).toBeLessThanOrEqual(20)
    expect(problems.length).toBeGreaterThan(5)
    for (const { at, error } of problems) {
      expect(error.code).toBe('FLATLOG_NO_SPACE')
      expect(new Date(at).toISOString()).toBe(at)
    }
    fileSystem.free = undefined
  })
})

test('an idle store makes no calls and writes nothing', async () => {
  const clock = new ManualClock()
  const fileSystem = new FaultyFileSystem()
  await using store = await openOn(machine({ clock, fileSystem }), { dir: directory(), durability: 'interval' })
  await store.set('a', 1)
  clock.advance(1000)
  await store.flush()
  const calls = fileSystem.calls.length
  for (let minute = 0; minute < 10; minute++) {
    clock.advance(60_000)
    await turns()
  }
  expect(fileSystem.calls.slice(calls)).toEqual([])
  expect(clock.timers).toBe(0)
})

test('a thousand handles on one store cause no warning and need one lock and one file', async () => {
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const system = machine({ fileSystem })
  const warnings: Error[] = []
  const listener = (warning: Error) => void warnings.push(warning)
  process.on('warning', listener)
  try {
    const stores = await Promise.all(Array.from({ length: 1000 }, () => openOn(system, { dir })))
    for (const store of stores) {
      store.watch(() => {})
      store.on('problem', () => {})
    }
    await Promise.all(stores.slice(0, 50).map((store, number) => store.set(`k${number}`, number)))
    expect(stores.at(-1)?.size).toBe(50)
    expect(fileSystem.openFiles.size).toBe(1)
    await Promise.all(stores.map((store) => store.close()))
    await turns()
    expect(warnings).toEqual([])
    expect(fileSystem.openFiles.size).toBe(0)
  } finally {
    process.off('warning', listener)
  }
})

test('a long replay calls onProgress', async () => {
  const dir = directory()
  const store = await openOn(machine(), { dir, durability: 'os', compaction: false })
  for (let number = 0; number < 10_000; number++) store.set('a', number)
  await store.close()
  const received: Progress[] = []
  await using again = await openOn(machine(), { dir, onProgress: (progress) => received.push(progress) })
  expect(again.get('a')).toBe(9999)
  expect(received.length).toBeGreaterThan(0)
  expect(received.length).toBeLessThan(100)
  const total = readFileSync(logPath(dir)).length
  for (const progress of received) {
    expect(progress).toMatchObject({ phase: 'replay', total })
    expect(progress.done).toBeLessThanOrEqual(total)
  }
  expect(received.map(({ done }) => done)).toEqual([...received.map(({ done }) => done)].sort((a, b) => a - b))
})
