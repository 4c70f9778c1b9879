import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  backupsOf,
  bytesOf,
  closed,
  damagedOf,
  logOf,
  logsOf,
  markOf,
  noBackups,
  recover,
  refuses,
  twoBackups,
  unfinishedOf,
} from './installation.js'

/** A generation whose publication was not finished, next to a log. */

const makeDir = useTempDirectory()
const withBackups = () => twoBackups(makeDir())
const withoutBackups = () => noBackups(makeDir())

describe('an unfinished generation next to a log', () => {
  it.each([
    ['whole', (dir: string) => copyFileSync(join(logsOf(dir), backupsOf(dir)[0]!), unfinishedOf(dir))],
    ['cut', (dir: string) => writeFileSync(unfinishedOf(dir), bytesOf(dir, 'store.log').subarray(0, 50))],
    ['empty', (dir: string) => writeFileSync(unfinishedOf(dir), '')],
  ])('that is %s is deleted: the log counts', async (_what, make) => {
    const dir = await withBackups()
    make(dir)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery).toMatchObject({ clean: true, source: 'log' })
    expect(existsSync(unfinishedOf(dir))).toBe(false)
  })

  it('is not deleted when the log cannot be opened: it may be the only data left', async () => {
    const dir = await withoutBackups()
    writeFileSync(unfinishedOf(dir), bytesOf(dir, 'store.log').subarray(0, -3))
    writeFileSync(logOf(dir), 'garbage')
    await refuses(dir, 'FLATLOG_CORRUPT')
    expect(existsSync(unfinishedOf(dir))).toBe(true)
  })

  it('that is whole replaces a log without a readable line', async () => {
    const dir = await withoutBackups()
    copyFileSync(logOf(dir), unfinishedOf(dir))
    writeFileSync(logOf(dir), 'garbage')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1 })
    expect(recovery).toMatchObject({ clean: false, source: 'unfinished-generation', inDoubt: [] })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 1, offset: 0, bytes: 7 }])
    expect(damagedOf(dir).map((name) => bytesOf(dir, name).toString())).toEqual(['garbage'])
  })

  it('of the first log is deleted', async () => {
    const dir = await withoutBackups()
    writeFileSync(join(logsOf(dir), 'store.log.first'), 'half')
    expect((await recover(dir)).state).toEqual({ a: 1 })
    expect(existsSync(join(logsOf(dir), 'store.log.first'))).toBe(false)
  })

  it('of the first log, without a log, is deleted and a new store begins', async () => {
    const dir = makeDir()
    await closed(dir, async () => {})
    renameSync(logOf(dir), join(logsOf(dir), 'store.log.first'))
    rmSync(markOf(dir))
    const { state, recovery } = await recover(dir)
    expect({ state, source: recovery.source }).toEqual({ state: {}, source: 'new' })
  })
})
