import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { copyOf, logOf, look, recover, refuses } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { line, originalIn, set } from './files.js'

/** Damage in a log of the original system, which has no checksums to show it by. */

const makeDir = useTempDirectory()
const installation = (files: Parameters<typeof originalIn>[1]) => originalIn(makeDir(), files)

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
