import { describe, expect, test } from 'vitest'
import type { Recovery } from '../../src/store/recovery.js'
import { rounds } from '../support/long.js'
import { Random, withSeed } from '../support/random.js'
import type { Profile } from './disk.js'
import { Fate } from './faults.js'
import { arrange, filesOf } from './files.js'
import type { SimulatedMachine } from './machine.js'
import { Run } from './run.js'
import { script } from './script.js'
import { settle } from './settle.js'
import { textOfStore } from './witness.js'

/** Openings that have more to do than to read, crashed at every call: what is found in the end is always the same. */

type Files = { [path: string]: Buffer }

interface Scenario {
  /** What stands in the directory beforehand, made of what a clean close has left. */
  readonly arrange: (files: Files) => { [path: string]: Buffer | string }
  /** Bytes that must be found in some file afterwards, whatever was done with the file that held them. */
  readonly keeps: (files: Files) => Buffer[]
  readonly found: (recovery: Recovery) => void
}

const LOG = 'logs/store.log'

const olderLog =
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

/** The middle of the line. */
function flippedAt(bytes: Buffer, line: number): number {
  const starts = [0]
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1)
  return Math.floor(((starts.at(line) as number) + (starts.at(line + 1) as number)) / 2)
}

/** One bit of the middle of the line flipped. */
function flipped(bytes: Buffer, line: number): Buffer {
  const damaged = Buffer.from(bytes)
  const at = flippedAt(bytes, line)
  damaged[at] = (damaged[at] as number) ^ 1
  return damaged
}

const scenarios: { [name: string]: Scenario } = {
  'an older log over a main file': {
    arrange: () => ({ 'store.json': mainFile, [LOG]: olderLog }),
    keeps: () => [Buffer.from(mainFile), Buffer.from(olderLog)],
    found: (recovery) => expect(recovery).toMatchObject({ source: 'older-log', damage: [] }),
  },
  'a main file alone': {
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
  'a log that is gone': {
    arrange: ({ [LOG]: _, ...files }) => files,
    keeps: (files) => [files[newestBackup(files)] as Buffer],
    found: ({ source }) => expect(source).toBe('backup'),
  },
  'a log that is gone, and a generation that was about to take its place': {
    arrange: ({ [LOG]: lost, ...files }) => ({ ...files, [`${LOG}.new`]: lost as Buffer }),
    keeps: (files) => [files[`${LOG}.new`] as Buffer],
    found: ({ source }) => expect(source).toBe('unfinished-generation'),
  },
  'a torn tail': {
    arrange: (files) => ({ ...files, [LOG]: Buffer.concat([log(files), Buffer.from('{"timestamp":"2031-07-')]) }),
    keeps: () => [Buffer.from('{"timestamp":"2031-07-')],
    found: ({ cutBytes }) => expect(cutBytes).toBe(22),
  },
  'an owner that left word of a failure': {
    arrange: (files) => ({
      ...files,
      'logs/store.lock': `${JSON.stringify({ pid: 1, token: 'f'.repeat(32), host: 'simulated', bootId: 'boot-1', failed: 'EIO' })}\n`,
    }),
    keeps: (files) => [log(files)],
    found: ({ notes }) => expect(notes.join()).toMatch(/failure/),
  },
}

/** A store that was closed after the script, so with backups, parts and records behind them. */
async function closedStore(profile: Profile, seed: number): Promise<SimulatedMachine> {
  const options = { mainFile: false, compaction: false } as const
  const run = new Run({ profile, options, random: new Random(seed), crashesInRecovery: 0 })
  await run.begin()
  for (const step of script(new Random(seed), 6)) await step(run)
  await run.write([
    { do: 'set', key: 'a', fill: 5 },
    { do: 'set', key: 'b', fill: 5 },
    { do: 'set', key: 'c', fill: 5 },
  ])
  await run.check()
  await run.closeAndOpen()
  run.leave()
  const machine = run.moment().machine.powerCut()
  await arrange(machine, ({ 'logs/store.lock': _, ...files }) => files)
  return machine
}

const options = { mainFile: false, compaction: false } as const

async function open(machine: SimulatedMachine): Promise<{ state: string; recovery: Recovery }> {
  const process = machine.start()
  const outcome = await settle(process, process.open(options))
  if (outcome.kind !== 'resolved') throw outcome.kind === 'rejected' ? outcome.error : new Error('died')
  const found = { state: textOfStore(outcome.value), recovery: outcome.value.recovery }
  process.kill()
  return found
}

test('what is set aside because of damage is on the disk to its last byte', async () => {
  await withSeed(async (random) => {
    const machine = await closedStore('posix', random.seed)
    // An owner at 'os' was killed: the end of its log is in the page cache only. Then a bit flips further up.
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

function expectKept(machine: SimulatedMachine, bytes: readonly Buffer[]): void {
  const files = Object.values(filesOf(machine))
  for (const wanted of bytes)
    expect(
      files.some((file) => file.includes(wanted)),
      'the original bytes are kept',
    ).toBe(true)
}

describe.each(Object.entries(scenarios))('%s', (_, scenario) => {
  test.each(['posix', 'ext4'] as const)(
    'crashed at every call of the opening (%s)',
    async (profile) => {
      await withSeed(async (random) => {
        const machine = await closedStore(profile, random.seed)
        await arrange(machine, scenario.arrange)
        const kept = scenario.keeps(filesOf(machine))
        const straight = machine.clone()
        const { state, recovery } = await open(straight)
        scenario.found(recovery)
        expect(state).not.toBe('[]')
        expectKept(straight, kept)

        for (let calls = 0; ; calls++) {
          const crashed = machine.clone()
          const process = crashed.start()
          const fate = new Fate(() => 1)
          fate.dieAfter(calls, random.next())
          process.onCall = fate.onCall
          const outcome = await settle(process, process.open(options))
          if (outcome.kind === 'rejected') throw outcome.error
          process.kill()
          const cuts = Array.from({ length: rounds(3, 30) }, () => crashed.rebootedFrom(crashed.disk))
          for (const after of [crashed.clone(), ...cuts]) {
            const found = await open(after)
            expect(found.state, `after a crash at call ${calls}`).toBe(state)
            expectKept(after, kept)
            // And once more: from here on nothing is damaged.
            const again = await open(after)
            expect(again).toMatchObject({ state, recovery: { damage: [], inDoubt: [], cutBytes: 0 } })
          }
          if (outcome.kind === 'resolved') break
        }
      })
    },
    rounds(60_000, 600_000),
  )
})
