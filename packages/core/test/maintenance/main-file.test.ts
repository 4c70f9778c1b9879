import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AUTO_MAIN_FILE_BYTES } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'

const directory = useTempDirectory()

const mainPath = (dir: string) => join(dir, 'store.json')
const mainText = (dir: string) => readFileSync(mainPath(dir), 'utf8')
const mainState = (dir: string) => JSON.parse(mainText(dir)) as Record<string, unknown>
const mark = (dir: string) =>
  JSON.parse(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')) as {
    seq: number
    mainFileSeq: number | null
    store: string
  }

describe('the main file', () => {
  test('is written at close and at a checkpoint, and not with every write', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.flush()
    expect(existsSync(mainPath(dir))).toBe(false)
    await store.compact()
    expect(mainState(dir)).toEqual({ a: 1 })
    await store.set('b', { c: [2] })
    expect(mainState(dir)).toEqual({ a: 1 })
    await store.close()
    expect(mainState(dir)).toEqual({ a: 1, b: { c: [2] } })
  })

  test('is plain JSON in key order, one key a line, with the spelling of the values kept', async () => {
    const dir = directory()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir })
    await store.setText('b', '{"z":1.50,"a":{"10":1,"9":2}}')
    await store.set('10', 'ten')
    await store.set('9', 'nine')
    await store.set('__proto__', { polluted: true })
    await store.set('\u2028', '\u2029')
    await store.setText('text', 'some\ntext')
    await store.setBytes('bytes', Buffer.from('abc'))
    await store.set('expired', 1, { ttlMs: 5 })
    clock.advance(5)
    await store.close()
    expect(mainText(dir)).toBe(
      [
        '{',
        '  "10": "ten",',
        '  "9": "nine",',
        '  "__proto__": {"polluted":true},',
        '  "b": {"z":1.50,"a":{"10":1,"9":2}},',
        '  "bytes": "YWJj",',
        '  "text": "some\\ntext",',
        '  "\\u2028": "\\u2029"',
        '}',
        '',
      ].join('\n'),
    )
  })

  test('of an empty store is an empty object', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.delete('a')
    await store.close()
    expect(mainText(dir)).toBe('{}\n')
  })

  test('is never read back', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.close()
    writeFileSync(mainPath(dir), '{"a":"edited","b":2}')
    const again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ a: 1 })
    await again.set('c', 3)
    await again.close()
    expect(mainState(dir)).toEqual({ a: 1, c: 3 })
  })

  test('is not written again without a change, but is if it was removed', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.close()
    const { ino } = statSync(mainPath(dir))
    await (await openOn(machine(), { dir })).close()
    expect(statSync(mainPath(dir)).ino).toBe(ino)
    rmSync(mainPath(dir))
    await (await openOn(machine(), { dir })).close()
    expect(mainState(dir)).toEqual({ a: 1 })
  })

  test('with false is not written, and an existing one is renamed .stale once it is out of date', async () => {
    const dir = directory()
    const without = await openOn(machine(), { dir, mainFile: false })
    await without.set('a', 1)
    await without.compact()
    await without.close()
    expect(existsSync(mainPath(dir))).toBe(false)

    const store = await openOn(machine(), { dir })
    await store.set('a', 2)
    await store.close()
    expect(mainState(dir)).toEqual({ a: 2 })
    const again = await openOn(machine(), { dir, mainFile: false })
    await again.set('a', 3)
    await again.close()
    expect(existsSync(mainPath(dir))).toBe(false)
    expect(JSON.parse(readFileSync(`${mainPath(dir)}.stale`, 'utf8'))).toEqual({ a: 2 })
  })

  test("with 'auto' is renamed .stale above the limit and written again below it; with true it is always written", async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, durability: 'os', compaction: false })
    await store.set('small', 1)
    await store.compact()
    expect(mainState(dir)).toEqual({ small: 1 })
    const half = 'x'.repeat(AUTO_MAIN_FILE_BYTES / 2)
    await store.set('one', half)
    await store.set('two', half)
    await store.close()
    expect(existsSync(mainPath(dir))).toBe(false)
    expect(JSON.parse(readFileSync(`${mainPath(dir)}.stale`, 'utf8'))).toEqual({ small: 1 })
    expect(existsSync(`${mainPath(dir)}.new`)).toBe(false)

    const always = await openOn(machine(), { dir, durability: 'os', compaction: false, mainFile: true })
    await always.set('three', 3)
    await always.close()
    expect(statSync(mainPath(dir)).size).toBeGreaterThan(AUTO_MAIN_FILE_BYTES)

    const again = await openOn(machine(), { dir, durability: 'os', compaction: false })
    await again.delete('one')
    await again.close()
    expect(mainState(dir)).toEqual({ small: 1, two: half, three: 3 })
  })

  test("with 'auto' is not begun while the checkpoint is too long, and is written once it fits", async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, durability: 'os', compaction: false })
    const begun = () => fileSystem.calls.filter(({ path }) => path === `${mainPath(dir)}.new`).length
    await store.set('small', 1)
    await store.compact()
    const afterFirst = begun()
    expect(afterFirst).toBeGreaterThan(0)
    const quarter = 'x'.repeat(AUTO_MAIN_FILE_BYTES / 4)
    for (let n = 0; n < 4; n++) await store.set(`key ${n}`, quarter)
    for (let n = 0; n < 2; n++) {
      await store.set('small', n)
      await store.compact()
      expect(begun()).toBe(afterFirst)
      expect(existsSync(mainPath(dir))).toBe(false)
      expect(JSON.parse(readFileSync(`${mainPath(dir)}.stale`, 'utf8'))).toEqual({ small: 1 })
    }
    for (let n = 2; n < 4; n++) await store.delete(`key ${n}`)
    await store.compact()
    expect(mainState(dir)).toEqual({ 'key 0': quarter, 'key 1': quarter, small: 1 })
    for (let n = 2; n < 4; n++) await store.set(`key ${n}`, quarter)
    await store.compact()
    expect(existsSync(mainPath(dir))).toBe(false)
    await store.delete('key 3')
    await store.close()
    expect(Object.keys(mainState(dir))).toEqual(['key 0', 'key 1', 'key 2', 'small'])
  })

  test("with 'auto' stays if it fits although the checkpoint is longer than the limit", async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, durability: 'os', compaction: false })
    // A checkpoint has such a key twice, the second time with its expiry.
    const keyOf = (number: number) => `${number} ${'k'.repeat(200)}`
    const expires = Date.now() + 86_400_000
    await store.batch(Array.from({ length: 45_000 }, (_, n) => ({ op: 'SET', key: keyOf(n), value: n, expires })))
    for (let round = 0; round < 2; round++) {
      await store.set('round', round)
      await store.compact()
      expect(store.stats().checkpointBytes).toBeGreaterThan(AUTO_MAIN_FILE_BYTES)
      expect(mainState(dir)).toMatchObject({ round, [keyOf(44_999)]: 44_999 })
      expect(existsSync(`${mainPath(dir)}.stale`)).toBe(false)
    }
    await store.close()
    expect(mainState(dir)).toMatchObject({ round: 1 })
  })

  test('compact() writes one that was put off, although there is nothing to compact', async () => {
    const dir = directory()
    const options = { dir, durability: 'os', compaction: { minBytes: 1 } } as const
    const store = await openOn(machine({ clock: new ManualClock() }), options)
    const isCompacted = () =>
      store.stats().lastSeq === store.stats().checkpointSeq && store.stats().compacting === false
    await store.set('a', 'old')
    await store.compact()
    expect(mainState(dir)).toEqual({ a: 'old' })
    for (let n = 0; n < 100 && (n === 0 || !isCompacted()); n++) {
      await store.set('a', 'x'.repeat(1000))
      await turns(20)
    }
    expect(mainState(dir)).toEqual({ a: 'old' })
    await store.compact()
    expect(mainState(dir)).toEqual({ a: 'x'.repeat(1000) })
    await store.close()
  })

  test("with 'auto' needs no more free space than its limit, however long the state is", async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, durability: 'os', compaction: false })
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    await store.set('a', 'x'.repeat(1.5 * AUTO_MAIN_FILE_BYTES))
    fileSystem.free = AUTO_MAIN_FILE_BYTES
    await store.close()
    expect(problems).toEqual([])
    expect(existsSync(mainPath(dir))).toBe(false)
  })

  test("with 'auto' is written if the few deleted keys were nearly all of the state", async () => {
    const dir = directory()
    const clock = new ManualClock()
    const store = await openOn(machine({ clock }), { dir, durability: 'os', compaction: false })
    const long = 'x'.repeat(1.25 * AUTO_MAIN_FILE_BYTES)
    await store.set('deleted', long)
    await store.set('expired', long, { ttlMs: 1000 })
    await store.batch(Array.from({ length: 2000 }, (_, n) => ({ op: 'SET', key: `key ${n}`, value: n })))
    await store.compact()
    expect(existsSync(mainPath(dir))).toBe(false)
    await store.delete('deleted')
    clock.advance(1001)
    await store.close()
    expect(Object.keys(mainState(dir))).toHaveLength(2000)
  })

  test('is replaced in one step: if it cannot be written whole, the former one stays', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    await store.compact()
    const before = mainText(dir)
    const problems: string[] = []
    store.on('problem', (error) => problems.push(error.code))
    for (const kind of ['write', 'sync', 'rename'] as const) {
      await store.set('a', kind)
      fileSystem.fail(kind, systemError('ENOSPC'), { on: /store\.json/ })
      await store.compact().catch((error: { code: string }) => problems.push(error.code))
      expect(mainText(dir), kind).toBe(before)
      // The log itself was compacted. The failed main file is reported once, by the call or by the event.
      expect(problems.splice(0), kind).toEqual(['FLATLOG_NO_SPACE'])
      expect(store.stats(), kind).toMatchObject({ checkpointSeq: (store.stats() as { lastSeq: number }).lastSeq })
    }
    await store.close()
    expect(mainState(dir)).toEqual({ a: 'rename' })
    expect(fileNames(dir).filter((fileName) => fileName.endsWith('.new'))).toEqual([])
    expect(existsSync(`${mainPath(dir)}.new`)).toBe(false)
  })
})

describe('the mark', () => {
  test('is written at close and at a checkpoint with the last record on disk', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir, durability: 'os' })
    await store.set('a', 1)
    await store.set('a', 2)
    await store.compact()
    expect(mark(dir)).toMatchObject({ seq: 2, mainFileSeq: 2 })
    await store.set('a', 3)
    expect(mark(dir).seq).toBe(2)
    await store.close()
    expect(mark(dir)).toMatchObject({ seq: 3, mainFileSeq: 3 })
    expect(mark(dir).store).toMatch(/^[0-9a-f]{16}$/)
  })

  test('is not written again without a change', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.close()
    const before = readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')
    const { ino } = statSync(join(dir, 'logs', 'store.mark'))
    await (await openOn(machine(), { dir })).close()
    expect(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')).toBe(before)
    expect(statSync(join(dir, 'logs', 'store.mark')).ino).toBe(ino)
  })

  test('is written even if the main file cannot be', async () => {
    const dir = directory()
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir })
    await store.set('a', 1)
    fileSystem.fail('open', systemError('EACCES'), { on: /store\.json/, times: Number.POSITIVE_INFINITY })
    await store.close()
    expect(mark(dir)).toMatchObject({ seq: 1 })
  })
})
