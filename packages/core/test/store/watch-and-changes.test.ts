import { describe, expect, test } from 'vitest'
import { type Change, type Store, systemClock } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns, watchPromise } from '../support/turns.js'

const directory = useTempDirectory()
useRejectionWatch()

const LOG = /store\.log/

async function take(changes: AsyncIterator<Change>, count: number): Promise<Change[]> {
  const taken: Change[] = []
  while (taken.length < count) taken.push((await changes.next()).value as Change)
  return taken
}

/** Makes one write of every kind, each acknowledged before the next. */
async function everyKind(store: Store): Promise<void> {
  await store.set('a', { n: 1 }, { expires: 4_000_000_000_000 })
  await store.setText('text', 'plain')
  await store.setBytes('bytes', Buffer.from('abc'))
  await store.delete('a')
  await store.batch([
    { op: 'SET', key: 'b', value: 2 },
    { op: 'DELETE', key: 'text' },
  ])
  await store.clear({ prefix: 'b' })
  await store.replace(JSON.parse('{"__proto__":1}') as Record<string, unknown>)
}

const EVERY_KIND = [
  { op: 'SET', key: 'a', value: { n: 1 }, expires: 4_000_000_000_000, seq: 1 },
  { op: 'SET', key: 'text', value: 'plain', seq: 2 },
  { op: 'SET', key: 'bytes', value: new Uint8Array(Buffer.from('abc')), seq: 3 },
  { op: 'DELETE', key: 'a', seq: 4 },
  { op: 'SET', key: 'b', value: 2, seq: 5 },
  { op: 'DELETE', key: 'text', seq: 5 },
  { op: 'DELETE', prefix: 'b', seq: 6 },
  { op: 'SET', data: JSON.parse('{"__proto__":1}'), seq: 7 },
]

/** The position after the last record. */
const beginning = (store: Store) => store.stats().position as string

const withoutPlace = ({ position: _, timestamp: __, ...change }: Change) => change

describe('watch', () => {
  test('reports every change once, in order, with its position in the log', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    const received: Change[] = []
    store.watch((change) => received.push(change))
    await everyKind(store)
    expect(received.map(withoutPlace)).toEqual(EVERY_KIND)
    const records = recordsOf(dir)
    for (const { seq, position, timestamp } of received) {
      const record = records.find((each) => each.seq === seq)
      expect([position, timestamp]).toEqual([`${seq}:${record?.crc}`, record?.timestamp])
    }
  })

  test('reports no change before it is acknowledged, and none that was undone', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    const received: Change[] = []
    store.watch((change) => received.push(change))
    fileSystem.fail('write', systemError('ENOSPC'), { on: LOG })
    await expect(store.set('refused', 1)).rejects.toMatchObject({ code: 'FLATLOG_NO_SPACE' })
    await store.set('taken', 1)
    expect(received.map((change) => change.op === 'SET' && 'key' in change && change.key)).toEqual(['taken'])
  })

  test('passes each listener its own copies, and nothing after it unsubscribes', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const received: unknown[] = []
    const listener = (change: Change) => {
      if (!('value' in change)) return
      received.push(structuredClone(change.value))
      ;(change.value as number[]).push(99)
    }
    const stops = [store.watch(listener), store.watch(listener)]
    await store.set('a', [1])
    expect(received).toEqual([[1], [1]])
    expect(store.get('a')).toEqual([1])
    stops[0]?.()
    stops[0]?.()
    await store.set('a', [2])
    expect(received).toEqual([[1], [1], [2]])
    stops[1]?.()
    await store.set('a', [3])
    expect(received).toHaveLength(3)
  })

  test('reports the writes of other handles too', async () => {
    const dir = directory()
    await using one = await openOn(machine(), { dir })
    await using two = await openOn(machine(), { dir })
    const received: number[] = []
    one.watch((change) => received.push(change.seq))
    await two.set('a', 1)
    await one.set('a', 2)
    expect(received).toEqual([1, 2])
  })

  test('a listener that throws does not stop the other listeners or the write', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const received: number[] = []
    const thrown: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    try {
      const boom = new Error('boom')
      store.watch(() => {
        throw boom
      })
      store.watch((change) => received.push(change.seq))
      await store.set('a', 1)
      await turns()
      expect(received).toEqual([1])
      expect(thrown).toEqual([boom])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of others) process.on('uncaughtException', listener)
    }
  })
})

