import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { type Change, withChecksum } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'
import { look, Mirror, useProcesses } from './shared-disk.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('../simulation/small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const directory = useTempDirectory()
const sharedDisk = useProcesses()
useRejectionWatch()

describe('a reader', () => {
  test('sees new records within a tenth of a second, and at flush', async () => {
    const dir = directory()
    const clock = new ManualClock()
    await using writer = await openOn(machine(), { dir })
    await writer.set('a', 1)
    const reader = await openOn(machine({ clock }), { dir, readOnly: true })
    expect(clock.timers).toBe(1)
    await writer.set('a', 2)
    clock.advance(99)
    await turns()
    expect(reader.get('a')).toBe(1)
    clock.advance(1)
    await turns()
    expect(reader.get('a')).toBe(2)
    expect(clock.timers).toBe(1)

    await writer.set('a', 3)
    await reader.flush()
    expect(reader.get('a')).toBe(3)
    expect(reader.stats()).toMatchObject({ readOnly: true, lastSeq: 3, position: writer.stats().position })
    await reader.close()
    expect(clock.timers).toBe(0)
  })

  test('that is never closed does not keep its process alive', async () => {
    // Timers of the clock keep the process alive only on request.
    const { setTimer } = new ManualClock()
    const asked: boolean[] = []
    const clock = new ManualClock()
    clock.setTimer = (callback: () => void, delayMs: number, keepAlive = false) => {
      asked.push(keepAlive)
      return setTimer.call(clock, callback, delayMs)
    }
    const dir = directory()
    await (await openOn(machine(), { dir })).close()
    await using reader = await openOn(machine({ clock }), { dir, readOnly: true })
    await reader.flush()
    clock.advance(100)
    await turns()
    expect(asked).toEqual([false, false])
  })

  test('follows every kind of record, with expiry, encoding and times', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer({ times: true })
    const { store: reader, process } = await disk.reader({ times: true })
    const mirror = new Mirror(reader)
    const nowMs = process.clock.now()
    await writer.set('short', 1, { expires: nowMs + 60_000 })
    await writer.setText('text', ' plain ')
    await writer.setBytes('bytes', Buffer.from('abc'))
    await writer.set('ключ', { вес: 1 })
    await writer.batch([
      { op: 'SET', key: 'x:1', value: [1] },
      { op: 'SET', key: 'x:2', value: 2 },
      { op: 'DELETE', key: 'text' },
    ])
    await writer.clear({ prefix: 'x:1' })
    await writer.setText('again', 'once more')
    await reader.flush()
    expect(stateOf(reader)).toEqual(stateOf(writer))
    for (const key of reader.keys()) expect(reader.getMeta(key), key).toEqual(writer.getMeta(key))
    expect(reader.getText('again')).toBe('once more')
    expect(reader.getEncoding('bytes')).toBe('base64')
    expect(mirror.state).toEqual(new Map(reader.entries()))
    process.clock.advance(60_000)
    expect(reader.has('short')).toBe(false)
    await writer.replace({ only: true })
    await reader.flush()
    expect(stateOf(reader)).toEqual({ only: true })
    expect(mirror.state).toEqual(new Map([['only', true]]))
  })

  test('waits for the end of an unfinished line, and does not read the line repeatedly', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader, process } = await disk.reader()
    await writer.set('a', 2)
    const whole = disk.log
    disk.edit((bytes) => bytes.subarray(0, -9))
    await reader.flush()
    expect(reader.get('a')).toBe(1)
    const reads: string[] = []
    process.onCall = ({ kind }) => {
      reads.push(kind)
      return undefined
    }
    await look(process)
    // The status of the name and of the file; then the end of the last record and both ends of the unfinished line.
    expect(reads).toEqual(['status', 'status', 'read', 'read', 'read'])
    disk.edit(() => whole)
    await reader.flush()
    expect(reader.get('a')).toBe(2)
    expect(reader.recovery).toMatchObject({ clean: true, damage: [] })
  })

  test('that has nothing to read only checks the name and the end of the log', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const { process } = await disk.reader()
    const calls: string[] = []
    process.onCall = ({ kind }) => {
      calls.push(kind)
      return undefined
    }
    await look(process)
    expect(calls).toEqual(['status', 'status', 'read'])
  })

  test('lists every key that exists throughout exactly once, across a compaction', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    const key = (number: number) => `key ${String(number).padStart(4, '0')}`
    const write = (from: number, to: number, value: string) =>
      writer.batch(Array.from({ length: to - from }, (_, at) => ({ op: 'SET', key: key(from + at), value })))
    await write(0, 1000, 'old')
    const { store: reader } = await disk.reader()
    const seen: string[] = []
    let count = 0
    for (const [listed, value] of reader.entries<string>()) {
      seen.push(`${listed} ${value}`)
      if (++count === 300) {
        await write(0, 1000, 'new')
        await writer.compact()
        await reader.flush()
      }
    }
    // A page that was read before stays as it was.
    expect(seen.map((each) => each.slice(0, 8))).toEqual(Array.from({ length: 1000 }, (_, number) => key(number)))
    expect(seen.slice(512).every((each) => each.endsWith('new'))).toBe(true)
  })

  test('reports once that it cannot read, and continues when it can', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const fileSystem = new FaultyFileSystem()
    await using writer = await openOn(machine(), { dir })
    await writer.set('a', 1)
    await using reader = await openOn(machine({ clock, fileSystem }), { dir, readOnly: true })
    const problems: string[] = []
    reader.on('problem', (error) => problems.push(error.code))
    fileSystem.fail('status', systemError('EACCES'), { on: /store\.log$/, times: Number.POSITIVE_INFINITY })
    await writer.set('a', 2)
    for (let second = 0; second < 3; second++) {
      clock.advance(1000)
      await turns()
    }
    expect(problems).toEqual(['FLATLOG_IO'])
    expect(reader.health()).toMatchObject({ ok: false, failure: { code: 'FLATLOG_IO' } })
    expect(reader.get('a')).toBe(1)
    await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    fileSystem.heal()
    clock.advance(1000)
    await turns()
    expect(reader.health().ok).toBe(true)
    expect(reader.get('a')).toBe(2)
  })

  test('keeps its state if it meets a record of a newer version', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    await writer.set('a', 2)
    const line = withChecksum('{"timestamp":"2025-01-15T12:00:01.000Z","seq":3,"op":"MERGE","key":"a","value":3')
    disk.edit((bytes) => Buffer.concat([bytes, Buffer.from(`${line}\n`)]))
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_VERSION' })
      expect(reader.get('a')).toBe(2)
    }
  })
})

