import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { filesOf, look, open, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, del, type LegacyFiles, line, mainOf, set, writeLegacy } from './files.js'

/** A store of format 0 that is only a main file. */

const makeDir = useTempDirectory()
const store = (files: LegacyFiles) => writeLegacy(makeDir(), files)

describe('a main file without a log', () => {
  it('is the state, and is kept as it was', async () => {
    const main = '{\n  "b": {"x": 1.0},\n  "a": [1, 2]\n}\n'
    const dir = store({ main })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: [1, 2], b: { x: 1 } })
    expect(recovery).toMatchObject({ clean: true, source: 'main-file', damage: [] })
    expect(recovery.notes.join('\n')).toContain(mainOf(dir))
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe(main)
  })

  it('may be in a directory without logs', async () => {
    const dir = makeDir()
    writeFileSync(mainOf(dir), '{"a":1}')
    expect((await recover(dir)).state).toEqual({ a: 1 })
  })

  it('may have no keys', async () => {
    const dir = store({ main: '{}' })
    expect(await recover(dir)).toMatchObject({ state: {}, recovery: { clean: true, source: 'main-file' } })
  })

  it('may have a byte order mark', async () => {
    expect((await recover(store({ main: '\ufeff{"a":1}' }))).state).toEqual({ a: 1 })
  })

  it('may have CRLF', async () => {
    expect((await recover(store({ main: '{\r\n\t"a": "x\\r\\n",\r\n\t"b": 2\r\n}\r\n' }))).state).toEqual({
      a: 'x\r\n',
      b: 2,
    })
  })

  it('may have a key twice: the last value counts, as in JSON.parse', async () => {
    expect((await recover(store({ main: '{"a":1,"b":2,"a":3}' }))).state).toEqual({ a: 3, b: 2 })
  })

  it.each([
    ['cut', '{"a": 1, "b'],
    ['empty', ''],
    ['zeros', '\0'.repeat(100)],
    ['an array', '[1,2]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['followed by garbage', '{"a":1} x'],
  ])('that is %s is refused, and nothing is changed', async (_what, main) => {
    const dir = store({ main })
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('can be read without writing anything', async () => {
    const dir = store({ main: { a: 1 } })
    const before = filesOf(dir)
    expect((await look(dir, { readOnly: true })).state).toEqual({ a: 1 })
    expect(filesOf(dir)).toEqual(before)
  })

  it('is imported once: afterwards it is a view that is never read', async () => {
    const dir = store({ main: { a: 1 } })
    await look(dir)
    writeFileSync(mainOf(dir), '{"a":"edited by hand"}')
    expect((await look(dir)).state).toEqual({ a: 1 })
  })

  it('does not overwrite one that was kept before', async () => {
    const dir = store({ main: { a: 1 } })
    writeFileSync(`${mainOf(dir)}.before-flatlog`, 'kept before')
    await look(dir)
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`, 'utf8')).toBe('kept before')
    expect(readFileSync(`${mainOf(dir)}.before-flatlog.2`, 'utf8')).toBe('{\n  "a": 1\n}')
  })
})

describe('keys and values', () => {
  const main =
    '{"10": 1.0, "9": 1e400, "__proto__": {"x": {"__proto__": 1}}, "constructor": 2, "": 0, "é": "\\u00e9", "\\ud800": -0}'

  it('keep their spelling, in the order of code units', async () => {
    const dir = store({
      main,
      log: set('toString', 'x') + line({ op: 'SET', key: '2', value: { 10: 'a', 9: 'b' } }),
    })
    for (const pass of [1, 2, 3]) {
      const opened = await open(dir)
      expect([...opened.keys()]).toEqual(['', '10', '2', '9', '__proto__', 'constructor', 'toString', 'é', '\ud800'])
      expect(opened.getText('10')).toBe('1.0')
      expect(opened.getText('9')).toBe('1e400')
      expect(opened.getText('\ud800')).toBe('-0')
      expect(opened.getText('é')).toBe('"\\u00e9"')
      expect(opened.getText('__proto__')).toBe('{"x":{"__proto__":1}}')
      expect(Object.keys(opened.get<object>('__proto__')!)).toEqual(['x'])
      if (pass === 2) await opened.compact()
      await opened.close()
    }
  })

  it('may have any name, in SET, DELETE and CHECKPOINT', async () => {
    const state = JSON.parse('{"__proto__":1,"constructor":2,"10":3}') as object
    const dir = store({
      log: checkpoint(state) + set('__proto__', { a: 1 }) + del('constructor') + del('nowhere'),
    })
    const opened = await open(dir)
    expect([...opened.entries()]).toEqual([
      ['10', 3],
      ['__proto__', { a: 1 }],
    ])
    await opened.close()
  })
})
