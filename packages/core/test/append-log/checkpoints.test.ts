import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { copyAsOfNow } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { lines, openPlayers, playersLog, run } from './store-in.js'

/**
 * A checkpoint is the state at the start of the log.
 * A compaction makes it, and a backup heals it.
 */

const makeDir = useTempDirectory()
const parsed = (dir: string) => lines(dir).map((line) => JSON.parse(line) as Record<string, unknown>)

describe('creating a checkpoint', () => {
  it('of a small state is one line', async () => {
    const dir = makeDir()
    const clock = new ManualClock('2025-01-15T13:00:00.000Z')
    const store = await openOn(machine({ clock }), { dir, name: 'players' })
    await store.set('b', { score: 2 })
    await store.set('a', 1)
    await store.set('b', { score: 3 })
    await store.compact()
    expect(parsed(dir)).toEqual([
      {
        timestamp: '2025-01-15T13:00:00.000Z',
        seq: 3,
        op: 'CHECKPOINT',
        format: 1,
        store: expect.stringMatching(/^[0-9a-f]{16}$/),
        indexAt: '000000000000000',
        state: { a: 1, b: { score: 3 } },
        compactedAt: '2025-01-15T13:00:00.000Z',
        crc: expect.any(String),
      },
    ])
    await store.close()
  })

  it('of a large state is a header, parts in key order, and an index', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.replace(
        Object.fromEntries(Array.from({ length: 100 }, (_, number) => [`k${number}`, 'x'.repeat(400)])),
      )
      await store.compact()
    })
    const [header, ...rest] = parsed(dir)
    const index = rest.pop()!.index as [string, number, number][]
    expect(header).toMatchObject({ op: 'CHECKPOINT', format: 1, state: {} })
    const text = readFileSync(playersLog(dir), 'utf8')
    expect(text.slice(Number(header!.indexAt)).startsWith('{"timestamp"')).toBe(true)
    expect(JSON.parse(text.slice(Number(header!.indexAt)))).toHaveProperty('index')
    expect(rest.every((part) => part.op === 'CHECKPOINT' && part.part === true)).toBe(true)
    const keys = rest.flatMap((part) => Object.keys(part.state as object))
    expect(keys).toEqual([...keys].sort())
    expect(keys).toHaveLength(100)
    index.forEach(([firstKey, offset, count], position) => {
      const state = rest[position]!.state as object
      expect(JSON.parse(text.slice(offset, text.indexOf('\n', offset)))).toEqual(rest[position])
      expect([firstKey, count]).toEqual([Object.keys(state)[0], Object.keys(state).length])
    })
  })

  it('keeps expiries and encodings, and leaves out expired keys', async () => {
    const dir = makeDir()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir, name: 'players' })
    await store.set('gone', 1, { ttlMs: 10 })
    await store.set('later', 1, { ttlMs: 100 })
    await store.setText('text', '{"a": 1} ')
    await store.setBytes('bytes', new Uint8Array([9]))
    clock.advance(10)
    await store.compact()
    await store.close()
    expect(parsed(dir)[1]).toMatchObject({
      part: true,
      meta: { expires: { later: clock.now() + 90 }, encoding: { text: 'text', bytes: 'base64' } },
      state: { bytes: 'CQ==', later: 1, text: '{"a": 1} ' },
    })
    expect(readFileSync(playersLog(dir), 'utf8')).not.toContain('"gone"')
    const again = await openOn(machine({ clock }), { dir, name: 'players' })
    expect([again.getText('text'), again.getBytes('bytes'), again.get('later')]).toEqual([
      '{"a": 1} ',
      new Uint8Array([9]),
      1,
    ])
    clock.advance(90)
    expect(again.has('later')).toBe(false)
    await again.close()
  })

  it('keeps the spelling of values, through any number of checkpoints', async () => {
    const dir = makeDir()
    const text = '{"10":1.0, "9":1e400, "__proto__":{"x":-0}, "9":"\\u0041"}'
    for (let round = 0; round < 3; round++) {
      await run(dir, async (store) => {
        if (round === 0) await store.setText('k', text)
        await store.set('round', round)
        await store.compact()
        expect(store.getText('k')).toBe(text)
      })
    }
    expect(readFileSync(playersLog(dir), 'utf8')).toContain(text)
  })

  it('keeps when values were written with the option times', async () => {
    const dir = makeDir()
    const clock = new ManualClock('2025-01-15T13:00:00.000Z')
    const store = await openOn(machine({ clock }), { dir, name: 'players', times: true })
    const start = clock.now()
    await store.set('a', 1)
    clock.advance(5000)
    await store.set('b', 1)
    clock.advance(5000)
    await store.compact()
    await store.close()
    const again = await openOn(machine({ clock }), { dir, name: 'players', times: true })
    expect([again.getMeta('a')?.mtime, again.getMeta('b')?.mtime]).toEqual([start, start + 5000])
    await again.close()
  })

  it('also writes the main file: the state as plain JSON for other programs', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('10', { b: 1, a: [] })
      await store.set('9', 2)
      await store.compact()
      expect(readFileSync(join(dir, 'players.json'), 'utf8')).toBe('{\n  "10": {"b":1,"a":[]},\n  "9": 2\n}\n')
    })
  })
})

describe('recovering from a checkpoint', () => {
  it('after a crash right after it was made', async () => {
    const dir = makeDir()
    const store = await openPlayers(dir)
    await store.set('a', 1)
    await store.compact()
    const crashed = copyAsOfNow(dir, makeDir())
    await store.close()
    await run(crashed, (again) => {
      expect([...again.entries()]).toEqual([['a', 1]])
      expect(again.recovery.clean).toBe(true)
    })
  })

  it('that is damaged: from the backup that has all its records', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
    })
    writeFileSync(playersLog(dir), readFileSync(playersLog(dir), 'utf8').replace('"state":{"a":1}', '"state":{"a":7}'))
    await run(dir, (store) => {
      expect([...store.entries()]).toEqual([
        ['a', 1],
        ['b', 2],
      ])
      expect(store.recovery).toMatchObject({ clean: false, inDoubt: [], damage: [{ file: 'players.log', line: 1 }] })
      expect(store.recovery.damage[0]!.healedFrom).toMatch(/^players\.log\.backup\./)
    })
    await run(dir, (store) => expect(store.recovery.clean).toBe(true))
  })

  it('whose log is missing: from the newest backup, with a report', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
    })
    rmSync(playersLog(dir))
    await run(dir, (store) => {
      expect([...store.entries()]).toEqual([['a', 1]])
      expect(store.recovery).toMatchObject({ clean: false, source: 'backup', inDoubt: ['any'] })
    })
  })
})
