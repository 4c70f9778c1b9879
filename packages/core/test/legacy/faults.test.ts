import { describe, expect, test, vi } from 'vitest'
import { MemoryDisk } from '../damage/memory-disk.js'
import { openAgain } from '../damage/opening.js'
import type { FileSystem, Store, StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { stateOf } from '../support/files.js'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { checkpoint, del, set } from './files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS, FEWER_CALLS } = await import('./tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS, ...FEWER_CALLS }
})

/** An installation of the original system whose keys do not fit in memory: they are put in order in files beside the log. */

useRejectionWatch()

const LOG = '/data/logs/store.log'
const MAIN = '/data/store.json'

const key = (number: number) => `key ${(number * 7) % 100}`
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)
const LONG = 'long '.repeat(60)
const STATE = Object.fromEntries(numbers(40).map((number) => [key(number + 30), { from: 'main' }]))
const CHANGES = numbers(40).map((number) => (number % 5 ? set(key(number), [number]) : del(key(number))))

const FILES: [string, { [path: string]: string }][] = [
  ['over a main file', { [MAIN]: JSON.stringify(STATE, null, 2), [LOG]: CHANGES.join('') + set('long', LONG) }],
  // What was spilled before the second of them counts no more.
  [
    'with checkpoints',
    { [LOG]: [checkpoint(STATE), ...CHANGES, checkpoint({ ...STATE, long: LONG }), ...CHANGES.slice(20)].join('') },
  ],
]

function diskWith(files: { [path: string]: string }): MemoryDisk {
  const disk = new MemoryDisk(['/', '/data', '/data/logs'])
  for (const [path, text] of Object.entries(files)) disk.put(path, Buffer.from(text))
  return disk
}

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

/** But for the lock. */
const contentOf = (disk: MemoryDisk) =>
  disk.paths.filter((path) => !path.includes('.lock')).map((path) => [path, disk.bytesOf(path).toString()])
const leftoversOn = (disk: MemoryDisk) => disk.paths.filter((path) => path.startsWith(`${LOG}.first`))

describe.each(FILES)('a log %s', (_, files) => {
  test('is put in order in files that are gone when it is open', async () => {
    const disk = diskWith(files)
    const expected = await stateIn(disk, { readOnly: true })
    const fileSystem = new FaultyFileSystem(disk)
    expect(await stateIn(fileSystem)).toEqual(expected)
    const made = fileSystem.calls.filter(({ kind, path }) => kind === 'open' && path.includes('.first.sort-'))
    expect(made.length).toBeGreaterThan(3)
    expect(fileSystem.openFiles.size).toBe(0)
    expect(leftoversOn(disk)).toEqual([])
  })

  test('of which any call fails is as it was, without leftovers, and opens when nothing fails', async () => {
    const before = diskWith(files)
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
    expect(refused).toBeGreaterThan(50)
  })

  test('for which there is no room is as it was, without leftovers', async () => {
    const before = diskWith(files)
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
    expect(refused).toBeGreaterThan(8)
  })
})

describe('files of an opening that was killed', () => {
  const [, files] = FILES[0] as (typeof FILES)[number]

  test('are removed by the next one, and nothing that is merely called alike', async () => {
    const left = [
      'store.log.first.sort-0001',
      'store.log.first.sort-0017',
      'store.log.first.sort-12345',
      'store.log.first',
    ]
    const kept = [
      'store.log.first.sort-001',
      'store.log.first.sort-0001.copy',
      'store.log.first.sort-',
      'xstore.log.first.sort-0001',
      'store.log.sort-0001',
    ]
    const disk = diskWith({
      ...files,
      ...Object.fromEntries([...left, ...kept].map((name) => [`/data/logs/${name}`, 'x'])),
    })
    await stateIn(disk)
    for (const name of left) expect([name, disk.has(`/data/logs/${name}`)]).toEqual([name, false])
    for (const name of kept) expect([name, disk.has(`/data/logs/${name}`)]).toEqual([name, true])
  })

  test('are removed also where the log was taken over since', async () => {
    const disk = diskWith(files)
    await stateIn(disk)
    disk.put(`${LOG}.first.sort-0003`, Buffer.from('x'))
    await stateIn(disk)
    expect(leftoversOn(disk)).toEqual([])
  })

  test('stay where the store is only read', async () => {
    const disk = diskWith({ ...files, [`${LOG}.first.sort-0001`]: 'x' })
    const before = contentOf(disk)
    await stateIn(disk, { readOnly: true })
    expect(contentOf(disk)).toEqual(before)
  })
})
