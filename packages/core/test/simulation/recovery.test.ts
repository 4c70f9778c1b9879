import { describe, expect, test } from 'vitest'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { closedStore, crashAtEveryCall, expectKept, type Files, open, options, type Scenario } from './openings.js'
import { settle } from './settle.js'

/**
 * Crashes an opening with a repair or an import at every call.
 * The state afterwards must always be the same.
 */

const LOG = 'logs/store.log'

const formatZeroLog =
  '{"timestamp":"2024-05-01T10:00:00.000Z","op":"SET","key":"a","value":{"n":1}}\n' +
  '{"timestamp":"2024-05-01T10:00:01.000Z","op":"SET","key":"b","value":[1,2,3]}\n' +
  '{"timestamp":"2024-05-01T10:00:02.000Z","op":"DELETE","key":"a"}\n'
const mainFile = '{"a":0,"c":{"deep":[true]}}'

const log = (files: Files) => files[LOG] as Buffer
const newestBackup = (files: Files) =>
  Object.keys(files)
    .filter((path) => path.includes('.log.backup.'))
    .sort()
    .at(-1) as string

/** The offset of the middle of a line. */
function flippedAt(bytes: Buffer, line: number): number {
  const starts = [0]
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1)
  return Math.floor(((starts.at(line) as number) + (starts.at(line + 1) as number)) / 2)
}

/** A copy with one bit flipped in the middle of a line. */
function flipped(bytes: Buffer, line: number): Buffer {
  const damaged = Buffer.from(bytes)
  const at = flippedAt(bytes, line)
  damaged[at] = (damaged[at] as number) ^ 1
  return damaged
}

const scenarios: { [name: string]: Scenario } = {
  'a log of format 0 over a main file': {
    arrange: () => ({ 'store.json': mainFile, [LOG]: formatZeroLog }),
    keeps: () => [Buffer.from(mainFile), Buffer.from(formatZeroLog)],
    found: (recovery) => expect(recovery).toMatchObject({ source: 'older-log', damage: [] }),
  },
  'only a main file': {
    arrange: () => ({ 'store.json': mainFile }),
    keeps: () => [Buffer.from(mainFile)],
    found: (recovery) => expect(recovery).toMatchObject({ source: 'main-file', damage: [] }),
  },
  'a damaged record that no backup has': {
    arrange: (files) => ({ ...files, [LOG]: flipped(log(files), -3) }),
    keeps: (files) => [log(files)],
    found: (recovery) => expect(recovery.damage[0]).toMatchObject({ file: 'store.log' }),
  },
  'a damaged checkpoint that a backup heals': {
    arrange: (files) => ({ ...files, [LOG]: flipped(log(files), 1) }),
    keeps: (files) => [log(files)],
    found: ({ damage }) => expect(damage[0]).toMatchObject({ healedFrom: expect.stringContaining('backup') }),
  },
  'a missing log': {
    arrange: ({ [LOG]: _, ...files }) => files,
    keeps: (files) => [files[newestBackup(files)] as Buffer],
    found: ({ source }) => expect(source).toBe('backup'),
  },
  'a missing log and an unfinished generation': {
    arrange: ({ [LOG]: lost, ...files }) => ({ ...files, [`${LOG}.new`]: lost as Buffer }),
    keeps: (files) => [files[`${LOG}.new`] as Buffer],
    found: ({ source }) => expect(source).toBe('unfinished-generation'),
  },
  'a torn tail': {
    arrange: (files) => ({ ...files, [LOG]: Buffer.concat([log(files), Buffer.from('{"timestamp":"2031-07-')]) }),
    keeps: () => [Buffer.from('{"timestamp":"2031-07-')],
    found: ({ cutBytes }) => expect(cutBytes).toBe(22),
  },
  'a lock file with a note of a failure': {
    arrange: (files) => ({
      ...files,
      'logs/store.lock': `${JSON.stringify({ pid: 1, token: 'f'.repeat(32), host: 'simulated', bootId: 'boot-1', failed: 'EIO' })}\n`,
    }),
    keeps: (files) => [log(files)],
    found: ({ notes }) => expect(notes.join()).toMatch(/failure/),
  },
}

test('a damaged log that is set aside is durable to its last byte', async () => {
  await withSeed(async (random) => {
    const machine = await closedStore('posix', random.seed)
    // A killed owner with durability 'os' leaves the end of its log in the page cache only. Then an earlier bit flips.
    const owner = machine.start()
    const opened = await settle(owner, owner.open({ ...options, durability: 'os' }))
    if (opened.kind !== 'resolved') throw new Error('the store could not be opened')
    for (let number = 0; number < 20; number++)
      await opened.value.set(`late ${number}`, { n: number, fill: 'x'.repeat(500) })
    owner.kill()
    const hit = machine.start()
    const path = `${hit.fileSystem.mount}/data/${LOG}`
    const file = hit.fileSystem.open(path, 'write')
    const { sizeBytes } = file.status()
    const whole = Buffer.alloc(sizeBytes)
    file.read(whole, 0)
    const at = flippedAt(whole, 2)
    file.write(Buffer.from([(whole[at] as number) ^ 1]), at)
    whole[at] = (whole[at] as number) ^ 1
    file.close()
    hit.kill()

    const { recovery } = await open(machine)
    expect(recovery.damage).not.toEqual([])
    for (let cut = 0; cut < 30; cut++) expectKept(machine.rebootedFrom(machine.disk), [whole])
  })
})

describe.each(Object.entries(scenarios))('%s', (_, scenario) => {
  test.each(['posix', 'ext4'] as const)(
    'leads to the same state after a crash at any call of the opening (%s)',
    async (profile) => {
      await withSeed(async (random) => {
        await crashAtEveryCall(scenario, profile, random, rounds(4, 1))
      })
    },
    rounds(300_000, 3_600_000),
  )
})
