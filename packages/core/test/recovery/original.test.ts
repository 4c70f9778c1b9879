import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import { copyOf, filesOf, linesOf, logOf, logsOf, look, open, recover, refuses, stateOf } from './installation.js'

/** Installations of the original system just work: a main file, a log of changes beside it, a log with checkpoints. */

const makeDir = useTempDirectory()
const mainOf = (dir: string) => join(dir, 'store.json')

/** A line as the original system wrote it. */
function line(fields: object): string {
  return `${JSON.stringify({ timestamp: '2024-06-01T10:00:00.000Z', ...fields })}\n`
}
const set = (key: string, value: unknown) => line({ op: 'SET', key, value })
const del = (key: string) => line({ op: 'DELETE', key })
const checkpoint = (state: object) => line({ op: 'CHECKPOINT', state, compactedAt: '2024-06-01T10:00:00.000Z' })

function installation(files: { main?: string | object; log?: string | Buffer }): string {
  const dir = makeDir()
  mkdirSync(logsOf(dir))
  const { main, log } = files
  if (main !== undefined) writeFileSync(mainOf(dir), typeof main === 'string' ? main : JSON.stringify(main, null, 2))
  if (log !== undefined) writeFileSync(logOf(dir), log)
  return dir
}

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

describe('damage', () => {
  it('a torn last line costs that line, at whichever byte it is torn', async () => {
    const last = set('letzter', { emoji: '🔑 und mehr' })
    const image = installation({ main: { a: 1 }, log: set('b', 2) + last })
    const whole = readFileSync(logOf(image))
    const start = whole.length - Buffer.byteLength(last)
    for (let size = start; size <= whole.length; size += 5) {
      const dir = copyOf(image)
      const log = whole.subarray(0, size)
      writeFileSync(logOf(dir), log)
      const { state, recovery } = await look(dir)
      expect(state).toEqual({ a: 1, b: 2 })
      expect(recovery).toMatchObject({ clean: size === start, cutBytes: size - start, damage: [] })
      expect(readFileSync(`${logOf(dir)}.before-flatlog`).equals(log)).toBe(true)
      expect((await look(dir)).recovery.clean).toBe(true)
    }
  })

  it('a last line that only lacks its newline counts', async () => {
    const dir = installation({ log: (set('a', 1) + set('b', 2)).slice(0, -1) })
    expect((await recover(dir)).state).toEqual({ a: 1, b: 2 })
  })

  it('zeros at the end are a torn tail', async () => {
    const dir = installation({ log: Buffer.concat([Buffer.from(set('a', 1)), Buffer.alloc(512)]) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1 })
    expect(recovery).toMatchObject({ clean: false, cutBytes: 512, damage: [] })
  })

  it('a bad line in the middle is named; what precedes and what follows is there', async () => {
    const [first, bad, last] = [set('a', 1), set('b', 2).replace('"value"', '"value'), set('c', 3)]
    const dir = installation({ main: { z: 0 }, log: first + bad + last })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: 3, z: 0 })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 2, offset: first.length, bytes: bad.length, key: 'b' }])
    expect(recovery.inDoubt).toEqual(['b', 'any'])
    expect(readFileSync(`${logOf(dir)}.before-flatlog`, 'utf8')).toBe(first + bad + last)
  })

  it.each([
    ['an operation that is not known', line({ op: 'MERGE', key: 'b' })],
    ['no operation', line({ key: 'b', value: 1 })],
    ['a SET without a key', line({ op: 'SET', value: 1 })],
    ['a SET whose key is no string', line({ op: 'SET', key: 5, value: 1 })],
    ['a CHECKPOINT without a state', line({ op: 'CHECKPOINT' })],
    ['a CHECKPOINT whose state is a list', line({ op: 'CHECKPOINT', state: [1] })],
    ['JSON that is no object', '"SET"\n'],
    ['null', 'null\n'],
  ])('%s is a bad line', async (_what, bad) => {
    const { state, recovery } = await recover(installation({ log: set('a', 1) + bad + set('c', 3) }))
    expect(state).toEqual({ a: 1, c: 3 })
    expect(recovery.damage).toMatchObject([{ line: 2, bytes: bad.length }])
  })

  it("a bad line is refused with recovery: 'strict'", async () => {
    await refuses(installation({ log: `${set('a', 1)}garbage\n${set('c', 3)}` }), 'FLATLOG_CORRUPT', {
      recovery: 'strict',
    })
  })

  it('empty lines between records are nothing', async () => {
    const { state, recovery } = await recover(installation({ log: `\n${set('a', 1)}\n\n${set('b', 2)}\n` }))
    expect({ state, clean: recovery.clean }).toEqual({ state: { a: 1, b: 2 }, clean: true })
  })

  it('lines that end as on Windows are lines', async () => {
    const log = (set('a', 1) + set('b', 2)).replaceAll('\n', '\r\n')
    const { state, recovery } = await recover(installation({ log: `${log}\r\n` }))
    expect({ state, clean: recovery.clean }).toEqual({ state: { a: 1, b: 2 }, clean: true })
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

describe('after the migration', () => {
  const make = () => installation({ main: { a: 1 }, log: set('b', 2) })

  it('the originals stand beside it with the very same bytes', async () => {
    const dir = make()
    const [main, log] = [readFileSync(mainOf(dir)), readFileSync(logOf(dir))]
    const store = await open(dir, { mainFile: true })
    await store.set('c', 3)
    await store.compact()
    await store.close()
    expect(readFileSync(`${mainOf(dir)}.before-flatlog`).equals(main)).toBe(true)
    expect(readFileSync(`${logOf(dir)}.before-flatlog`).equals(log)).toBe(true)
    expect(JSON.parse(readFileSync(mainOf(dir), 'utf8'))).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('the log is of version 1, goes on behind the number of lines, and is not appended to before', async () => {
    const dir = make()
    const store = await open(dir)
    expect(JSON.parse(linesOf(dir)[0]!)).toMatchObject({ op: 'CHECKPOINT', format: 1, seq: 1 })
    await store.set('c', 3)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ seq: 2, key: 'c' })
  })

  it('the times of the lines are kept with the option for that, and only with it', async () => {
    const withTimes = await open(make(), { times: true })
    expect(withTimes.getMeta('b')?.mtime).toBe(Date.parse('2024-06-01T10:00:00.000Z'))
    await withTimes.close()
    const dir = make()
    const without = await open(dir)
    expect(without.getMeta('b')).not.toHaveProperty('mtime')
    await without.close()
    expect(linesOf(dir).join('\n')).not.toContain('"ages"')
  })

  it('a crash at any step leaves what the next opening begins with again', async () => {
    const state = { a: 1, b: 2 }
    const dir = make()
    const store = await open(dir)
    const migrated = copyOf(dir)
    await store.close()
    expect((await look(migrated)).state).toEqual(state)
    // Before the new log has its name: the originals already have their second ones.
    const between = make()
    writeFileSync(`${mainOf(between)}.before-flatlog`, readFileSync(mainOf(between)))
    writeFileSync(`${logOf(between)}.before-flatlog`, readFileSync(logOf(between)))
    writeFileSync(`${logOf(between)}.first`, 'half a generation')
    expect((await recover(between)).state).toEqual(state)
    expect(existsSync(`${logOf(between)}.first`)).toBe(false)
  })

  it('reading it before, without writing, changes nothing', async () => {
    const dir = make()
    const before = filesOf(dir)
    const store = await open(dir, { readOnly: true })
    expect(stateOf(store)).toEqual({ a: 1, b: 2 })
    await store.close()
    expect(filesOf(dir)).toEqual(before)
  })

  it('the new log gone before its first close: neither the old state nor an empty one takes its place in silence', async () => {
    for (const damage of ['gone', 'empty', 'zeros'] as const) {
      const dir = make()
      const store = await open(dir)
      await store.set('c', 3)
      const crashed = copyOf(dir)
      await store.close()
      if (damage === 'gone') rmSync(logOf(crashed))
      else writeFileSync(logOf(crashed), damage === 'zeros' ? Buffer.alloc(500) : '')
      const outcome = await look(crashed).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'FLATLOG_CORRUPT' })
      else expect(outcome).toMatchObject({ recovery: { clean: false, inDoubt: ['any'] } })
    }
  })
})
