import { existsSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { lines, openPlayers, parsedRecords, playersLog, run } from './store-in.js'

/** Every change is one line, appended to the log. */

const makeDir = useTempDirectory()

describe('writing entries', () => {
  it('a new log begins with an empty checkpoint, and exists before the first write', async () => {
    const dir = makeDir()
    await run(dir, () => {
      expect(existsSync(playersLog(dir))).toBe(true)
      expect(lines(dir)).toHaveLength(1)
      expect(JSON.parse(lines(dir)[0]!)).toMatchObject({ op: 'CHECKPOINT', format: 1, seq: 0, state: {} })
    })
  })

  it('a write is a line that JSON.parse reads, with a number and a time', async () => {
    const dir = makeDir()
    const clock = new ManualClock('2025-01-15T12:34:56.789Z')
    const store = await openOn(machine({ clock }), { dir, name: 'players' })
    await store.set('user123', { score: 100 })
    await store.close()
    expect(parsedRecords(dir)).toEqual([
      {
        timestamp: '2025-01-15T12:34:56.789Z',
        seq: 1,
        synced: 0,
        op: 'SET',
        key: 'user123',
        value: { score: 100 },
        crc: expect.stringMatching(/^[0-9a-f]{8}$/),
      },
    ])
  })

  it('each write only appends: existing bytes never change', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      let before = readFileSync(playersLog(dir))
      for (const change of [
        () => store.set('a', 1),
        () => store.set('a', 2),
        () => store.delete('a'),
        () => store.batch([{ op: 'SET', key: 'b', value: 1 }]),
        () => store.clear(),
        () => store.replace({ c: 1 }),
      ]) {
        await change()
        const after = readFileSync(playersLog(dir))
        expect(after.length).toBeGreaterThan(before.length)
        expect(after.subarray(0, before.length).equals(before)).toBe(true)
        before = after
      }
    })
  })

  it('a change of one key costs one line, however large the state is', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.replace(new Map(Array.from({ length: 5000 }, (_, number) => [`k${number}`, number])))
      const before = statSync(playersLog(dir)).size
      await store.set('k1', 'changed')
      expect(statSync(playersLog(dir)).size - before).toBeLessThan(200)
    })
  })

  it('numbers continue without a gap after reopening and compaction', async () => {
    const dir = makeDir()
    await run(dir, (store) => store.set('a', 1))
    await run(dir, async (store) => {
      await store.set('b', 2)
      await store.compact()
      await store.set('c', 3)
    })
    await run(dir, (store) => store.set('d', 4))
    expect(JSON.parse(lines(dir)[0]!)).toMatchObject({ op: 'CHECKPOINT', seq: 2 })
    expect(parsedRecords(dir).map((record) => record.seq)).toEqual([3, 4])
  })

  it('writes of one turn are in the order of the calls', async () => {
    const dir = makeDir()
    await run(dir, (store) =>
      Promise.all(Array.from({ length: 100 }, (_, number) => store.set(`k${number % 7}`, number))),
    )
    expect(parsedRecords(dir).map((record) => record.value)).toEqual(Array.from({ length: 100 }, (_, number) => number))
    expect(parsedRecords(dir).map((record) => record.seq)).toEqual(
      Array.from({ length: 100 }, (_, number) => number + 1),
    )
  })

  it('the time of a line is never before that of the previous line, whatever the clock does', async () => {
    const dir = makeDir()
    const clock = new ManualClock('2025-01-15T12:00:00.000Z')
    const store = await openOn(machine({ clock }), { dir, name: 'players' })
    await store.set('a', 1)
    clock.setWall('2025-01-15T11:59:00.000Z')
    await store.set('b', 1)
    clock.setWall('2025-01-15T12:01:00.000Z')
    await store.set('c', 1)
    await store.close()
    expect(parsedRecords(dir).map((record) => record.timestamp)).toEqual([
      '2025-01-15T12:00:00.000Z',
      '2025-01-15T12:00:00.000Z',
      '2025-01-15T12:01:00.000Z',
    ])
  })

  it.each(['always', 'interval', 'os'] as const)(
    'the line is in the file when the promise resolves (durability: %s)',
    async (durability) => {
      const dir = makeDir()
      await run(
        dir,
        async (store) => {
          for (let number = 1; number <= 5; number++) {
            await store.set('a', number)
            expect(parsedRecords(dir).at(-1)).toMatchObject({ seq: number, value: number })
          }
        },
        { durability },
      )
    },
  )

  it('a value that cannot be stored writes nothing', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      const before = readFileSync(playersLog(dir))
      await expect(store.set('a', { at: new Date() })).rejects.toMatchObject({ code: 'FLATLOG_INVALID_VALUE' })
      await expect(store.set(5 as never, 1)).rejects.toMatchObject({ code: 'FLATLOG_INVALID_KEY' })
      await expect(
        store.batch([
          { op: 'SET', key: 'b', value: 1 },
          { op: 'SET', key: 'c', value: undefined },
        ]),
      ).rejects.toMatchObject({ code: 'FLATLOG_INVALID_VALUE' })
      expect(readFileSync(playersLog(dir)).equals(before)).toBe(true)
      expect([...store.keys()]).toEqual(['a'])
    })
  })

  it('a batch is one line, applied whole or not at all', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('old', 1)
      await store.batch([
        { op: 'SET', key: 'a', value: 1 },
        { op: 'DELETE', key: 'old' },
        { op: 'SET', key: 'a', value: 2 },
      ])
    })
    const [, batch] = parsedRecords(dir)
    expect(batch).toMatchObject({
      op: 'BATCH',
      seq: 2,
      ops: [
        { op: 'SET', key: 'a', value: 1 },
        { op: 'DELETE', key: 'old' },
        { op: 'SET', key: 'a', value: 2 },
      ],
    })
    expect(await run(dir, (store) => Object.fromEntries(store.entries()))).toEqual({ a: 2 })
  })

  it('two handles of one process write to one log', async () => {
    const dir = makeDir()
    const [first, second] = await Promise.all([openPlayers(dir), openPlayers(dir)])
    await Promise.all([first.set('a', 1), second.set('b', 2)])
    expect([first.get('b'), second.get('a')]).toEqual([2, 1])
    await first.close()
    await second.set('c', 3)
    await second.close()
    expect(parsedRecords(dir).map((record) => record.key)).toEqual(['a', 'b', 'c'])
  })
})
