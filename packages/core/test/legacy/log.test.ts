import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { linesOf, logOf, open, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, del, line, mainOf, originalIn, set } from './files.js'

/** A log of the original system: changes over its main file, or the whole state since a checkpoint. */

const makeDir = useTempDirectory()
const installation = (files: Parameters<typeof originalIn>[1]) => originalIn(makeDir(), files)

describe('a log of changes beside a main file', () => {
  it('is replayed over it', async () => {
    const dir = installation({
      main: { kept: 1, changed: 'old', deleted: true },
      log: set('changed', 'new') + set('added', [1]) + del('deleted') + set('added', [2]),
    })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ kept: 1, changed: 'new', added: [2] })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log', damage: [], inDoubt: [] })
  })

  it('without lines yet', async () => {
    expect((await recover(installation({ main: { a: 1 }, log: '' }))).state).toEqual({ a: 1 })
  })

  it('whose main file is gone: what the log holds', async () => {
    const dir = installation({ log: set('a', 1) + set('b', 2) + del('a') })
    expect((await recover(dir)).state).toEqual({ b: 2 })
  })

  it('whose main file is damaged: what the log holds, with a report, and the file is kept', async () => {
    const dir = installation({ main: '{"a": 1, "b', log: set('c', 3) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ c: 3 })
    expect(recovery).toMatchObject({
      clean: false,
      damage: [{ file: 'store.json', offset: 0, bytes: 11 }],
      inDoubt: ['any'],
    })
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe('{"a": 1, "b')
  })

  it("whose main file is damaged is refused with recovery: 'strict'", async () => {
    await refuses(installation({ main: '{"a": 1, "b', log: set('c', 3) }), 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it.each([
    ['empty', ''],
    ['zeros', '\0'.repeat(200)],
    ['garbage', 'garbage\nand more\n'],
  ])(
    'that is %s, and the main file is damaged: there is nothing to go on from, so opening is refused',
    async (_what, log) => {
      await refuses(installation({ main: '{"a": 1, "b', log }), 'FLATLOG_CORRUPT')
    },
  )

  it('that is garbage, and the main file is whole: what the main file holds, with a report', async () => {
    const { state, recovery } = await recover(installation({ main: { a: 1 }, log: 'garbage\nand more\n' }))
    expect(state).toEqual({ a: 1 })
    expect(recovery.clean).toBe(false)
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 1, offset: 0, bytes: 8 }])
  })

  it('that is garbage, and there is no main file: opening is refused', async () => {
    for (const log of ['garbage\n', '\0'.repeat(4096), 'garbage without a newline', '{"hello":"world"}\n']) {
      await refuses(installation({ log }), 'FLATLOG_CORRUPT')
    }
  })
})

describe('a log with a checkpoint', () => {
  it('is the truth: the main file is not looked at', async () => {
    const dir = installation({
      main: { stale: true, a: 'stale' },
      log: set('before', 1) + checkpoint({ a: 1, b: { c: [] } }) + set('d', 4) + del('b'),
    })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, d: 4 })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log' })
  })

  it('as its first line, as compaction left it', async () => {
    expect((await recover(installation({ main: { x: 1 }, log: checkpoint({ a: 1 }) }))).state).toEqual({ a: 1 })
  })

  it('several times: the last one counts', async () => {
    const log = checkpoint({ a: 1, b: 1 }) + set('c', 1) + checkpoint({ a: 2 }) + set('d', 1)
    expect((await recover(installation({ log }))).state).toEqual({ a: 2, d: 1 })
  })

  it('of nothing', async () => {
    expect((await recover(installation({ main: { x: 1 }, log: set('a', 1) + checkpoint({}) }))).state).toEqual({})
  })

  it('does not need the main file: a damaged one beside it is no damage of the store', async () => {
    const dir = installation({ main: '{"cut', log: checkpoint({ a: 1 }) })
    const { state, recovery } = await recover(dir)
    expect({ state, damage: recovery.damage }).toEqual({ state: { a: 1 }, damage: [] })
  })

  it('is a SET with data too', async () => {
    const dir = installation({
      main: { stale: true },
      log: set('a', 1) + line({ op: 'SET', data: { b: 2, '10': 1, '9': 2 } }) + set('c', 3),
    })
    expect((await recover(dir)).state).toEqual({ b: 2, c: 3, 9: 2, 10: 1 })
  })
})

describe('what an original log looks like', () => {
  it.each<[what: string, value: unknown]>([
    ['a property called format', { format: 'png' }],
    ['a format that is a number', { format: 1 }],
    ['a property called crc', { crc: 'deadbeef' }],
    ['a text that looks like a checksum', 'x,"crc":"deadbeef"}'],
    ['a text that looks like a whole record', set('x', 1)],
    ['a list of such', [{ format: 2, crc: '00000000' }]],
  ])('its first value may hold %s', async (_what, value) => {
    const dir = installation({ main: { a: 1 }, log: set('first', value) + set('b', 2) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, first: value, b: 2 })
    expect(recovery).toMatchObject({ clean: true, source: 'older-log' })
  })

  it('a SET of undefined was written without a value: there is none', async () => {
    const dir = installation({ main: { a: 1 }, log: line({ op: 'SET', key: 'a', value: undefined }) + set('b', null) })
    expect((await recover(dir)).state).toEqual({ b: null })
  })

  it('fields stand in any order', async () => {
    const log = '{"key":"a","value":{"op":"DELETE","key":"x"},"op":"SET","timestamp":"2024-06-01T10:00:00.000Z"}\n'
    expect((await recover(installation({ log }))).state).toEqual({ a: { op: 'DELETE', key: 'x' } })
  })

  it('one damaged line of a version 1 log does not make it an original one', async () => {
    const dir = makeDir()
    const store = await open(dir)
    await store.set('a', 1)
    await store.close()
    const [, record] = linesOf(dir) as string[]
    // Nothing is left but one record whose checksum has lost its name: no line of it may be trusted.
    for (const lines of [[record!.replace('"crc"', '"crd"')], ['garbage', record!.replace('"crc"', '"crd"')]]) {
      writeFileSync(logOf(dir), lines.map((each) => `${each}\n`).join(''))
      await refuses(dir, 'FLATLOG_CORRUPT')
    }
  })
})
