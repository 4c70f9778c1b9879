import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  append,
  backupsOf,
  closed,
  crashed,
  filesOf,
  logOf,
  logsOf,
  look,
  markOf,
  spoilLine,
  threeRecords,
  twoBackups,
  unfinishedOf,
} from './installation.js'

/** A note says what was found; only an opening that repairs adds what it did. */

const makeDir = useTempDirectory()

const NOT_A_LOG = Buffer.alloc(200)
const FORMAT_0 = '{"timestamp":"2024-06-01T08:00:00.000Z","op":"SET","key":"a","value":1}\n'

/** `done`: what the writer's notes say that it did; undefined if it reports no action. */
const cases: [what: string, arrange: () => Promise<string>, found: RegExp, done: RegExp | undefined][] = [
  [
    'the mark is gone',
    async () => {
      const dir = await threeRecords(makeDir())
      rmSync(markOf(dir))
      return dir
    },
    /store\.mark is gone/,
    /store\.mark was written again\./,
  ],
  [
    'the mark is damaged',
    async () => {
      const dir = await threeRecords(makeDir())
      writeFileSync(markOf(dir), 'x')
      return dir
    },
    /store\.mark is damaged/,
    /The former mark is kept as store\.mark\.damaged\.\nstore\.mark was written again\./,
  ],
  [
    'the mark belongs to another store',
    async () => {
      const dir = await threeRecords(makeDir())
      copyFileSync(markOf(await threeRecords(makeDir())), markOf(dir))
      return dir
    },
    /store\.mark belongs to another store/,
    /The former mark is kept as store\.mark\.damaged\.\nstore\.mark was written again\./,
  ],
  [
    'the tail is torn',
    async () => {
      const dir = await crashed(makeDir(), (store) => store.set('a', 1))
      append(dir, '{"timestamp":"20')
      return dir
    },
    /The last 16 bytes of store\.log, from line 3 on, are a torn tail/,
    /The torn tail was cut off\. It is kept as store\.log\.quarantine\.\S+\./,
  ],
  [
    'the log is gone and there is a backup',
    async () => {
      const dir = await twoBackups(makeDir())
      rmSync(logOf(dir))
      return dir
    },
    /store\.log is gone or empty\. The state was read from store\.log\.backup/,
    /store\.log was replaced by a copy of store\.log\.backup\.\S+\./,
  ],
  [
    'the log has no readable line and there is a backup',
    async () => {
      const dir = await twoBackups(makeDir())
      writeFileSync(logOf(dir), NOT_A_LOG)
      return dir
    },
    /store\.log has no readable line\. The state was read from store\.log\.backup/,
    /store\.log was replaced by a copy of store\.log\.backup\.\S+\.\nThe former log is kept as store\.log\.damaged\.3\./,
  ],
  [
    'the log is gone and there is an unfinished generation',
    async () => {
      const dir = await twoBackups(makeDir())
      renameSync(logOf(dir), unfinishedOf(dir))
      return dir
    },
    /store\.log is gone or empty\. The state was read from store\.log\.new/,
    /store\.log\.new was renamed to store\.log\./,
  ],
  [
    'the main file is gone',
    async () => {
      const dir = await closed(makeDir(), (store) => store.set('a', 1))
      await look(dir, { mainFile: true })
      rmSync(join(dir, 'store.json'))
      return dir
    },
    /store\.json is gone/,
    undefined,
  ],
  [
    'a record is damaged and a backup has it',
    async () => {
      const dir = await twoBackups(makeDir())
      const [newest] = backupsOf(dir).toReversed() as [string]
      copyFileSync(join(logsOf(dir), newest), logOf(dir))
      spoilLine(dir, 2)
      return dir
    },
    /store\.log could not be read\. Restored from store\.log\.backup/,
    /The former log is kept as store\.log\.damaged/,
  ],
  [
    'a torn line of format 0 over a bad main file',
    async () => {
      const dir = makeDir()
      mkdirSync(logsOf(dir))
      writeFileSync(join(dir, 'store.json'), '{"a": 1, "b')
      writeFileSync(logOf(dir), `${FORMAT_0}{"timestamp":"20`)
      return dir
    },
    /store\.json is not a JSON object.*\n.*last line of store\.log is torn/,
    /store\.log had format 0 and was imported\. What was read is kept as store\.log\.before-flatlog and store\.json\.before-flatlog\./,
  ],
]

const ACTION = /was (written|replaced by|renamed|imported|cut|copied|removed)|were (cut|set aside|removed)|will be|kept/

describe.each(cases)('when %s', (_what, arrange, found, done) => {
  it('a reader notes it, claims no action, and changes no file', async () => {
    const dir = await arrange()
    const before = filesOf(dir)
    const { recovery } = await look(dir, { readOnly: true })
    const notes = recovery.notes.join('\n')
    expect(notes).toMatch(found)
    expect(notes).not.toMatch(ACTION)
    expect(filesOf(dir)).toEqual(before)
  })

  it('a writer notes it, and what it did', async () => {
    const { recovery } = await look(await arrange())
    const notes = recovery.notes.join('\n')
    expect(notes).toMatch(found)
    if (done) expect(notes).toMatch(done)
    else expect(notes).not.toMatch(ACTION)
  })
})
