import { describe, expect, test, vi } from 'vitest'
import { MemoryDisk } from '../damage/memory-disk.js'
import { openAgain } from '../damage/opening.js'
import type { Progress, Store, StoreOptions } from '../support/core.js'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { type Expected, expectedOf } from './model.js'
import { anyLog, anyMainFile } from './random-files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS } = await import('./tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS }
})

/** An installation of the original system that fits neither in memory nor in a line, against one that does. */

const LOG = '/data/logs/store.log'
const MAIN = '/data/store.json'
const OPTIONS = { mainFile: false, times: true } as const

function diskWith(log: Buffer | undefined, main: Buffer | undefined): MemoryDisk {
  const disk = new MemoryDisk(['/', '/data', '/data/logs'])
  if (log) disk.put(LOG, log)
  if (main) disk.put(MAIN, main)
  return disk
}

function shown(store: Store): Expected {
  const { cutBytes, damage, inDoubt } = store.recovery
  const state = [...store.keys()].map((key): Expected['state'][number] => {
    return [key, store.getText(key) as string, store.getMeta(key)?.mtime]
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
  test('is that which is found with all of it in memory, whatever the files hold', async () => {
    await withSeed(async (random) => {
      const seen = { damaged: 0, spilled: 0, overMain: 0 }
      for (let round = 0; round < rounds(80, 5000); round++) {
        const log = random.below(6) ? anyLog(random) : undefined
        const main = random.below(2) || !log ? anyMainFile(random) : undefined
        const expected = expectedOf(log, main)
        const disk = diskWith(log, main)
        let sortRuns = 0
        disk.beforeChange = (change, path) => {
          if (change === 'create' && path.includes('.sort-')) sortRuns++
        }
        const read = await look(disk, { readOnly: true })
        expect(sortRuns).toBe(0)
        const found = await look(disk, {})
        if (!expected) {
          expect([read, found]).toEqual(['FLATLOG_CORRUPT', 'FLATLOG_CORRUPT'])
          expect(disk.paths.filter((path) => !path.includes('.lock'))).toEqual(
            [MAIN, LOG].filter((path) => disk.has(path)).sort(),
          )
          continue
        }
        expect(found).toEqual(expected)
        expect(read).toEqual(expected)
        expect(disk.paths.filter((path) => /first|sort|new/.test(path))).toEqual([])
        if (log) expect(disk.bytesOf(`${LOG}.before-flatlog`).equals(log)).toBe(true)
        if (main) expect(disk.bytesOf(`${MAIN}.before-flatlog`).equals(main)).toBe(true)
        // What was written is what the next opening finds.
        expect(await look(disk, {})).toEqual({ ...expected, cutBytes: 0, damage: [], inDoubt: [] })
        seen.damaged += expected.damage.length + expected.cutBytes > 0 ? 1 : 0
        seen.spilled += sortRuns > 0 ? 1 : 0
        seen.overMain += log && main ? 1 : 0
      }
      for (const count of Object.values(seen)) expect(count).toBeGreaterThan(2)
    })
  })
})

test('how far it came is told, of each file and of the writing', async () => {
  await withSeed(async (random) => {
    const told: Progress[] = []
    const keys = Array.from({ length: 50 }, () => `"key ${random.below(1000)}":[${random.below(1000)}]`)
    const log = keys.map((pair) => `{"op":"SET","key":"a","value":{${pair}}}\n`).join('')
    const disk = diskWith(Buffer.from(log), Buffer.from(`{${keys.join()}}`))
    await look(disk, { onProgress: (progress) => told.push(progress) })
    const phases = [...new Set(told.map(({ phase }) => phase))]
    expect(phases).toEqual(['older-log', 'main-file', 'write'])
    for (const phase of phases) {
      const steps = told.filter((each) => each.phase === phase)
      const done = steps.map((each) => each.done)
      expect(done).toEqual([...done].sort((a, b) => a - b))
      expect(new Set(steps.map(({ total }) => total)).size).toBe(1)
      expect(steps.length).toBeGreaterThan(3)
      expect(steps.at(-1)?.done).toBe(steps.at(-1)?.total)
    }
    expect(told[0]?.total).toBe(log.length)
  })
})