describe('changes', () => {
  test('yields what watch reports: first from the position, then as it is written', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    const since = beginning(store)
    await everyKind(store)
    const all = await take(store.changes({ since }), 8)
    expect(all.map(withoutPlace)).toEqual(EVERY_KIND)

    const later = store.changes({ since: all[3]?.position as string })
    expect((await take(later, 4)).map(withoutPlace)).toEqual(EVERY_KIND.slice(4))
    const next = later.next()
    await store.set('new', 1)
    expect((await next).value).toMatchObject({ op: 'SET', key: 'new', seq: 8 })
    await later.return(undefined)
  })

  test('begins at the present end of the log without a position', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('before', 1)
    const changes = store.changes()
    await store.set('after', 1)
    await store.set('later', 1)
    const first = changes.next()
    const watched = watchPromise(first)
    await turns(10)
    expect(watched.state).toBe('fulfilled')
    expect((await first).value).toMatchObject({ key: 'after' })
  })

  test('yields only acknowledged changes', async () => {
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir: directory() })
    const next = store.changes().next()
    const watched = watchPromise(next)
    await turns()
    const held = fileSystem.hold('sync', { on: LOG })
    const done = store.set('a', 1)
    await held.reached
    await turns()
    expect(watched.state).toBe('pending')
    held.release()
    await done
    expect((await next).value).toMatchObject({ key: 'a', seq: 1 })
  })

  test('continues across compactions, through the backups', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir, backups: 3 })
    await store.set('k', 0)
    const position = store.stats().position as string
    for (let round = 1; round <= 3; round++) {
      await store.set('k', round)
      await store.set('k', round * 10)
      await store.compact()
    }
    await store.set('k', 'last')
    const changes = store.changes({ since: position })
    const values = (await take(changes, 7)).map((change) => 'value' in change && change.value)
    expect(values).toEqual([1, 10, 2, 20, 3, 30, 'last'])
  })

  test('a slow follower misses nothing during compactions', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir, backups: 100 })
    const changes = store.changes({ since: beginning(store) })
    const seen: number[] = []
    for (let round = 0; round < 30; round++) {
      await Promise.all([store.set('a', round), store.set('b', round), store.set('c', round)])
      if (round % 3 === 0) await store.compact()
      seen.push(...(await take(changes, 2)).map((change) => change.seq))
    }
    seen.push(...(await take(changes, 30)).map((change) => change.seq))
    expect(seen).toEqual(Array.from({ length: 90 }, (_, number) => number + 1))
  })

  test('reads a backup once however long it is, and rests meanwhile', async () => {
    const readsOf = async (count: number) => {
      const fileSystem = new FaultyFileSystem()
      let ms = 0
      let rests = 0
      const yieldToOthers = () => {
        rests++
        return systemClock.yieldToOthers()
      }
      const clock = { ...systemClock, monotonicMs: () => ms++, yieldToOthers }
      const options = { dir: directory(), durability: 'os', compaction: false, mainFile: false } as const
      await using store = await openOn(machine({ fileSystem, clock }), options)
      const since = beginning(store)
      await Promise.all(Array.from({ length: count }, (_, number) => store.set(`k${number}`, 'x'.repeat(100))))
      await store.compact()
      const before = { reads: fileSystem.count('read', /backup/), rests }
      const changes = await take(store.changes({ since }), count)
      expect(changes.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, number) => number + 1))
      expect(rests - before.rests).toBeGreaterThan(count / 100)
      return fileSystem.count('read', /backup/) - before.reads
    }
    const [few, many] = [await readsOf(2000), await readsOf(8000)]
    expect(many / few).toBeLessThan(5)
  })

  test('skips the records before a position and the checkpoint of a backup in slices', async () => {
    let ms = 0
    const clock = { ...systemClock, monotonicMs: () => ms++ }
    await using store = await openOn(machine({ clock }), { dir: directory(), durability: 'os', compaction: false })
    await Promise.all(Array.from({ length: 2000 }, (_, number) => store.set(`k${number}`, 1)))
    await store.compact()
    await Promise.all(Array.from({ length: 500 }, (_, number) => store.set(`k${number}`, 2)))
    const since = beginning(store)
    await store.set('last', 3)
    const first = async () => (await take(store.changes({ since }), 1))[0]
    expect(await first()).toMatchObject({ key: 'last' })
    await store.compact()
    expect(await first()).toMatchObject({ key: 'last' })
  })

  test('ends if the store is closed while a position is looked for', async () => {
    let ms = 0
    const clock = { ...systemClock, monotonicMs: () => ms++ }
    const options = { dir: directory(), durability: 'os', compaction: false, mainFile: false } as const
    const store = await openOn(machine({ clock }), options)
    await Promise.all(Array.from({ length: 20_000 }, (_, number) => store.set(`k${number}`, 1)))
    const since = beginning(store)
    await store.set('last', 1)
    const next = store.changes({ since }).next()
    await store.close()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('a position of another history, or of a file that is gone, is FLATLOG_POSITION', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir, backups: 0 })
    const since = beginning(store)
    await store.set('a', 1)
    await store.set('a', 2)
    const [first] = await take(store.changes({ since }), 1)
    const refused = { code: 'FLATLOG_POSITION' }
    await expect(store.changes({ since: '1:00000000' }).next()).rejects.toMatchObject(refused)
    await expect(store.changes({ since: '3:00000000' }).next()).rejects.toMatchObject(refused)
    await expect(store.changes({ since: '99:12345678' }).next()).rejects.toMatchObject(refused)
    await store.compact()
    await store.set('a', 3)
    await expect(store.changes({ since: first?.position as string }).next()).rejects.toMatchObject(refused)
    await expect(store.changes({ since }).next()).rejects.toThrow(/What to do: read the state with entries/)
  })

  test('the position from stats() can be followed, also right after opening a compacted store', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.compact()
    await store.close()
    await using again = await openOn(machine(), { dir })
    const since = again.stats().position as string
    await again.set('b', 1)
    const first = async () => (await take(again.changes({ since }), 1))[0]
    expect(await first()).toMatchObject({ op: 'SET', key: 'b' })
    // From now on the records after it are in the backup.
    await again.compact()
    expect(await first()).toMatchObject({ op: 'SET', key: 'b' })
  })

  test('a follower that begins while a new generation is being published misses nothing', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    await using store = await openOn(machine({ fileSystem }), { dir })
    const since = beginning(store)
    await store.set('a', 1)
    await store.set('a', 2)
    // The second of the directory's syncs in a publication follows the rename.
    const held = fileSystem.hold('syncDirectory', { nth: 2 })
    const compacted = store.compact()
    await held.reached
    const following = Promise.allSettled([take(store.changes({ since }), 2)])
    await turns()
    held.release()
    await compacted
    const [outcome] = await following
    if (outcome?.status === 'rejected') throw outcome.reason
    expect(outcome?.value.map(({ seq }) => seq)).toEqual([1, 2])
  })

  test('a follower whose backup is removed by rotation gets FLATLOG_POSITION', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir, backups: 1 })
    const changes = store.changes({ since: beginning(store) })
    await store.set('a', 1)
    await take(changes, 1)
    await store.compact()
    await Promise.all(Array.from({ length: 600 }, (_, number) => store.set('a', number)))
    await take(changes, 1)
    for (let round = 0; round < 2; round++) {
      await store.set('a', 1)
      await store.compact()
    }
    const rest = (async () => {
      for await (const change of changes) if (change.seq === 603) return
    })()
    await expect(rest).rejects.toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_POSITION' })
  })

  test('ends at its signal, at close, and when the loop is left', async () => {
    const store = await openOn(machine(), { dir: directory() })
    const controller = new AbortController()
    const [aborted, closed] = [store.changes({ signal: controller.signal }).next(), store.changes().next()]
    await turns()
    controller.abort()
    expect(await aborted).toEqual({ done: true, value: undefined })
    expect(await store.changes({ signal: controller.signal }).next()).toEqual({ done: true, value: undefined })
    const seen: number[] = []
    const leaving = (async () => {
      for await (const change of store.changes()) {
        seen.push(change.seq)
        break
      }
    })()
    await turns()
    await store.set('a', 1)
    await leaving
    expect((await closed).value).toMatchObject({ seq: 1 })
    const last = store.changes().next()
    await turns()
    await store.close()
    expect(await last).toEqual({ done: true, value: undefined })
    expect(seen).toEqual([1])
  })
})

test('a watcher receives nothing after it unsubscribes, and a new one receives the later changes', async () => {
  await using store = await openOn(machine(), { dir: directory() })
  const [leaving, coming]: [string[], string[]] = [[], []]
  const keyOf = (change: Change) => ('key' in change ? change.key : '')
  const stop = store.watch((change) => {
    leaving.push(keyOf(change))
    stop()
    store.watch((each) => void coming.push(keyOf(each)))
  })
  await store.batch(['a', 'b', 'c'].map((key) => ({ op: 'SET' as const, key, value: 1 })))
  await store.set('d', 1)
  expect(leaving).toEqual(['a'])
  expect(coming).toEqual(['d'])
})

test('many changes() at once cause no warning, and end when the handle is closed', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  try {
    const store = await openOn(machine(), { dir: directory() })
    const readers = Array.from({ length: 30 }, () => store.changes())
    const ended = Promise.all(readers.map((reader) => reader.next()))
    await store.close()
    expect((await ended).every(({ done }) => done)).toBe(true)
    // Warnings are emitted in a later turn.
    await turns()
    expect(warnings).toEqual([])
  } finally {
    process.off('warning', note)
  }
})
