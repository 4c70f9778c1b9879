import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { linesOf, logOf, look, open, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, del, type LegacyFiles, line, mainOf, set, writeLegacy } from './files.js'

/** A log of format 0: changes over its main file, or the whole state since a checkpoint. */

const makeDir = useTempDirectory()
const store = (files: LegacyFiles) => writeLegacy(makeDir(), files)

describe('a log of changes next to a main file', () => {
  it('is replayed over it', async () => {
    const dir = store({
      main: { kept: 1, changed: 'old', deleted: true },
      log: set('changed', 'new') + set('added', [1]) + del('deleted') + set('added', [2]),
    })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ kept: 1, changed: 'new', added: [2] })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log', damage: [], inDoubt: [] })
  })

  it('is the source that a reader reports, too', async () => {
    const { state, recovery } = await look(store({ main: { a: 1 }, log: set('b', 2) }), { readOnly: true })
    expect(state).toEqual({ a: 1, b: 2 })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log' })
  })

  it('may have no lines yet', async () => {
    expect((await recover(store({ main: { a: 1 }, log: '' }))).state).toEqual({ a: 1 })
  })

  it('without the main file is the whole state', async () => {
    const dir = store({ log: set('a', 1) + set('b', 2) + del('a') })
    expect((await recover(dir)).state).toEqual({ b: 2 })
  })

  it('with a damaged main file is the whole state; the damage is reported and the file kept', async () => {
    const dir = store({ main: '{"a": 1, "b', log: set('c', 3) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ c: 3 })
    expect(recovery).toMatchObject({
      clean: false,
      damage: [{ file: 'store.json', offset: 0, bytes: 11 }],
      inDoubt: ['any'],
    })
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe('{"a": 1, "b')
  })

  it("with a damaged main file is refused with recovery: 'strict'", async () => {
    await refuses(store({ main: '{"a": 1, "b', log: set('c', 3) }), 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it.each([
    ['empty', ''],
    ['zeros', '\0'.repeat(200)],
    ['garbage', 'garbage\nand more\n'],
  ])('that is %s is refused with a damaged main file', async (_what, log) => {
    await refuses(store({ main: '{"a": 1, "b', log }), 'FLATLOG_CORRUPT')
  })

  it('that is garbage is reported, and a whole main file is the state', async () => {
    const { state, recovery } = await recover(store({ main: { a: 1 }, log: 'garbage\nand more\n' }))
    expect(state).toEqual({ a: 1 })
    expect(recovery.clean).toBe(false)
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 1, offset: 0, bytes: 8 }])
  })

  it('that is garbage is refused without a main file', async () => {
    for (const log of ['garbage\n', '\0'.repeat(4096), 'garbage without a newline', '{"hello":"world"}\n']) {
      await refuses(store({ log }), 'FLATLOG_CORRUPT')
    }
  })
})

describe('a log with a checkpoint', () => {
  it('makes the main file irrelevant', async () => {
    const dir = store({
      main: { stale: true, a: 'stale' },
      log: set('before', 1) + checkpoint({ a: 1, b: { c: [] } }) + set('d', 4) + del('b'),
    })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, d: 4 })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log' })
  })

  it('may begin with the checkpoint, as after a compaction', async () => {
    expect((await recover(store({ main: { x: 1 }, log: checkpoint({ a: 1 }) }))).state).toEqual({ a: 1 })
  })

  it('may have several checkpoints: the last one counts', async () => {
    const log = checkpoint({ a: 1, b: 1 }) + set('c', 1) + checkpoint({ a: 2 }) + set('d', 1)
    expect((await recover(store({ log }))).state).toEqual({ a: 2, d: 1 })
  })

  it('may have an empty checkpoint', async () => {
    expect((await recover(store({ main: { x: 1 }, log: set('a', 1) + checkpoint({}) }))).state).toEqual({})
  })

  it('does not need the main file: its damage does not matter', async () => {
    const dir = store({ main: '{"cut', log: checkpoint({ a: 1 }) })
    const { state, recovery } = await recover(dir)
    expect({ state, damage: recovery.damage }).toEqual({ state: { a: 1 }, damage: [] })
  })

  it('may have a SET with data instead', async () => {
    const dir = store({
      main: { stale: true },
      log: set('a', 1) + line({ op: 'SET', data: { b: 2, '10': 1, '9': 2 } }) + set('c', 3),
    })
    expect((await recover(dir)).state).toEqual({ b: 2, c: 3, 9: 2, 10: 1 })
  })
})

describe('the lines of a log', () => {
  it.each<[what: string, value: unknown]>([
    ['a property called format', { format: 'png' }],
    ['a format that is a number', { format: 1 }],
    ['a property called crc', { crc: 'deadbeef' }],
    ['a text that looks like a checksum', 'x,"crc":"deadbeef"}'],
    ['a text that looks like a whole record', set('x', 1)],
    ['a list of such values', [{ format: 2, crc: '00000000' }]],
  ])('may begin with a value that has %s', async (_what, value) => {
    const dir = store({ main: { a: 1 }, log: set('first', value) + set('b', 2) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, first: value, b: 2 })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log' })
  })

  it('a SET of undefined has no value: the key is gone', async () => {
    const dir = store({ main: { a: 1 }, log: line({ op: 'SET', key: 'a', value: undefined }) + set('b', null) })
    expect((await recover(dir)).state).toEqual({ b: null })
  })

  it('a field that occurs twice counts with its last value', async () => {
    const log = '{"timestamp":"","op":"DELETE","key":"x","value":1,"op":"SET","key":"a","value":2}\n'
    expect((await recover(store({ log }))).state).toEqual({ a: 2 })
  })

  it('may have their fields in any order', async () => {
    const log = '{"key":"a","value":{"op":"DELETE","key":"x"},"op":"SET","timestamp":"2024-06-01T10:00:00.000Z"}\n'
    expect((await recover(store({ log }))).state).toEqual({ a: { op: 'DELETE', key: 'x' } })
  })

  it('do not include damaged lines of version 1', async () => {
    const dir = makeDir()
    const version1 = await open(dir)
    await version1.set('a', 1)
    await version1.close()
    const [, record] = linesOf(dir) as string[]
    // Only a record is left, and its checksum has lost its name: it must not be trusted.
    for (const lines of [[record!.replace('"crc"', '"crd"')], ['garbage', record!.replace('"crc"', '"crd"')]]) {
      writeFileSync(logOf(dir), lines.map((each) => `${each}\n`).join(''))
      await refuses(dir, 'FLATLOG_CORRUPT')
    }
  })
})
