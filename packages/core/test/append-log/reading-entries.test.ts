import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { line } from '../format/support.js'
import { openLogs } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { lines, openPlayers, playersLog, run } from './store-in.js'

/** `readLogEntries` returns the parsed lines of a log, in the interface of format 0. */

const makeDir = useTempDirectory()

describe('readLogEntries', () => {
  it('returns every record in order, the checkpoint first', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', { x: 1 })
      await store.set('b', 2, { expires: 4_000_000_000_000 })
      await store.delete('a')
      await store.batch([
        { op: 'SET', key: 'c', value: 3 },
        { op: 'DELETE', key: 'b' },
      ])
      await store.clear({ prefix: 'c' })
      await store.replace({ d: 4 })
    })
    const entries = await openLogs({ dir }).readLogEntries('players')
    expect(entries.map(({ timestamp, ...entry }) => entry)).toEqual([
      { seq: 0, op: 'CHECKPOINT', state: {}, compactedAt: entries[0]!.timestamp },
      { seq: 1, op: 'SET', key: 'a', value: { x: 1 } },
      { seq: 2, op: 'SET', key: 'b', value: 2, expires: 4_000_000_000_000 },
      { seq: 3, op: 'DELETE', key: 'a' },
      {
        seq: 4,
        op: 'BATCH',
        ops: [
          { op: 'SET', key: 'c', value: 3 },
          { op: 'DELETE', key: 'b' },
        ],
      },
      { seq: 5, op: 'DELETE', prefix: 'c' },
      { seq: 6, op: 'SET', data: { d: 4 } },
    ])
    for (const { timestamp } of entries) expect(new Date(timestamp).toISOString()).toBe(timestamp)
  })

  it('returns a checkpoint in parts as one entry with its whole state', async () => {
    const dir = makeDir()
    const state = Object.fromEntries(
      Array.from({ length: 50 }, (_, number) => [`k${number}`, `${number}`.padEnd(500, '.')]),
    )
    await run(dir, async (store) => {
      await store.replace(state)
      await store.compact()
      await store.set('later', 1)
    })
    expect(lines(dir).length).toBeGreaterThan(4)
    const entries = await openLogs({ dir }).readLogEntries('players')
    expect(entries).toMatchObject([
      { op: 'CHECKPOINT', seq: 1, state, compactedAt: expect.any(String) },
      { op: 'SET', seq: 2, key: 'later' },
    ])
  })

  it('returns the encoding of texts and bytes', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.setText('text', 'plain')
      await store.setText('json', '{"a":1}')
      await store.setBytes('bytes', new Uint8Array([1, 2]))
    })
    expect((await openLogs({ dir }).readLogEntries('players')).slice(1)).toMatchObject([
      { key: 'text', encoding: 'text', value: 'plain' },
      { key: 'json', value: { a: 1 } },
      { key: 'bytes', encoding: 'base64', value: 'AQI=' },
    ])
  })

  it('reads __proto__ like any other key', async () => {
    const dir = makeDir()
    await run(dir, (store) => store.replace(new Map([['__proto__', 1]])))
    const [, entry] = await openLogs({ dir }).readLogEntries('players')
    expect(Object.keys(entry!.data!)).toEqual(['__proto__'])
  })

  it('returns nothing for a missing log, and creates none', async () => {
    const dir = makeDir()
    expect(await openLogs({ dir }).readLogEntries('players')).toEqual([])
    expect(await openLogs({ dir: join(dir, 'nowhere') }).readLogEntries('players')).toEqual([])
    expect(() => statSync(join(dir, 'logs'))).toThrow('ENOENT')
  })

  it('reads an open log without a lock and without changing anything', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      const before = readFileSync(playersLog(dir))
      expect(await openLogs({ dir }).readLogEntries('players')).toHaveLength(2)
      expect(readFileSync(playersLog(dir)).equals(before)).toBe(true)
      await store.set('b', 2)
      expect(await openLogs({ dir }).readLogEntries('players')).toHaveLength(3)
    })
  })

  it('leaves out a torn last line and a damaged line, as recovery does', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      for (const key of ['a', 'b', 'c']) await store.set(key, key)
    })
    appendFileSync(playersLog(dir), '{"torn":')
    const keys = async () => (await openLogs({ dir }).readLogEntries('players')).map((entry) => entry.key)
    expect(await keys()).toEqual([undefined, 'a', 'b', 'c'])
    writeFileSync(playersLog(dir), readFileSync(playersLog(dir), 'utf8').replace('"value":"b"', '"value":"x"'))
    expect(await keys()).toEqual([undefined, 'a', 'c'])
  })

  it('rejects for an unreadable log instead of returning an empty checkpoint', async () => {
    const dir = makeDir()
    await run(dir, (store) => store.set('a', 1))
    const log = playersLog(dir)
    writeFileSync(log, readFileSync(log, 'utf8').replaceAll('timestamp', 'timestump'))
    await expect(openLogs({ dir }).readLogEntries('players')).rejects.toMatchObject({
      code: 'FLATLOG_CORRUPT',
      path: log,
    })
  })

  it('reads a log of format 0 and numbers its lines', async () => {
    const dir = makeDir()
    mkdirSync(join(dir, 'logs'))
    const time = '2024-06-01T10:00:00.000Z'
    const older = [
      { timestamp: time, op: 'SET', key: 'a', value: 1 },
      { timestamp: time, op: 'CHECKPOINT', state: { a: 1, 10: 2 }, compactedAt: time },
      { timestamp: time, op: 'DELETE', key: 'a' },
      { timestamp: time, op: 'SET', data: { b: 2 } },
    ]
    writeFileSync(playersLog(dir), `${older.map((entry) => JSON.stringify(entry)).join('\n')}\n{"torn`)
    expect(await openLogs({ dir }).readLogEntries('players')).toEqual(
      older.map((entry, index) => ({ seq: index + 1, ...entry })),
    )
  })

  it('refuses the log of a newer version', async () => {
    const dir = makeDir()
    await run(dir, () => {})
    const newer = '{"timestamp":"2099-01-01T00:00:00.000Z","seq":0,"op":"CHECKPOINT","format":2'
    writeFileSync(playersLog(dir), `${line(newer)}\n`)
    await expect(openLogs({ dir }).readLogEntries('players')).rejects.toMatchObject({ code: 'FLATLOG_VERSION' })
  })

  it('refuses an invalid name', async () => {
    await expect(openLogs({ dir: makeDir() }).readLogEntries('../secrets')).rejects.toMatchObject({
      code: 'FLATLOG_INVALID_NAME',
    })
  })

  it('rejects with the reason if the log cannot be read', async () => {
    const dir = makeDir()
    mkdirSync(playersLog(dir), { recursive: true })
    await expect(openLogs({ dir }).readLogEntries('players')).rejects.toMatchObject({
      code: 'FLATLOG_IO',
      path: playersLog(dir),
    })
  })
})

