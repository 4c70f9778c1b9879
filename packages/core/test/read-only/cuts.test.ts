import { describe, expect, test, vi } from 'vitest'
import { type Change, withChecksum } from '../support/core.js'
import { stateOf } from '../support/files.js'
import { useRejectionWatch } from '../support/rejections.js'
import { turns } from '../support/turns.js'
import { look, Mirror, useProcesses } from './shared-disk.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('../simulation/small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const sharedDisk = useProcesses()
useRejectionWatch()

const lines = (bytes: Buffer) => bytes.toString().split(/(?<=\n)/)

/**
 * Simulates a full disk: a write was short, and the writer cut its whole records off and
 * gave their numbers to later records. The test replaces one log by the other between two looks of the reader.
 */
async function withReusedNumbers(longer: number, cacheBytes = 1_000_000) {
  const disk = sharedDisk()
  const { store: writer, process } = await disk.writer()
  await writer.set('a', 1)
  await writer.set('b', 1)
  const before = disk.log
  await writer.set('a', 'cut off')
  await writer.set('c', 'cut off')
  const first = disk.log
  await writer.close()
  disk.edit(() => before)
  disk.byHand((fileSystem, logs) => fileSystem.remove(`${logs}/store.mark`))
  const { store: reader } = await disk.reader({ cacheBytes })
  const mirror = new Mirror(reader)
  const changes = reader.changes()
  const received = [changes.next(), changes.next(), changes.next()]
  for (const each of received) each.catch(() => {})
  disk.edit(() => first)
  await reader.flush()
  expect(stateOf(reader)).toEqual({ a: 'cut off', b: 1, c: 'cut off' })

  disk.edit(() => before)
  process.clock.advance(1)
  const { store: next } = await disk.writer()
  await next.set('b', 'x'.repeat('cut off'.length + longer))
  await next.set('d', 'kept on')
  return { disk, next, reader, mirror, received }
}

describe('records that were cut off and whose numbers were reused', () => {
  test.each([
    ['longer', 5],
    ['shorter', -5],
    ['as long', 0],
  ])('are undone: with %s ones in their place', async (_, longer) => {
    const { next, reader, mirror, received } = await withReusedNumbers(longer)
    await reader.flush()
    expect(stateOf(reader)).toEqual(stateOf(next))
    expect(mirror.state).toEqual(new Map(next.entries()))
    expect(reader.stats().position).toBe(next.stats().position)
    // A follower that was past them gets an error, because its position is not in the log any more.
    expect((await received[0])?.value).toMatchObject({ seq: 3, value: 'cut off' })
    expect((await received[1])?.value).toMatchObject({ seq: 4, value: 'cut off' })
    await expect(received[2]).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
    await next.set('e', 1)
    await reader.flush()
    expect(mirror.received.at(-1)).toMatchObject({ key: 'e', seq: 5 })
  })

  test('are undone even if no record has their place yet', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const before = disk.log
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    await writer.set('a', 2)
    await reader.flush()
    disk.edit(() => before)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1 })
    expect(mirror.received).toMatchObject([
      { key: 'a', value: 2, seq: 2 },
      { key: 'a', value: 1, seq: 1 },
    ])
  })

  test('are undone even if a checkpoint covers the record that has the number', async () => {
    const disk = sharedDisk()
    const { store: writer, process } = await disk.writer()
    await writer.set('a', 1)
    const before = disk.log
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const changes = reader.changes()
    await writer.set('a', 'cut off')
    await reader.flush()
    expect((await changes.next()).value).toMatchObject({ value: 'cut off' })
    process.kill()
    disk.edit(() => before)
    const { store: next } = await disk.writer({ backups: 0 })
    await next.set('b', 1)
    await next.compact()
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1, b: 1 })
    expect(mirror.state).toEqual(new Map(Object.entries({ a: 1, b: 1 })))
    await expect(changes.next()).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
  })

  test('are an error if they are read before the next look, and the error starts that look', async () => {
    const { next, reader, mirror } = await withReusedNumbers(5, 0)
    expect(() => reader.get('c')).toThrow(expect.objectContaining({ code: 'FLATLOG_CORRUPT' }))
    await turns(50)
    expect(stateOf(reader)).toEqual(stateOf(next))
    expect(mirror.state).toEqual(new Map(next.entries()))
  })
})

