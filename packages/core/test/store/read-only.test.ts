import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Store } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { copyAsOfNow, logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

/** Every call that changes a file or a directory. */
const CHANGING = new Set(['makeDirectory', 'rename', 'link', 'remove', 'write', 'truncate', 'sync', 'syncDirectory'])

describe('readOnly', () => {
  test('reads while another process writes, without a lock and without changing anything', async () => {
    const dir = directory()
    await using writer = await openOn(machine(), { dir })
    await writer.set('a', 1)
    await writer.compact()
    await writer.set('b', 2)
    const before = readdirSync(join(dir, 'logs'))

    const fileSystem = new FaultyFileSystem()
    await using reader = await openOn(machine({ fileSystem }), { dir, readOnly: true })
    expect(stateOf(reader)).toEqual({ a: 1, b: 2 })
    expect([reader.size, reader.has('a'), reader.getMeta('b')?.size]).toEqual([2, true, 1])
    expect(reader.health().ok).toBe(true)
    expect(reader.stats()).toMatchObject({ readOnly: true, lastSeq: 2 })
    await reader.flush()
    expect(fileSystem.calls.filter(({ kind }) => CHANGING.has(kind))).toEqual([])
    expect(readdirSync(join(dir, 'logs'))).toEqual(before)
    // Values are read from the log, which stays open as long as the reader.
    expect(fileSystem.openFiles.size).toBe(1)
    await reader.close()
    expect(fileSystem.openFiles.size).toBe(0)
  })

  test('keeps its first state for 100 ms, unless flush() or reopen() is called', async () => {
    const dir = directory()
    await using writer = await openOn(machine(), { dir })
    await writer.set('a', 1)
    await using reader = await openOn(machine({ clock: new ManualClock() }), { dir, readOnly: true })
    await writer.set('a', 2)
    await writer.compact()
    await writer.set('b', 1)
    expect(stateOf(reader)).toEqual({ a: 1 })
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 2, b: 1 })
    await writer.set('c', 1)
    await reader.reopen()
    expect(stateOf(reader)).toEqual({ a: 2, b: 1, c: 1 })
  })

  test('refuses every write with advice', async () => {
    const dir = directory()
    await (await openOn(machine(), { dir })).close()
    await using reader = await openOn(machine(), { dir, readOnly: true })
    const calls: [string, (store: Store) => unknown][] = [
      ['set', (it) => it.set('a', 1)],
      ['setText', (it) => it.setText('a', 'x')],
      ['setBytes', (it) => it.setBytes('a', Buffer.from('x'))],
      ['delete', (it) => it.delete('a')],
      ['update', (it) => it.update('a', () => 1)],
      ['batch', (it) => it.batch([])],
      ['clear', (it) => it.clear()],
      ['replace', (it) => it.replace({})],
      ['compact', (it) => it.compact()],
    ]
    for (const [name, call] of calls) {
      const attempt = (async () => call(reader))()
      await expect(attempt, name).rejects.toMatchObject({ code: 'FLATLOG_READ_ONLY' })
      await expect(attempt, name).rejects.toThrow(/What to do: open it without/)
    }
  })

  test('rejects if there is no store, and creates none', async () => {
    const dir = join(directory(), 'nowhere')
    await expect(openOn(machine(), { dir, readOnly: true })).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    expect(existsSync(dir)).toBe(false)
    const empty = directory()
    const noStore = { code: 'FLATLOG_IO', message: expect.stringMatching(/^There is no store named "store" in /) }
    await expect(openOn(machine(), { dir: empty, readOnly: true })).rejects.toMatchObject(noStore)
    const missing = join(empty, 'missing')
    await expect(openOn(machine(), { dir: missing, readOnly: true })).rejects.toMatchObject(noStore)
    expect(existsSync(missing)).toBe(false)
    expect(readdirSync(empty)).toEqual([])
  })

  test('reads an installation of format 0 that has only a main file and no directory of logs', async () => {
    const dir = directory()
    writeFileSync(join(dir, 'store.json'), '{"a":1}')
    await using reader = await openOn(machine(), { dir, readOnly: true })
    expect(stateOf(reader)).toEqual({ a: 1 })
    expect(readdirSync(dir)).toEqual(['store.json'])
  })

  test('reports a torn tail and leaves it where it is', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    const torn = copyAsOfNow(dir, join(directory(), 'copy'))
    await store.close()
    appendFileSync(logPath(torn), '{"timestamp":"2025')
    const { size } = statSync(logPath(torn))
    await using reader = await openOn(machine(), { dir: torn, readOnly: true })
    expect(stateOf(reader)).toEqual({ a: 1 })
    expect(reader.recovery).toMatchObject({ clean: false, cutBytes: 18 })
    expect(statSync(logPath(torn)).size).toBe(size)
  })

  test('reads a backup if the log is missing, without restoring it', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.compact()
    await store.close()
    rmSync(logPath(dir))
    await using reader = await openOn(machine(), { dir, readOnly: true })
    expect(stateOf(reader)).toEqual({ a: 1 })
    expect(reader.recovery.source).toBe('backup')
    expect(existsSync(logPath(dir))).toBe(false)
  })

  test('applies expiry by its own clock', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir })
    await store.set('a', 1, { ttlMs: 1000 })
    await store.close()
    await using reader = await openOn(machine({ clock }), { dir, readOnly: true })
    expect(reader.has('a')).toBe(true)
    clock.advance(1000)
    expect(reader.has('a')).toBe(false)
  })

  test('never reads a wrong value or damage, opened again and again during fifty compactions', async () => {
    const dir = directory()
    await using writer = await openOn(machine(), { dir, durability: 'os', mainFile: false })
    await writer.batch([0, 1, 2, 3].map((key) => ({ op: 'SET', key: `${key}`, value: 0 })))
    let isOver = false
    const write = async () => {
      for (let round = 1; round <= 50; round++) {
        // In every state, all four keys have the same value.
        await writer.batch([0, 1, 2, 3].map((key) => ({ op: 'SET', key: `${key}`, value: round })))
        await writer.compact()
      }
      isOver = true
    }
    let last = 0
    let opened = 0
    const read = async () => {
      while (!isOver) {
        const reader = await openOn(machine(), { dir, readOnly: true })
        const values = Object.values(stateOf(reader)) as number[]
        expect(values).toEqual([values[0], values[0], values[0], values[0]])
        expect(values[0]).toBeGreaterThanOrEqual(last)
        expect(reader.recovery).toMatchObject({ damage: [], inDoubt: [] })
        last = values[0] as number
        opened++
        await reader.close()
        // Reading is synchronous; this lets the writer's calls complete.
        await turns(1)
      }
    }
    await Promise.all([write(), read()])
    expect(opened).toBeGreaterThan(10)
    expect(readFileSync(logPath(dir)).length).toBeLessThan(1000)
  })
})