describe('iterateLogEntries', () => {
  it('yields the same entries one by one, and the loop may be left early', async () => {
    const dir = makeDir()
    await run(dir, (store) => Promise.all(Array.from({ length: 200 }, (_, number) => store.set(`k${number}`, number))))
    const logs = openLogs({ dir })
    const seen: unknown[] = []
    for await (const entry of logs.iterateLogEntries('players')) {
      seen.push(entry)
      if (seen.length === 150) break
    }
    expect(seen).toEqual((await logs.readLogEntries('players')).slice(0, 150))
  })

  it('continues across a compaction: the former log stays readable', async () => {
    const dir = makeDir()
    const store = await openPlayers(dir)
    await Promise.all(Array.from({ length: 50 }, (_, number) => store.set(`k${number}`, number)))
    const seen: number[] = []
    for await (const entry of openLogs({ dir }).iterateLogEntries('players')) {
      if (seen.length === 10) await store.compact()
      seen.push(entry.seq)
    }
    await store.close()
    expect(seen).toEqual(Array.from({ length: 51 }, (_, number) => number))
  })
})

describe('getLogSize', () => {
  it('is the size of the file in bytes', async () => {
    const dir = makeDir()
    const logs = openLogs({ dir })
    await run(dir, async (store) => {
      const before = await logs.getLogSize('players')
      await store.set('a', 'ü'.repeat(100))
      const after = await logs.getLogSize('players')
      expect(after).toBe(statSync(playersLog(dir)).size)
      expect(after - before).toBeGreaterThan(200)
    })
  })

  it('is 0 for a missing log', async () => {
    const dir = makeDir()
    expect(await openLogs({ dir }).getLogSize('players')).toBe(0)
    expect(await openLogs({ dir: join(dir, 'nowhere') }).getLogSize('players')).toBe(0)
  })
})

describe('names', () => {
  it('are those of the logs in the directory, in order, and of no other file', async () => {
    const dir = makeDir()
    expect(await openLogs({ dir }).names()).toEqual([])
    for (const name of ['tokens', 'players', 'a.b']) {
      await run(
        dir,
        async (store) => {
          await store.set('x', 1)
          await store.compact()
        },
        { name },
      )
    }
    for (const name of ['notes.txt', 'not a store.log', '.log', 'x.log.log', 'con.log'])
      writeFileSync(join(dir, 'logs', name), 'x')
    mkdirSync(join(dir, 'logs', 'directory.log'))
    expect(await openLogs({ dir }).names()).toEqual(['a.b', 'players', 'tokens'])
  })
})
