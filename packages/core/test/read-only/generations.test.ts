import { describe, expect, test, vi } from 'vitest'
import { filesOf } from '../simulation/files.js'
import type { Change } from '../support/core.js'
import { systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { useRejectionWatch } from '../support/rejections.js'
import { turns, watchPromise } from '../support/turns.js'
import { Mirror, taken, useProcesses } from './shared-disk.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('../simulation/small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const sharedDisk = useProcesses()
useRejectionWatch()

const seqs = (changes: readonly Change[]) => changes.map(({ seq }) => seq)
const LOG = /logs\/store\.log$/

describe('a compaction while a reader follows', () => {
  test('is followed: the reader closes the former file and has the records after the checkpoint', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    for (let number = 0; number < 200; number++) await writer.set(`key ${number}`, { number })
    const { store: reader, process } = await disk.reader()
    await writer.compact()
    await writer.set('key 7', 'later')
    await reader.flush()
    expect(stateOf(reader)).toEqual(stateOf(writer))
    expect(reader.stats()).toMatchObject({ checkpointSeq: 200, lastSeq: 201, position: writer.stats().position })
    expect(process.fileSystem.openFiles.size).toBe(1)
    await reader.close()
    expect(process.fileSystem.openFiles.size).toBe(0)
  })

  test.each([0, 3])('loses no record of the former file for a watcher or a follower (%d backups)', async (backups) => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer({ backups })
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const all: Change[] = []
    const following = (async () => {
      for await (const change of reader.changes()) all.push(change)
    })()
    // None of this is read before the new generation has the name of the log.
    await writer.set('a', 2)
    await writer.set('b', 2)
    await writer.compact()
    await writer.set('c', 3)
    await reader.flush()
    await turns()
    expect(seqs(mirror.received)).toEqual([2, 3, 4])
    expect(seqs(all)).toEqual([2, 3, 4])
    expect(stateOf(reader)).toEqual({ a: 2, b: 2, c: 3 })
    await reader.close()
    await following
  })

  test('is invisible until the new file is read: the reader never shows an older state', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    for (let number = 0; number < 300; number++) await writer.set(`key ${number}`, 'old')
    const { store: reader, process } = await disk.reader()
    await writer.compact()
    for (let number = 0; number < 300; number++) await writer.set(`key ${number}`, 'new')
    let isNewOpen = false
    const seen: unknown[] = []
    process.onCall = ({ kind, path }) => {
      if (kind === 'open') isNewOpen ||= LOG.test(path)
      else if (kind === 'read' && isNewOpen) {
        // In the middle of the work of the reader.
        isNewOpen = false
        seen.push(reader.get('key 0'), reader.get('key 299'), reader.stats().checkpointSeq)
        isNewOpen = seen.length < 24
      }
      return undefined
    }
    await reader.flush()
    expect(seen.slice(0, 6)).toEqual(['old', 'old', 0, 'old', 'old', 0])
    expect(seen).toHaveLength(24)
    expect([reader.get('key 0'), reader.get('key 299')]).toEqual(['new', 'new'])
  })

  test('twice between two looks: the state is right, a watcher receives the differences, a follower reads the backups', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.batch(['a', 'b', 'c', 'd'].map((key) => ({ op: 'SET', key, value: 1 })))
    await writer.set('e', 1, { expires: 4_000_000_000_000 })
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const changes = reader.changes()
    const first = changes.next()
    for (const round of [2, 3]) {
      await writer.set('a', round)
      await writer.compact()
    }
    await writer.delete('b')
    await writer.set('e', 1, { expires: 4_000_000_000_001 })
    await writer.set('new', 1)
    await reader.flush()
    expect(stateOf(reader)).toEqual(stateOf(writer))
    const { position } = writer.stats()
    expect(mirror.received).toEqual([
      // The end of the file that it had open.
      { op: 'SET', key: 'a', value: 2, seq: 3, position: expect.any(String), timestamp: expect.any(String) },
      { op: 'SET', key: 'a', value: 3, seq: 7, position, timestamp: expect.any(String) },
      { op: 'DELETE', key: 'b', seq: 7, position, timestamp: expect.any(String) },
      { op: 'SET', key: 'e', value: 1, expires: 4_000_000_000_001, seq: 7, position, timestamp: expect.any(String) },
      { op: 'SET', key: 'new', value: 1, seq: 7, position, timestamp: expect.any(String) },
    ])
    expect(seqs([(await first).value as Change, ...(await taken(changes, 4))])).toEqual([3, 4, 5, 6, 7])
  })

  test('twice between two looks and without backups is FLATLOG_POSITION to a follower', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer({ backups: 0 })
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const changes = reader.changes()
    const first = changes.next()
    for (const round of [2, 3]) {
      await writer.set('a', round)
      await writer.compact()
    }
    await reader.flush()
    expect(reader.get('a')).toBe(3)
    expect((await first).value).toMatchObject({ value: 2 })
    await expect(changes.next()).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
    // From now on it follows as usual.
    const again = reader.changes().next()
    await writer.set('a', 4)
    await reader.flush()
    expect((await again).value).toMatchObject({ key: 'a', value: 4 })
  })

  test('repeats no record that was read while the new generation was being made', async () => {
    const disk = sharedDisk()
    const { store: writer, process } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    process.onCall = ({ kind, path }) => (kind === 'sync' && path.endsWith('.log.new') ? { turns: 20 } : undefined)
    const compacting = writer.compact()
    await turns(5)
    await writer.set('a', 2)
    await writer.set('b', 2)
    await reader.flush()
    expect(reader.stats()).toMatchObject({ checkpointSeq: 0, lastSeq: 3 })
    await compacting
    await writer.set('c', 3)
    await reader.flush()
    expect(reader.stats()).toMatchObject({ checkpointSeq: 1, lastSeq: 4 })
    expect(seqs(mirror.received)).toEqual([2, 3, 4])
  })

  test('that removes the backup of a follower is FLATLOG_POSITION to it', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    const since = writer.stats().position as string
    await writer.set('a', 2)
    await writer.compact()
    const { store: reader } = await disk.reader({}, ({ kind, path }) => {
      if (kind !== 'open' || !path.includes('.backup.')) return
      disk.byHand((fileSystem) => {
        if (fileSystem.status(`${fileSystem.mount}${path}`)) fileSystem.remove(`${fileSystem.mount}${path}`)
      })
    })
    await expect(reader.changes({ since }).next()).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
  })

  test('without a later record leaves positions as they are', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer({ backups: 0 })
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const { position } = reader.stats()
    const next = reader.changes({ since: position as string }).next()
    const watched = watchPromise(next)
    await writer.compact()
    await reader.flush()
    expect(reader.stats()).toMatchObject({ position, checkpointSeq: 1 })
    expect(watched.state).toBe('pending')
    await writer.set('a', 2)
    await reader.flush()
    expect((await next).value).toMatchObject({ value: 2 })
  })

  test('that fails before its rename changes nothing for the reader', async () => {
    const disk = sharedDisk()
    const { store: writer, process } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    process.onCall = ({ kind, path }) =>
      kind === 'rename' && LOG.test(path) ? { error: systemError('EIO') } : undefined
    await expect(writer.compact()).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    await writer.set('a', 2)
    await reader.flush()
    expect(reader.get('a')).toBe(2)
    process.onCall = () => undefined
    await writer.compact()
    await writer.set('a', 3)
    await reader.flush()
    expect(seqs(mirror.received)).toEqual([2, 3])
    expect(reader.stats().checkpointSeq).toBe(2)
  })

  test('whose rename reports a failure but has happened is followed, and so is the reopened store', async () => {
    const disk = sharedDisk()
    const { store: writer, process } = await disk.writer()
    await writer.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    process.onCall = ({ kind, path }) =>
      kind === 'rename' && LOG.test(path) ? { error: systemError('EIO'), happens: true } : undefined
    await expect(writer.compact()).rejects.toThrow()
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1 })
    process.onCall = () => undefined
    await writer.reopen()
    await writer.set('a', 2)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 2 })
    expect(seqs(mirror.received)).toEqual([2])
  })
})