describe('a reader of an installation of format 0', () => {
  const line = (key: string, value: unknown) =>
    `${JSON.stringify({ timestamp: '2024-05-01T10:00:00.000Z', op: 'SET', key, value })}\n`

  test('shows the log as it was at opening, and follows it once it is imported', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'logs'))
    writeFileSync(logPath(dir), line('a', 1))
    await using reader = await openOn(machine(), { dir, readOnly: true })
    const mirror = new Mirror(reader)
    const changes = reader.changes()
    const ended = expect(changes.next()).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
    appendFileSync(logPath(dir), line('b', 1))
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1 })
    await using writer = await openOn(machine(), { dir })
    await writer.set('c', 1)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1, b: 1, c: 1 })
    expect(mirror.state).toEqual(new Map(Object.entries({ a: 1, b: 1, c: 1 })))
    await ended
    await writer.delete('a')
    await reader.flush()
    expect(mirror.received.at(-1)).toMatchObject({ op: 'DELETE', key: 'a' } satisfies Partial<Change>)
  })

  test('that is only a main file follows the log once there is one', async () => {
    const dir = directory()
    writeFileSync(join(dir, 'store.json'), '{"a":1}')
    mkdirSync(join(dir, 'logs'))
    await using reader = await openOn(machine(), { dir, readOnly: true })
    await reader.flush()
    await using writer = await openOn(machine(), { dir })
    await writer.set('a', 2)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 2 })
    expect(readFileSync(logPath(dir)).length).toBeGreaterThan(0)
  })
})
