import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { copyOf, filesOf, linesOf, logOf, look, open, recover, stateOf } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { type LegacyFiles, mainOf, set, writeLegacy } from './files.js'

/** The files after a store of format 0 was opened for writing. */

const makeDir = useTempDirectory()
const legacyStore = (files: LegacyFiles) => writeLegacy(makeDir(), files)

describe('after the migration', () => {
  const make = () => legacyStore({ main: { a: 1 }, log: set('b', 2) })

  it('the old files are kept, byte for byte', async () => {
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

  it('the log is of version 1 and its numbers continue after the number of lines', async () => {
    const dir = make()
    const store = await open(dir)
    expect(JSON.parse(linesOf(dir)[0]!)).toMatchObject({ op: 'CHECKPOINT', format: 1, seq: 1 })
    await store.set('c', 3)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ seq: 2, key: 'c' })
  })

  it('the times of the lines are kept with `times`, and only then', async () => {
    const withTimes = await open(make(), { times: true })
    expect(withTimes.getMeta('b')?.mtime).toBe(Date.parse('2024-06-01T10:00:00.000Z'))
    await withTimes.close()
    const dir = make()
    const without = await open(dir)
    expect(without.getMeta('b')).not.toHaveProperty('mtime')
    await without.close()
    expect(linesOf(dir).join('\n')).not.toContain('"ages"')
  })

  it('a crash at any step makes the next opening start again', async () => {
    const state = { a: 1, b: 2 }
    const dir = make()
    const store = await open(dir)
    const migrated = copyOf(dir)
    await store.close()
    expect((await look(migrated)).state).toEqual(state)
    // Before the new log has its name, the old files already have their second names.
    const between = make()
    writeFileSync(`${mainOf(between)}.before-flatlog`, readFileSync(mainOf(between)))
    writeFileSync(`${logOf(between)}.before-flatlog`, readFileSync(logOf(between)))
    writeFileSync(`${logOf(between)}.first`, 'half a generation')
    expect((await recover(between)).state).toEqual(state)
    expect(existsSync(`${logOf(between)}.first`)).toBe(false)
  })

  it('a reader before it changes nothing', async () => {
    const dir = make()
    const before = filesOf(dir)
    const store = await open(dir, { readOnly: true })
    expect(stateOf(store)).toEqual({ a: 1, b: 2 })
    await store.close()
    expect(filesOf(dir)).toEqual(before)
  })

  it('a new log that is lost before its first close is reported: neither the old state nor an empty one replaces it', async () => {
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
