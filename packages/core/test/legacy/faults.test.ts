import { describe, expect, test, vi } from 'vitest'
import type { MemoryDisk } from '../damage/memory-disk.js'
import { openAgain } from '../damage/opening.js'
import type { FileSystem, Store, StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { checkpoint, del, LOG, memoryDisk, set } from './files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  return { ...(await original()), READ_CHUNK_BYTES: 1024, PART_BYTES: 256 }
})

/** Importing a store of format 0 while calls of the file system fail. */

useRejectionWatch()

const key = (number: number) => `key ${(number * 7) % 100}`
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)
const LONG = 'long '.repeat(60)
const STATE = Object.fromEntries(numbers(40).map((number) => [key(number + 30), { from: 'main' }]))
const CHANGES = numbers(40).map((number) => (number % 5 ? set(key(number), [number]) : del(key(number))))

const STORES: [string, { main?: string; log?: string }][] = [
  ['changes over a main file', { main: JSON.stringify(STATE, null, 2), log: CHANGES.join('') + set('long', LONG) }],
  [
    'a log with checkpoints',
    { log: [checkpoint(STATE), ...CHANGES, checkpoint({ ...STATE, long: LONG }), ...CHANGES.slice(20)].join('') },
  ],
  ['only a main file', { main: JSON.stringify({ ...STATE, long: LONG }) }],
]

function open(disk: FileSystem, options: StoreOptions = {}): Promise<Store> {
  return openAgain(disk, { mainFile: false, lockWaitMs: 0, ...options })
}

async function stateIn(disk: FileSystem, options: StoreOptions = {}): Promise<Record<string, unknown>> {
  const store = await open(disk, options)
  try {
    return stateOf(store)
  } finally {
    await store.close()
  }
}

/** All files except the lock. */
const contentOf = (disk: MemoryDisk) =>
  disk.paths.filter((path) => !path.includes('.lock')).map((path) => [path, disk.bytesOf(path).toString()])
const leftoversOn = (disk: MemoryDisk) => disk.paths.filter((path) => path.startsWith(`${LOG}.first`))

describe.each(STORES)('%s', (_, files) => {
  test('leaves no file open', async () => {
    const disk = memoryDisk(files)
    const expected = await stateIn(disk, { readOnly: true })
    for (const options of [{ readOnly: true }, {}]) {
      const fileSystem = new FaultyFileSystem(disk)
      expect(await stateIn(fileSystem, options)).toEqual(expected)
      expect(fileSystem.openFiles.size).toBe(0)
    }
  })

  test('keeps its files if any one call fails, and opens when the calls succeed', async () => {
    const before = memoryDisk(files)
    const expected = await stateIn(before, { readOnly: true })
    let refused = 0
    await withSeed(async (random) => {
      const stride = rounds(2, 1)
      for (let nth = 1 + random.below(stride); ; nth += stride) {
        const disk = before.copy()
        const fileSystem = new FaultyFileSystem(disk)
        fileSystem.fail('any', systemError(nth % 4 > 1 ? 'EIO' : 'EMFILE'), { nth })
        const opened = await open(fileSystem).catch((error: unknown) => error)
        expect(leftoversOn(disk)).toEqual([])
        if (opened instanceof Error) {
          refused++
          expect(opened).toMatchObject({ name: 'FlatlogError' })
          expect(fileSystem.openFiles.size).toBe(0)
          const isPublished = disk.paths.some((path) => path.includes('before-flatlog'))
          if (!isPublished) expect(contentOf(disk)).toEqual(contentOf(before))
          expect(await stateIn(disk)).toEqual(expected)
        } else {
          fileSystem.heal()
          expect(stateOf(opened as Store)).toEqual(expected)
          await (opened as Store).close()
        }
        if (fileSystem.calls.length < nth) break
      }
    })
    expect(refused).toBeGreaterThan(rounds(10, 20))
  })

  test('keeps its files if there is no space for the new log', async () => {
    const before = memoryDisk(files)
    let refused = 0
    for (let nth = 1; ; nth++) {
      const disk = before.copy()
      const fileSystem = new FaultyFileSystem(disk)
      const where = { on: /store\.log\.first/, nth }
      if (nth % 2) fileSystem.fail('write', systemError('ENOSPC'), where)
      else fileSystem.shorten(nth % 7, where)
      const opened = await open(fileSystem).catch((error: unknown) => error)
      if (!(opened instanceof Error)) {
        await (opened as Store).close()
        break
      }
      refused++
      expect(opened).toMatchObject({
        code: 'FLATLOG_NO_SPACE',
        message: expect.stringContaining('What to do: free some disk space'),
      })
      expect(contentOf(disk)).toEqual(contentOf(before))
      expect(fileSystem.openFiles.size).toBe(0)
    }
    expect(refused).toBeGreaterThan(2)
  })
})
