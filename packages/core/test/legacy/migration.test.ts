import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { copyOf, filesOf, linesOf, logOf, look, open, recover, stateOf } from '../recovery/installation.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { mainOf, originalIn, set } from './files.js'

/** What stands there once an original installation has been opened. */

const makeDir = useTempDirectory()
const installation = (files: Parameters<typeof originalIn>[1]) => originalIn(makeDir(), files)

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
