import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { line } from '../format/support.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  closed,
  filesOf,
  linesOf,
  logOf,
  logsOf,
  offsetOf,
  open,
  refuses,
  removeFiles,
  replaceLine,
  spoilLine,
  writeLines,
} from './installation.js'

/** Files of a newer version are not repaired or changed. */

const makeDir = useTempDirectory()
const AT = '{"timestamp":"2099-01-01T00:00:00.000Z"'
const newerHeader = (seq = 0) =>
  line(`${AT},"seq":${seq},"op":"CHECKPOINT","format":2,"store":"${'0'.repeat(16)}","pages":[]`)
const newerRecord = (seq: number) => line(`${AT},"seq":${seq},"op":"MERGE","key":"a","value":1`)

const three = () =>
  closed(makeDir(), async (store) => {
    for (const key of ['a', 'b', 'c']) await store.set(key, key)
  })

describe('a newer version wrote', () => {
  const cases: [what: string, change: (dir: string) => void][] = [
    ['the format of the first line', (dir) => replaceLine(dir, 1, newerHeader())],
    ['the format, in the only line', (dir) => writeLines(dir, [newerHeader()])],
    ['an operation in the middle', (dir) => replaceLine(dir, 3, newerRecord(2))],
    ['an operation at the end', (dir) => append(dir, `${newerRecord(4)}\n`)],
    [
      'an operation after a torn line',
      (dir) => {
        append(dir, 'garbage\n')
        append(dir, `${newerRecord(5)}\n`)
      },
    ],
    [
      'an operation, and another line is damaged',
      (dir) => {
        spoilLine(dir, 2)
        append(dir, `${newerRecord(4)}\n`)
      },
    ],
    [
      'another kind of checkpoint line',
      (dir) => replaceLine(dir, 1, linesOf(dir)[0]!, line(`${AT},"seq":0,"op":"CHECKPOINT","x":1`)),
    ],
  ]

  it.each(cases)('%s: opening is refused with the place, and no file changes', async (_what, change) => {
    const dir = await three()
    change(dir)
    await refuses(dir, 'FLATLOG_VERSION')
    await refuses(dir, 'FLATLOG_VERSION', { recovery: 'strict' })
    await refuses(dir, 'FLATLOG_VERSION', { readOnly: true })
  })

  it('an operation: the message has its name and its place', async () => {
    const dir = await three()
    const offset = offsetOf(dir, 3)
    replaceLine(dir, 3, newerRecord(2))
    await expect(open(dir)).rejects.toMatchObject({
      path: logOf(dir),
      offset,
      message: expect.stringContaining('"MERGE"'),
    })
  })

  it('the newest backup: an older one does not replace a missing log', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
    })
    writeFileSync(join(logsOf(dir), 'store.log.backup.20990101T000000Z-0000000000000009'), `${newerHeader(9)}\n`)
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_VERSION')
  })

  it('an unfinished generation, and the log is missing: opening is refused', async () => {
    const dir = await three()
    writeFileSync(join(logsOf(dir), 'store.log.new'), `${newerHeader(9)}\n`)
    removeFiles(dir, 'store.log')
    await refuses(dir, 'FLATLOG_VERSION')
  })

  it('a part of the checkpoint: opening is refused', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.setText('text', 'a text')
      await store.compact()
    })
    replaceLine(dir, 2, line(`${AT},"seq":1,"op":"CHECKPOINT","part":true,"meta":{},"rows":[]`))
    await refuses(dir, 'FLATLOG_VERSION')
  })
})

describe('with a whole log', () => {
  it('backups of a newer version are left alone', async () => {
    const dir = await three()
    const name = 'store.log.backup.20990101T000000Z-0000000000000009'
    writeFileSync(join(logsOf(dir), name), `${newerHeader(9)}\n`)
    const store = await open(dir)
    expect(store.get('a')).toBe('a')
    await store.close()
    expect(backupsOf(dir)).toEqual([name])
    expect(filesOf(dir)[join('logs', name)]).toBe(Buffer.from(`${newerHeader(9)}\n`).toString('base64'))
  })

  it('the log of another store of a newer version is left alone', async () => {
    const dir = await three()
    copyFileSync(logOf(dir), join(logsOf(dir), 'other.log'))
    writeFileSync(join(logsOf(dir), 'other.log'), `${newerHeader()}\n`)
    const store = await open(dir)
    expect(store.recovery.clean).toBe(true)
    await store.close()
    await expect(open(dir, { name: 'other' })).rejects.toMatchObject({ code: 'FLATLOG_VERSION' })
  })
})
