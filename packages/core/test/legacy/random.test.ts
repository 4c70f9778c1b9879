import { describe, expect, test, vi } from 'vitest'
import type { MemoryDisk } from '../damage/memory-disk.js'
import { memoryLockEnvironment } from '../damage/memory-disk.js'
import { openAgain, openOnDisk } from '../damage/opening.js'
import type { Progress, Store, StoreOptions } from '../support/core.js'
import { rounds } from '../support/long.js'
import { ManualClock } from '../support/manual-clock.js'
import { withSeed } from '../support/random.js'
import { LOG, MAIN, memoryDisk } from './files.js'
import { type Expected, expectedOf } from './model.js'
import { anyLog, anyMainFile } from './random-files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  return { ...(await original()), READ_CHUNK_BYTES: 64, PART_BYTES: 256 }
})

/** Compares random files of format 0, odd and damaged ones too, with a model in memory. */

const OPTIONS = { mainFile: false, times: true } as const

function shown(store: Store): Expected {
  const { cutBytes, damage, inDoubt } = store.recovery
  const state = [...store.keys()].map((key): Expected['state'][number] => {
    return [key, JSON.stringify(JSON.parse(store.getText(key) as string)), store.getMeta(key)?.mtime]
  })
  const { lastSeq } = store.stats() as { lastSeq: number }
  return { state, lastSeq, cutBytes, damage, inDoubt }
}

async function look(disk: MemoryDisk, options: StoreOptions): Promise<Expected | string> {
  try {
    const store = await openAgain(disk, { ...OPTIONS, ...options })
    const found = shown(store)
    await store.close()
    return found
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('the state', () => {
  test('is exactly that of the model, whatever the files contain', async () => {
    await withSeed(async (random) => {
      const seen = { damaged: 0, overMain: 0 }
      for (let round = 0; round < rounds(80, 5000); round++) {
        const log = random.below(6) ? anyLog(random) : undefined
        const main = random.below(2) || !log ? anyMainFile(random) : undefined
        const expected = expectedOf(log, main)
        const disk = memoryDisk({ ...(log && { log }), ...(main && { main }) })
        const before = disk.copy()
        const read = await look(disk, { readOnly: true })
        expect(disk.paths).toEqual(before.paths)
        const found = await look(disk, {})
        if (!expected) {
          expect([read, found]).toEqual(['FLATLOG_CORRUPT', 'FLATLOG_CORRUPT'])
          expect(disk.paths.filter((path) => !path.includes('.lock'))).toEqual(before.paths)
          continue
        }
        expect(found).toEqual(expected)
        expect(read).toEqual(expected)
        expect(disk.paths.filter((path) => /first|new/.test(path))).toEqual([])
        if (log) expect(disk.bytesOf(`${LOG}.before-flatlog`).equals(log)).toBe(true)
        if (main) expect(disk.bytesOf(`${MAIN}.before-flatlog`).equals(main)).toBe(true)
        // The next opening reads what was written.
        expect(await look(disk, {})).toEqual({ ...expected, cutBytes: 0, damage: [], inDoubt: [] })
        seen.damaged += expected.damage.length + expected.cutBytes > 0 ? 1 : 0
        seen.overMain += log && main ? 1 : 0
      }
      for (const count of Object.values(seen)) expect(count).toBeGreaterThan(2)
    })
  })
})

test('progress is reported for each file and for the writing', async () => {
  const reports: Progress[] = []
  const pairs = Array.from({ length: 200 }, (_, number) => `"key ${number}":[${number}]`)
  const log = pairs.map((pair, number) => `{"op":"SET","key":"${number}","value":{${pair}}}\n`).join('')
  const main = `{${pairs.join()}}`
  const store = await openOnDisk(
    {
      // A slice ends whenever the clock is read.
      clock: new ManualClock(0, 5),
      fileSystem: memoryDisk({ log, main }),
      processes: memoryLockEnvironment('00000001'),
    },
    { ...OPTIONS, onProgress: (progress) => reports.push(progress) },
  )
  await store.close()
  const phases = [...new Set(reports.map(({ phase }) => phase))]
  expect(phases).toEqual(['older-log', 'main-file', 'write'])
  for (const phase of phases) {
    const steps = reports.filter((each) => each.phase === phase)
    const done = steps.map((each) => each.done)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(new Set(steps.map(({ total }) => total)).size).toBe(1)
    if (phase !== 'main-file') expect(steps.length).toBeGreaterThan(3)
    expect(steps.at(-1)?.done).toBe(steps.at(-1)?.total)
  }
  expect(reports[0]?.total).toBe(log.length)
})