describe('a log that was written over', () => {
  test('by an older one: a watcher receives the whole state, because the former state is unknown', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    const keys = Array.from({ length: 40 }, (_, at) => `key ${at}`)
    for (const key of keys) await writer.set(key, `${key}${'x'.repeat(100)}`)
    await writer.compact()
    const older = disk.log
    for (const key of keys) await writer.set(key, `${key}${'y'.repeat(200)}`)
    await writer.compact()
    await writer.set('only later', 1)
    await writer.close()
    const { store: reader } = await disk.reader({ cacheBytes: 0 })
    const mirror = new Mirror(reader)
    disk.edit(() => older)
    await reader.flush()
    expect(reader.has('only later')).toBe(false)
    expect(mirror.state).toEqual(new Map(reader.entries()))
  })
})

describe('an owner that is killed in the middle of a line', () => {
  test('at any byte: the next owner cuts the line off, and the reader follows that owner', async () => {
    for (let keepBytes = 0; keepBytes < 130; keepBytes += 7) {
      const disk = sharedDisk()
      const { store: writer, process } = await disk.writer()
      await writer.set('a', 1)
      const { store: reader } = await disk.reader()
      const mirror = new Mirror(reader)
      process.onCall = ({ kind }) => (kind === 'write' ? { dies: true, keepBytes } : undefined)
      writer.set('a', 'torn').catch(() => {})
      await reader.flush()
      await reader.flush()
      expect(reader.get('a')).toBe(
        process.isDead && disk.log.at(-1) === 0x0a && reader.stats().lastSeq === 2 ? 'torn' : 1,
      )
      const { store: next } = await disk.writer()
      await next.set('b', 1)
      await reader.flush()
      expect(stateOf(reader), `${keepBytes} bytes`).toEqual(stateOf(next))
      expect(mirror.state).toEqual(new Map(next.entries()))
      expect(reader.recovery.damage).toEqual([])
    }
  })
})

describe('damage in a log that is being followed', () => {
  test('in the unread part is reported, and the records after it count as they do at opening', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const problems: string[] = []
    reader.on('problem', (error) => problems.push(error.message))
    await writer.set('bad', 1)
    await writer.set('b', 1)
    await writer.set('c', 1)
    disk.edit((bytes) => Buffer.from(bytes.toString('latin1').replace('"bad"', '"bed"'), 'latin1'))
    await reader.flush()
    // The record after it says that it was on disk.
    expect(stateOf(reader)).toEqual({ a: 1, b: 1, c: 1 })
    expect(mirror.state).toEqual(new Map(reader.entries()))
    expect(reader.recovery).toMatchObject({ clean: false, damage: [{ key: 'bed' }] })
    expect(reader.recovery.inDoubt).toContain('any')
    expect(problems).toEqual([expect.stringMatching(/store\.log is damaged at line .*What to do/)])
    await writer.set('d', 1)
    await reader.flush()
    expect(reader.get('d')).toBe(1)
    expect(problems).toHaveLength(1)
  })

  test('at the end of the log is judged once, and again when the file changes', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader, process } = await disk.reader()
    const good = disk.log
    disk.edit((bytes) => Buffer.concat([bytes, Buffer.from('something else\n')]))
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1 })
    expect(reader.recovery).toMatchObject({ clean: false, cutBytes: 15, damage: [] })
    let opened = 0
    process.onCall = ({ kind }) => {
      if (kind === 'open') opened++
      return undefined
    }
    for (let time = 0; time < 3; time++) await look(process)
    expect(opened).toBe(0)
    disk.edit(() => good)
    await writer.set('b', 1)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1, b: 1 })
  })

  test('in the part already read is an error for the keys in it', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 'good')
    await writer.set('b', 'good')
    const { store: reader } = await disk.reader({ cacheBytes: 0 })
    disk.edit((bytes) => Buffer.from(lines(bytes).join('').replace('good', 'evil')))
    expect(() => reader.get('a')).toThrow(expect.objectContaining({ code: 'FLATLOG_CORRUPT' }))
    await reader.flush()
    expect(() => reader.get('a')).toThrow(expect.objectContaining({ code: 'FLATLOG_CORRUPT' }))
    expect(reader.get('b')).toBe('good')
  })

  test('a value that is not JSON is a problem, and the other changes are reported', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    await writer.set('b', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const at = (seq: number) => `{"timestamp":"2025-01-15T12:00:01.000Z","seq":${seq},"op":"SET","key":`
    const added = [`${at(3)}"a","value":{oops`, `${at(4)}"b","value":2`].map((line) => `${withChecksum(line)}\n`)
    disk.edit((bytes) => Buffer.concat([bytes, Buffer.from(added.join(''))]))
    const problems: string[] = []
    reader.on('problem', (error) => problems.push(error.code))
    await reader.flush()
    expect(mirror.received.map((change: Change) => change.seq)).toEqual([4])
    expect(problems).toEqual(['FLATLOG_CORRUPT'])
    expect(() => reader.get('a')).toThrow(expect.objectContaining({ code: 'FLATLOG_CORRUPT' }))
  })
})
