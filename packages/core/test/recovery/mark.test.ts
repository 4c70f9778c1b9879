import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withChecksum } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  backupsOf,
  bytesOf,
  closed,
  copyOf,
  crashed,
  linesOf,
  logOf,
  logsOf,
  look,
  markOf,
  open,
  recover,
  refuses,
  removeFiles,
  replaceLine,
  writeLines,
} from './installation.js'

/**
 * The mark names the last record on disk.
 * Without it, a log that was cut after a record would look whole.
 */

const makeDir = useTempDirectory()
const KEYS = ['a', 'b', 'c', 'd']
const write = async (store: { set(key: string, value: unknown): Promise<void> }) => {
  for (const key of KEYS) await store.set(key, key)
}
const state = (count: number) => Object.fromEntries(KEYS.slice(0, count).map((key) => [key, key]))

describe('a log that ends below its mark', () => {
  it.each([3, 2, 1, 0])('is reported: %i of its 4 records are left', async (left) => {
    const dir = await closed(makeDir(), write)
    writeLines(dir, linesOf(dir).slice(0, left + 1))
    const size = bytesOf(dir, 'store.log').length
    const { state: found, recovery } = await recover(dir)
    expect(found).toEqual(state(left))
    expect(recovery.damage).toEqual([{ file: 'store.log', line: left + 2, offset: size, bytes: 0 }])
    expect(recovery).toMatchObject({ clean: false, cutBytes: 0, inDoubt: ['any'] })
    expect(recovery.notes.join('\n')).toContain(left === 3 ? 'Record 4' : `Records ${left + 1} to 4`)
  })

  it('does not reuse the lost numbers', async () => {
    const dir = await closed(makeDir(), write)
    writeLines(dir, linesOf(dir).slice(0, 2))
    const store = await open(dir)
    await store.set('e', 1)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ key: 'e', seq: 5 })
  })

  it('is reported if an older copy of it was put back', async () => {
    const dir = await closed(makeDir(), (store) => store.set('a', 'a'))
    const older = join(copyOf(dir), 'logs', 'store.log')
    await closed(dir, (store) => store.set('b', 'b'))
    copyFileSync(older, logOf(dir))
    const { state: found, recovery } = await recover(dir)
    expect(found).toEqual(state(1))
    expect(recovery).toMatchObject({ clean: false, inDoubt: ['any'] })
  })
})

describe('a log that goes on after its mark', () => {
  it('is clean, because every crash leaves one', async () => {
    const dir = await crashed(await closed(makeDir(), (store) => store.set('a', 'a')), (store) => store.set('b', 'b'))
    const { state: found, recovery } = await recover(dir)
    expect({ found, clean: recovery.clean }).toEqual({ found: state(2), clean: true })
  })
})

const MARK_START = '{"timestamp":"2025-01-15T12:00:00.000Z","format":1,"store":"0123456789abcdef","seq":4'