describe('another file in the place of the log', () => {
  test('by an owner that broke the lock: records that only the former owner wrote are undone', async () => {
    const disk = sharedDisk()
    const { store: displaced, process } = await disk.writer()
    await displaced.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const changes = reader.changes()
    const [first, second] = [changes.next(), changes.next()]
    second.catch(() => {})
    const { store: owner } = await disk.writer({ takeOver: true })
    // Until it checks the lock again, the former owner still writes to the former file.
    process.clock.monotonicMs = () => 0
    await displaced.set('a', 'lost').catch(() => {})
    await reader.flush()
    await owner.set('b', 1)
    await owner.set('c', 1)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 1, b: 1, c: 1 })
    expect(mirror.state).toEqual(new Map(Object.entries({ a: 1, b: 1, c: 1 })))
    expect((await first).value).toMatchObject({ value: 'lost' })
    await expect(second).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
  })

  test('by such an owner after a compaction, with another record of the number that was read last', async () => {
    const disk = sharedDisk()
    const { store: displaced, process } = await disk.writer()
    await displaced.set('a', 1)
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const { store: owner } = await disk.writer({ takeOver: true })
    process.clock.monotonicMs = () => 0
    await displaced.set('a', 'lost').catch(() => {})
    await owner.set('b', 1)
    await owner.compact()
    await reader.flush()
    expect(mirror.received[0]).toMatchObject({ seq: 2, value: 'lost' })
    expect(owner.stats().lastSeq).toBe(2)
    expect(stateOf(reader)).toEqual(stateOf(owner))
    expect(mirror.state).toEqual(new Map(owner.entries()))
  })

  test('that was removed: the state stays, and a new store is followed once it exists', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    await writer.close()
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const next = reader.changes().next()
    next.catch(() => {})
    disk.byHand((fileSystem, logs) => {
      for (const name of fileSystem.list(logs)) fileSystem.remove(`${logs}/${name}`)
    })
    await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_IO', message: /is gone.*What to do/ })
    await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_IO' })
    expect(reader.get('a')).toBe(1)
    expect(reader.health()).toMatchObject({ ok: false, problems: [{ error: { code: 'FLATLOG_IO' } }] })

    const { store: another } = await disk.writer()
    await another.set('b', 1)
    await another.set('c', 1)
    await reader.flush()
    expect(reader.health().ok).toBe(true)
    expect(stateOf(reader)).toEqual({ b: 1, c: 1 })
    expect(mirror.state).toEqual(new Map(Object.entries({ b: 1, c: 1 })))
    await expect(next).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
  })

  test('of another store that covers the same number is not a continuation', async () => {
    const disk = sharedDisk()
    for (const [name, value] of [
      ['store', 'ours'],
      ['other', 'theirs'],
    ] as const) {
      const { store, process } = await disk.writer({ name, backups: 0 })
      await store.set('a', value)
      await store.compact()
      await store.close()
      process.kill()
    }
    const { store: reader } = await disk.reader()
    const mirror = new Mirror(reader)
    const next = reader.changes().next()
    disk.put({ 'logs/store.log': filesOf(disk.machine)['logs/other.log'] as Buffer })
    await reader.flush()
    expect(reader.get('a')).toBe('theirs')
    expect(mirror.state).toEqual(new Map([['a', 'theirs']]))
    expect(reader.recovery.notes.join()).toMatch(/belongs to another store/)
    await expect(next).rejects.toMatchObject({ code: 'FLATLOG_POSITION' })
  })

  test('is followed once the log is back, if the log was missing at opening', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    await writer.compact()
    await writer.close()
    disk.byHand((fileSystem, logs) => fileSystem.remove(`${logs}/store.log`))
    const { store: reader } = await disk.reader()
    expect(reader.recovery.source).toBe('backup')
    await reader.flush()
    const { store: owner } = await disk.writer()
    await owner.set('a', 2)
    await reader.flush()
    expect(stateOf(reader)).toEqual({ a: 2 })
    expect(reader.recovery.source).toBe('log')
  })

  test('that cannot be read leaves the state as it was', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    await writer.set('a', 1)
    await writer.close()
    const { store: reader } = await disk.reader({ recovery: 'strict' })
    disk.byHand((fileSystem, logs) => {
      fileSystem.remove(`${logs}/store.log`)
      const file = fileSystem.open(`${logs}/store.log`, 'create')
      file.write('no log at all\n', 0)
      file.close()
    })
    await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
    expect(reader.get('a')).toBe(1)
    expect(reader.health().ok).toBe(false)
  })
})

describe('closing', () => {
  test('in the middle of a look ends the look and leaves no file open', async () => {
    const disk = sharedDisk()
    const { store: writer } = await disk.writer()
    for (let number = 0; number < 300; number++) await writer.set(`key ${number}`, number)
    const { store: reader, process } = await disk.reader()
    const following = reader.changes().next()
    await writer.compact()
    await writer.set('a', 1)
    const closed: Promise<number>[] = []
    let opens = 0
    process.onCall = ({ kind, path }) => {
      // The second time that the log is opened.
      if (kind === 'open' && LOG.test(path) && ++opens === 2) {
        closed.push(reader.close().then(() => process.fileSystem.openFiles.size))
      }
      return undefined
    }
    const looking = reader.flush()
    looking.catch(() => {})
    while (closed.length === 0) await turns(1)
    expect(await closed[0]).toBe(0)
    await looking
    await expect(reader.flush()).rejects.toMatchObject({ code: 'FLATLOG_CLOSED' })
    expect((await following).done).toBe(true)
    expect(process.clock.timers).toBe(0)
  })
})
