import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { filesOf, look, open, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, del, line, mainOf, originalIn, set } from './files.js'

/** An installation of the original system that is only a main file: it just works. */

const makeDir = useTempDirectory()
const installation = (files: Parameters<typeof originalIn>[1]) => originalIn(makeDir(), files)

describe('only a main file', () => {
  it('is the state, and is kept as it was', async () => {
    const main = '{\n  "b": {"x": 1.0},\n  "a": [1, 2]\n}\n'
    const dir = installation({ main })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: [1, 2], b: { x: 1 } })
    expect(recovery).toMatchObject({ clean: true, source: 'main-file', damage: [] })
    expect(recovery.notes.join('\n')).toContain(mainOf(dir))
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe(main)
  })

  it('in a directory without logs', async () => {
    const dir = makeDir()
    writeFileSync(mainOf(dir), '{"a":1}')
    expect((await recover(dir)).state).toEqual({ a: 1 })
  })

  it('that is empty of keys', async () => {
    const dir = installation({ main: '{}' })
    expect(await recover(dir)).toMatchObject({ state: {}, recovery: { clean: true, source: 'main-file' } })
  })

  it('with a byte order mark, as an editor may have left one', async () => {
    expect((await recover(installation({ main: '\ufeff{"a":1}' }))).state).toEqual({ a: 1 })
  })

  it('over CRLF', async () => {
    expect((await recover(installation({ main: '{\r\n\t"a": "x\\r\\n",\r\n\t"b": 2\r\n}\r\n' }))).state).toEqual({
      a: 'x\r\n',
      b: 2,
    })
  })

  it('with a doubled key: the last one counts, as for JSON.parse', async () => {
    expect((await recover(installation({ main: '{"a":1,"b":2,"a":3}' }))).state).toEqual({ a: 3, b: 2 })
  })

  it.each([
    ['cut', '{"a": 1, "b'],
    ['empty', ''],
    ['zeros', '\0'.repeat(100)],
    ['an array', '[1,2]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['garbage behind it', '{"a":1} x'],
  ])('that is %s: opening is refused, nothing is touched', async (_what, main) => {
    const dir = installation({ main })
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('is read without writing anything, too', async () => {
    const dir = installation({ main: { a: 1 } })
    const before = filesOf(dir)
    expect((await look(dir, { readOnly: true })).state).toEqual({ a: 1 })
    expect(filesOf(dir)).toEqual(before)
  })

  it('is imported once: later it is a view that is never read back', async () => {
    const dir = installation({ main: { a: 1 } })
    await look(dir)
    writeFileSync(mainOf(dir), '{"a":"edited by hand"}')
    expect((await look(dir)).state).toEqual({ a: 1 })
  })

  it('that was kept before is not written over by a later one', async () => {
    const dir = installation({ main: { a: 1 } })
    writeFileSync(`${mainOf(dir)}.before-flatlog`, 'of an earlier time')
    await look(dir)
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe('of an earlier time')
    expect(readFileSync(`${mainOf(dir)}.before-flatlog.2`, 'utf8')).toBe('{\n  "a": 1\n}')
  })
})

describe('keys and values', () => {
  const main =
    '{"10": 1.0, "9": 1e400, "__proto__": {"x": {"__proto__": 1}}, "constructor": 2, "": 0, "é": "\\u00e9", "\\ud800": -0}'

  it('keep their spelling and are ordered by code unit', async () => {
    const dir = installation({
      main,
      log: set('toString', 'x') + line({ op: 'SET', key: '2', value: { 10: 'a', 9: 'b' } }),
    })
    for (const pass of [1, 2, 3]) {
      const store = await open(dir)
      expect([...store.keys()]).toEqual(['', '10', '2', '9', '__proto__', 'constructor', 'toString', 'é', '\ud800'])
      expect(store.getText('10')).toBe('1.0')
      expect(store.getText('9')).toBe('1e400')
      expect(store.getText('\ud800')).toBe('-0')
      expect(store.getText('é')).toBe('"\\u00e9"')
      expect(store.getText('__proto__')).toBe('{"x":{"__proto__":1}}')
      expect(Object.keys(store.get<object>('__proto__')!)).toEqual(['x'])
      if (pass === 2) await store.compact()
      await store.close()
    }
  })

  it('of any name, in SET, DELETE and CHECKPOINT', async () => {
    const state = JSON.parse('{"__proto__":1,"constructor":2,"10":3}') as object
    const dir = installation({
      log: checkpoint(state) + set('__proto__', { a: 1 }) + del('constructor') + del('nowhere'),
    })
    const store = await open(dir)
    expect([...store.entries()]).toEqual([
      ['10', 3],
      ['__proto__', { a: 1 }],
    ])
    await store.close()
  })
})
