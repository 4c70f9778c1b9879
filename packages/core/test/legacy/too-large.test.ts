import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { closed, damagedOf, filesOf, logOf, look, open, recover } from '../recovery/installation.js'
import { openLogs } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { checkpoint, del, type LegacyFiles, line, mainOf, set, writeLegacy } from './files.js'

/** A value with its key may have about 2000 bytes, a line or a main file 6000. */
const MAX_RECORD = 3000
const MAX_TEXT = 6000

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const small = { READ_CHUNK_BYTES: 64, PART_BYTES: 256, MAX_READ_RECORD_BYTES: 3000, MAX_LEGACY_TEXT_BYTES: 6000 }
  return { ...(await original()), ...small }
})

/** Texts of format 0 that are too long are refused: a store that opens has all of its data. */

const makeDir = useTempDirectory()
const store = (files: LegacyFiles) => writeLegacy(makeDir(), files)
const LONG = 'x'.repeat(MAX_RECORD)

/** Expects that every way to open the store is refused, and that no file changes. */
async function refuses(dir: string, path: string, offset: number, message: RegExp): Promise<void> {
  const before = filesOf(dir)
  for (const options of [{}, { readOnly: true }, { recovery: 'strict' as const }]) {
    const error: unknown = await open(dir, options).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'FlatlogError', code: 'FLATLOG_TOO_LARGE', path, offset })
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toMatch(/Nothing was changed\. What to do: /)
    expect(filesOf(dir)).toEqual(before)
  }
}

describe('a value that does not fit into a record', () => {
  it.each([
    ['a SET', set('long', LONG)],
    ['a SET with data', line({ op: 'SET', data: { a: 1, long: LONG } })],
    ['a CHECKPOINT', checkpoint({ a: 1, long: LONG, z: 1 })],
  ])('in %s is refused', async (_what, long) => {
    const first = set('a', 1)
    const dir = store({ log: first + long + set('b', 2) })
    await refuses(dir, logOf(dir), first.length, /^The value of "long" in line 2 of .*store\.log is too long/)
  })

  it('in a main file is refused, with a log or without', async () => {
    for (const log of [undefined, set('c', 3)]) {
      const dir = store({ main: { a: [1, 2], é: LONG }, ...(log && { log }) })
      await refuses(dir, mainOf(dir), 0, /^The value of "é" in \/.*store\.json is too long/)
    }
  })

  it('under a key that is too long is refused, with the beginning of the key', async () => {
    const dir = store({ log: checkpoint({ [LONG]: 1 }) })
    await refuses(dir, logOf(dir), 0, /^The value of "x{100}" in line 1 /)
  })

  it.each([
    ['set anew', set('long', 'short'), { a: 1, long: 'short' }],
    ['deleted', del('long'), { a: 1 }],
    ['left out of a later state', checkpoint({ b: 2 }), { b: 2 }],
  ])('does not matter if the key was %s', async (_what, later, expected) => {
    const { state, recovery } = await recover(store({ log: set('a', 1) + set('long', LONG) + later }))
    expect({ state, clean: recovery.clean }).toEqual({ state: expected, clean: true })
  })

  it('does not matter in a main file if the log has a later value', async () => {
    for (const [log, expected] of [
      [set('long', 1), { a: 1, long: 1 }],
      [del('long'), { a: 1 }],
    ] as const) {
      const { state, recovery } = await recover(store({ main: { a: 1, long: LONG }, log }))
      expect({ state, clean: recovery.clean }).toEqual({ state: expected, clean: true })
    }
  })

  it('is either refused or imported unchanged, at every length', async () => {
    let [whole, refused] = [0, 0]
    const key = 'k'.repeat(50)
    for (let length = MAX_RECORD - 1200; length < MAX_RECORD - 900; length += 41) {
      const dir = store({ log: set(key, 'x'.repeat(length)) + set('b', 1) })
      const found = await recover(dir).catch((error: unknown) => error)
      if (found instanceof Error) {
        refused++
        expect(found).toMatchObject({ code: 'FLATLOG_TOO_LARGE' })
      } else {
        whole++
        expect(found).toEqual({
          state: { [key]: 'x'.repeat(length), b: 1 },
          recovery: expect.objectContaining({ clean: true }),
        })
      }
    }
    expect([whole > 2, refused > 2]).toEqual([true, true])
  })

  it('only with its line separators escaped is refused', async () => {
    const dir = store({ log: `{"op":"SET","key":"long","value":"${'\u2028'.repeat(600)}"}\n${set('b', 1)}` })
    await refuses(dir, logOf(dir), 0, /^The value of "long" in line 1 /)
  })
})

describe('a text that is longer than a string may be', () => {
  const pairs = Object.fromEntries(Array.from({ length: 100 }, (_, number) => [`key ${number}`, 'x'.repeat(60)]))

  it.each([
    ['a CHECKPOINT', checkpoint(pairs)],
    ['a SET with data', line({ op: 'SET', data: pairs })],
    ['a torn line', checkpoint(pairs).slice(0, -3)],
    ['zeros', `${'\0'.repeat(MAX_TEXT)}\n`],
  ])('as a line is refused: %s', async (_what, long) => {
    const first = set('a', 1)
    const dir = store({ log: first + long })
    await refuses(dir, logOf(dir), first.length, new RegExp(`^Line 2 of .*store\\.log has ${long.length} bytes\\.`))
  })

  it('as a main file is refused, with a log or without', async () => {
    for (const log of [undefined, set('c', 3)]) {
      const dir = store({ main: pairs, ...(log && { log }) })
      const { length } = readFileSync(mainOf(dir))
      await refuses(dir, mainOf(dir), 0, new RegExp(`store\\.json has ${length} bytes\\.`))
    }
  })

  it('as a main file does not matter if the log has the whole state', async () => {
    expect((await recover(store({ main: pairs, log: checkpoint({ a: 1 }) }))).state).toEqual({ a: 1 })
  })

  it('in the log of a store of version 1 is damage like any other', async () => {
    const dir = await closed(makeDir(), async (version1) => {
      await version1.set('a', 1)
      await version1.compact()
    })
    writeFileSync(logOf(dir), Buffer.alloc(MAX_TEXT + 1))
    expect((await look(dir)).state).toEqual({ a: 1 })
    expect(damagedOf(dir)).toHaveLength(1)
  })
})

describe('reading the entries of a log', () => {
  it('ends with an error at a line that is too long, and does not skip it', async () => {
    const first = set('a', 1)
    const long = set('long', 'x'.repeat(MAX_TEXT))
    const dir = store({ log: first + long + set('b', 2) })
    const tooLarge = { name: 'FlatlogError', code: 'FLATLOG_TOO_LARGE', path: logOf(dir), offset: first.length }
    await expect(openLogs({ dir }).readLogEntries('store')).rejects.toMatchObject(tooLarge)
    const entries = openLogs({ dir }).iterateLogEntries('store')
    expect((await entries.next()).value).toMatchObject({ seq: 1, key: 'a' })
    await expect(entries.next()).rejects.toMatchObject(tooLarge)
  })

  it('skips a line that cannot be read', async () => {
    const dir = store({ log: `${set('a', 1)}${'\0'.repeat(500)}\n${set('b', 2)}` })
    expect((await openLogs({ dir }).readLogEntries('store')).map(({ seq }) => seq)).toEqual([1, 3])
  })
})