describe('the mark itself', () => {
  const damages: [what: string, damage: (bytes: Buffer) => Buffer | string][] = [
    ['with a flipped bit', (bytes) => Buffer.from(bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)))],
    ['cut', (bytes) => bytes.subarray(0, 30)],
    ['without its newline', (bytes) => bytes.subarray(0, -1)],
    ['empty', () => ''],
    ['zeros', (bytes) => Buffer.alloc(bytes.length)],
    ['far too long', () => Buffer.alloc(100_000, 'x')],
    ['JSON of another program', () => '{"seq":4}\n'],
    ['with a valid checksum, but not JSON', () => `${withChecksum('{"store')}\n`],
    ['with a valid checksum, but a number for a store', () => `${withChecksum('{"timestamp":"","store":1,"seq":4')}\n`],
    ['with a valid checksum, but a negative number', () => `${withChecksum(`${MARK_START},"mainFileSeq":-1`)}\n`],
    ['the line of a log', () => `${withChecksum(`${MARK_START},"op":"CHECKPOINT"`)}\n`],
  ]

  it.each(damages)('%s is reported and rewritten; the log counts', async (_what, damage) => {
    const dir = await closed(makeDir(), write)
    const damaged = Buffer.from(damage(readFileSync(markOf(dir))) as string)
    writeFileSync(markOf(dir), damaged)
    const { state: found, recovery } = await recover(dir)
    expect(found).toEqual(state(4))
    expect(recovery).toMatchObject({
      clean: false,
      inDoubt: [],
      damage: [{ file: 'store.mark', offset: 0, bytes: damaged.length }],
    })
    expect(bytesOf(dir, 'store.mark.damaged')).toEqual(damaged)
  })

  it("that is damaged is refused with recovery: 'strict'", async () => {
    const dir = await closed(makeDir(), write)
    writeFileSync(markOf(dir), 'x')
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })

  it('that is missing is noted, and written again even without a change', async () => {
    const dir = await closed(makeDir(), write)
    removeFiles(dir, 'store.mark')
    const { recovery } = await look(dir)
    expect(recovery).toMatchObject({
      clean: true,
      notes: [expect.stringContaining('store.mark is gone'), 'store.mark was written again.'],
    })
    expect(existsSync(markOf(dir))).toBe(true)
    writeLines(dir, linesOf(dir).slice(0, 3))
    expect((await look(dir)).recovery.inDoubt).toEqual(['any'])
  })

  it('of another store is ignored and replaced', async () => {
    for (const otherKeys of [2, 4, 6]) {
      const dir = await closed(makeDir(), write)
      const other = await closed(makeDir(), async (store) => {
        for (let number = 0; number < otherKeys; number++) await store.set('x', number)
      })
      copyFileSync(markOf(other), markOf(dir))
      const { state: found, recovery } = await look(dir)
      expect(found).toEqual(state(4))
      expect(recovery).toMatchObject({ clean: false, inDoubt: [], damage: [{ file: 'store.mark' }] })
      expect((await look(dir)).recovery.clean).toBe(true)
      const store = JSON.parse(linesOf(dir)[0]!).store as string
      expect(JSON.parse(readFileSync(markOf(dir), 'utf8'))).toMatchObject({ store, seq: 4 })
    }
  })

  it('of an earlier version, which does not name the main file, is valid', async () => {
    const dir = await closed(makeDir(), write)
    const { timestamp, store, seq } = JSON.parse(readFileSync(markOf(dir), 'utf8')) as Record<string, string | number>
    const older = `{"timestamp":"${timestamp}","format":1,"store":"${store}","seq":${seq},"mainFileSeq":null`
    writeFileSync(markOf(dir), `${withChecksum(older)}\n`)
    await using again = await open(dir)
    expect(again.recovery).toMatchObject({ clean: true, notes: [] })
    expect(await again.verify()).toMatchObject({ ok: true, damage: [] })
    await again.close()
    expect(JSON.parse(readFileSync(markOf(dir), 'utf8'))).toMatchObject({ seq })
  })

  it('of an earlier version, which names the backups, is valid; the names are not written again', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await write(store)
      await store.compact()
    })
    const { crc, ...fields } = JSON.parse(readFileSync(markOf(dir), 'utf8')) as Record<string, unknown>
    expect(fields.backups).toBeUndefined()
    const names = ['store.log.backup.20250115T130000Z-0000000000000001', ...backupsOf(dir)]
    const earlier = withChecksum(JSON.stringify({ ...fields, backups: names }).slice(0, -1))
    writeFileSync(markOf(dir), `${earlier}\n`)
    await using again = await open(dir)
    expect(again.recovery).toMatchObject({ clean: true, notes: [] })
    expect(await again.verify()).toMatchObject({ ok: true, damage: [] })
    await again.set('e', 1)
    await again.close()
    expect(readFileSync(markOf(dir), 'utf8')).not.toContain('backup')
  })

  it('is one line of plain JSON with the record and the store', async () => {
    const dir = await closed(makeDir(), write)
    const text = readFileSync(markOf(dir), 'utf8')
    expect(text).toMatch(/^\{"timestamp":"[^"]+","format":1,"store":"[0-9a-f]{16}","seq":4,.*"crc":"[0-9a-f]{8}"\}\n$/)
  })

  it('exists as soon as the log does, also for a store that was never closed', async () => {
    const dir = await crashed(makeDir(), write)
    expect(existsSync(markOf(dir))).toBe(true)
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_CORRUPT')
  })

  it('stays as it was if replacing it was not finished', async () => {
    const dir = await closed(makeDir(), write)
    writeFileSync(join(logsOf(dir), 'store.mark.new'), 'half')
    const { state: found, recovery } = await recover(dir)
    expect({ found, clean: recovery.clean }).toEqual({ found: state(4), clean: true })
  })
})

describe('only the mark shows', () => {
  it('a cut exactly after a record', async () => {
    const dir = await closed(makeDir(), write)
    replaceLine(dir, 5)
    const withoutMark = copyOf(dir)
    removeFiles(withoutMark, 'store.mark')
    expect((await look(withoutMark)).recovery.clean).toBe(true)
    expect((await look(dir)).recovery.clean).toBe(false)
  })
})
