import { describe, expect, it, vi } from 'vitest'
import { filesOf, look, recover, refuses } from '../recovery/installation.js'
import { openLogs } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, line, originalIn, set } from './files.js'

/** So that a line of a few thousand bytes is longer than any that can be read. */
const MAX = 3000

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS } = await import('./tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS, MAX_READ_RECORD_BYTES: 3000 }
})

/** Values of the original system that are longer than a record may be: nobody could read what would be written of them. */

const makeDir = useTempDirectory()
const installation = (files: Parameters<typeof originalIn>[1]) => originalIn(makeDir(), files)
const LONG = 'x'.repeat(MAX)

describe('a value that is longer than a record may be', () => {
  it('in a SET: the key has the value of before, and is in doubt', async () => {
    const [first, long] = [set('a', 1) + set('b', 'old'), set('b', LONG)]
    const dir = installation({ main: { z: 0 }, log: first + long + set('c', 3) })
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, b: 'old', c: 3, z: 0 })
    const offset = first.length + long.indexOf(`"${LONG}`)
    expect(recovery).toMatchObject({
      clean: false,
      damage: [{ file: 'store.log', line: 3, offset, bytes: MAX + 2, key: 'b' }],
      inDoubt: ['b'],
    })
    expect(recovery.notes.join()).toMatch(/The value of "b" in line 3 of store.log is longer than the 3000 bytes/)
  })

  it('in a CHECKPOINT: all other keys are there', async () => {
    const log = checkpoint({ a: 1, long: LONG, z: { deep: [LONG.slice(0, 900)] } }) + set('c', 3)
    const { state, recovery } = await recover(installation({ main: { gone: 1 }, log }))
    expect(state).toEqual({ a: 1, c: 3, z: { deep: [LONG.slice(0, 900)] } })
    const offset = log.indexOf(`"${LONG}`)
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 1, offset, bytes: MAX + 2, key: 'long' }])
  })

  it('in a SET with data that is followed by a good value: it has that one, and is named all the same', async () => {
    const log = line({ op: 'SET', data: { a: 1, long: LONG } }) + set('long', 'short')
    const { state, recovery } = await recover(installation({ log }))
    expect(state).toEqual({ a: 1, long: 'short' })
    expect(recovery.inDoubt).toEqual(['long'])
  })

  it('in a main file: the place is named by line and byte', async () => {
    for (const log of [undefined, set('c', 3)]) {
      const main = JSON.stringify({ a: [1, 2], é: LONG, z: 1 }, null, 2)
      const { state, recovery } = await recover(installation({ main, ...(log && { log }) }))
      expect(state).toEqual({ a: [1, 2], z: 1, ...(log && { c: 3 }) })
      const offset = Buffer.byteLength(main.slice(0, main.indexOf(`"${LONG}`)))
      expect(recovery.damage).toEqual([{ file: 'store.json', line: 6, offset, bytes: MAX + 2, key: 'é' }])
    }
  })

  it('under a key that is itself too long: nothing can be named but the place', async () => {
    const { state, recovery } = await recover(installation({ log: checkpoint({ a: 1, [LONG]: 2, b: 3 }) }))
    expect(state).toEqual({ a: 1, b: 3 })
    expect(recovery).toMatchObject({ damage: [{ line: 1, bytes: 1 }], inDoubt: ['any'] })
    expect(recovery.damage[0]).not.toHaveProperty('key')
  })

  it("is refused with recovery: 'strict', and nothing is touched", async () => {
    await refuses(installation({ log: set('a', 1) + set('b', LONG) }), 'FLATLOG_CORRUPT', { recovery: 'strict' })
    await refuses(installation({ main: { a: LONG } }), 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('is named also where the store is only read', async () => {
    const dir = installation({ log: set('a', 1) + set('b', LONG) })
    const before = filesOf(dir)
    const { state, recovery } = await look(dir, { readOnly: true })
    expect({ state, inDoubt: recovery.inDoubt }).toEqual({ state: { a: 1 }, inDoubt: ['b'] })
    expect(filesOf(dir)).toEqual(before)
  })
})

describe('a value that is nearly as long as a record may be', () => {
  it('is there as it was, or named: no length lies between', async () => {
    let [whole, named] = [0, 0]
    for (let length = MAX - 1200; length < MAX - 900; length += 41) {
      const log = set('k'.repeat(50), 'x'.repeat(length)) + set('b', 1)
      const { state, recovery } = await recover(installation({ log }))
      expect(Object.keys(state)).toHaveLength(recovery.clean ? 2 : 1)
      if (recovery.clean) expect(state['k'.repeat(50)]).toHaveLength(length)
      else expect(recovery.inDoubt).toEqual(['k'.repeat(50)])
      recovery.clean ? whole++ : named++
    }
    expect([whole > 2, named > 2]).toEqual([true, true])
  })

  it('and would be longer with its separators escaped: it is left out and named', async () => {
    const log = `{"op":"SET","key":"long","value":"${'\u2028'.repeat(600)}"}\n${set('b', 1)}`
    const { state, recovery } = await recover(installation({ log }))
    expect(state).toEqual({ b: 1 })
    expect(recovery).toMatchObject({ clean: false, inDoubt: ['long'] })
  })
})

describe('the entries of a log with such a line', () => {
  const entriesOf = (dir: string) => openLogs({ dir }).readLogEntries('store')

  it('end with an error that names the line, and do not leave it out', async () => {
    for (const long of [set('long', LONG), checkpoint({ a: 1, long: LONG })]) {
      const first = set('a', 1)
      const dir = installation({ log: first + long + set('b', 2) })
      await expect(entriesOf(dir)).rejects.toMatchObject({
        name: 'FlatlogError',
        code: 'FLATLOG_TOO_LARGE',
        offset: first.length,
        message: expect.stringMatching(/^Line 2 of .*What to do: open the log as a store/),
      })
      const entries = openLogs({ dir }).iterateLogEntries('store')
      expect((await entries.next()).value).toMatchObject({ seq: 1, key: 'a' })
      await expect(entries.next()).rejects.toMatchObject({ code: 'FLATLOG_TOO_LARGE' })
    }
  })

  it('leave a line out that cannot be read, as long as it may be', async () => {
    const dir = installation({ log: `${set('a', 1)}${'\0'.repeat(MAX)}\n${set('b', 2)}` })
    expect((await entriesOf(dir)).map(({ seq }) => seq)).toEqual([1, 3])
  })
})
