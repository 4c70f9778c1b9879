import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { copyOf, logOf, look, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { type LegacyFiles, line, set, writeLegacy } from './files.js'

/** Damage in a log of format 0, which has no checksums to detect it. */

const makeDir = useTempDirectory()
const store = (files: LegacyFiles) => writeLegacy(makeDir(), files)

describe('damage', () => {
  it('a torn last line loses only that line, wherever it is torn', async () => {
    const last = set('letzter', { emoji: '🔑 und mehr' })
    const image = store({ main: { a: 1 }, log: set('b', 2) + last })
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

  it('a last line without its newline counts', async () => {
    const dir = store({ log: (set('a', 1) + set('b', 2)).slice(0, -1) })
    expect((await recover(dir)).state).toEqual({ a: 1, b: 2 })
  })

  it('zeros at the end are a torn tail', async () => {
    const dir = store({ log: Buffer.concat([Buffer.from(set('a', 1)), Buffer.alloc(512)]) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1 })
    expect(recovery).toMatchObject({ clean: false, cutBytes: 512, damage: [] })
  })

  it('a bad line in the middle is reported, and the lines before and after it count', async () => {
    const [first, bad, last] = [set('a', 1), set('b', 2).replace('"value"', '"value'), set('c', 3)]
    const dir = store({ main: { z: 0 }, log: first + bad + last })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: 3, z: 0 })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 2, offset: first.length, bytes: bad.length, key: 'b' }])
    expect(recovery.inDoubt).toEqual(['b', 'any'])
    expect(readFileSync(`${logOf(dir)}.before-flatlog`, 'utf8')).toBe(first + bad + last)
  })

  it.each([
    ['an unknown operation', line({ op: 'MERGE', key: 'b' })],
    ['no operation', line({ key: 'b', value: 1 })],
    ['a SET without a key', line({ op: 'SET', value: 1 })],
    ['a SET whose key is not a string', line({ op: 'SET', key: 5, value: 1 })],
    ['a DELETE without a key', line({ op: 'DELETE' })],
    ['a CHECKPOINT without a state', line({ op: 'CHECKPOINT' })],
    ['a CHECKPOINT whose state is a list', line({ op: 'CHECKPOINT', state: [1] })],
    ['a line with a seq', line({ op: 'SET', key: 'b', value: 1, seq: 2 })],
    ['JSON that is not an object', '"SET"\n'],
    ['null', 'null\n'],
  ])('%s is a bad line', async (_what, bad) => {
    const { state, recovery } = await recover(store({ log: set('a', 1) + bad + set('c', 3) }))
    expect(state).toEqual({ a: 1, c: 3 })
    expect(recovery.damage).toMatchObject([{ line: 2, bytes: bad.length }])
  })

  it.each([false, true])("recovery: 'strict' refuses a bad line (readOnly: %s)", async (readOnly) => {
    const dir = store({ log: `${set('a', 1)}garbage\n${set('c', 3)}` })
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict', readOnly })
  })

  it('ignores empty lines', async () => {
    const { state, recovery } = await recover(store({ log: `\n${set('a', 1)}\n\n${set('b', 2)}\n` }))
    expect({ state, clean: recovery.clean }).toEqual({ state: { a: 1, b: 2 }, clean: true })
  })

  it('reads lines that end with CRLF', async () => {
    const log = (set('a', 1) + set('b', 2)).replaceAll('\n', '\r\n')
    const { state, recovery } = await recover(store({ log: `${log}\r\n` }))
    expect({ state, clean: recovery.clean }).toEqual({ state: { a: 1, b: 2 }, clean: true })
  })
})
