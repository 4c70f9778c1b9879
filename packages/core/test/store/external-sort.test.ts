import { describe, expect, test, vi } from 'vitest'
import { MemoryDisk } from '../damage/memory-disk.js'
import { DELETED, ExternalSort, merge, Slices, SortFiles, storePaths } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { type Random, withSeed } from '../support/random.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS } = await import('../legacy/tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS }
})

/** The sort of the takeover, with so little memory that it writes files for a handful of keys, against a Map. */

const LOGS = '/data/logs'
const RUN = /^\/data\/logs\/store\.log\.first\.sort-\d{4}$/
const slices = new Slices(new ManualClock(0, 1))

function newSort(): { disk: MemoryDisk; files: SortFiles; sort: ExternalSort } {
  const disk = new MemoryDisk(['/', '/data', LOGS])
  const files = new SortFiles(disk, storePaths('/data', 'store'))
  return { disk, files, sort: new ExternalSort(files) }
}

/** Keys that UTF-8 would put in another order, that have none, and that are one another's beginnings. */
const KEYS = [
  '',
  'a',
  'a\0',
  'aa',
  'é',
  '\ud800',
  '\udc00',
  '\ud83d',
  '😀',
  '😀a',
  '\ue000',
  '\uffff',
  '__proto__',
  '10',
  '9',
]

function anyKey(random: Random): string {
  return random.below(2) ? random.pick(KEYS) : `key ${random.below(60)}${'.'.repeat(random.below(40))}`
}

async function contentOf(sort: ExternalSort): Promise<[string, string][]> {
  const content: [string, string][] = []
  for (const source of await merge(await sort.sources(slices), slices)) {
    const value = source.value()
    if (value === DELETED) content.push([source.key, 'deleted'])
    else if ('range' in value) content.push([source.key, `${value.range.start}-${value.range.end} ${value.time}`])
    else content.push([source.key, `${value.bytes.toString('utf8', value.start, value.end)} ${value.time}`])
  }
  return content
}

describe('the external sort', () => {
  test('gives what was said of each key last, in the order of code units', async () => {
    await withSeed(async (random) => {
      let mostFiles = 0
      for (let round = 0; round < 40; round++) {
        const { disk, files, sort } = newSort()
        const model = new Map<string, string>()
        for (let step = random.below(600); step >= 0; step--) {
          const key = anyKey(random)
          const time = random.below(3) ? undefined : random.below(2 ** 41)
          const kind = random.below(200)
          if (kind === 0) {
            sort.clear()
            model.clear()
          } else if (kind < 30) {
            sort.delete(key)
            model.set(key, 'deleted')
          } else if (kind < 50) {
            const start = random.below(2 ** 40)
            sort.setRange(key, { start, end: start + 5 }, time)
            model.set(key, `${start}-${start + 5} ${time}`)
          } else {
            const text = JSON.stringify(random.pick(['x', 'é', '😀']).repeat(random.below(random.below(20) ? 30 : 900)))
            sort.set(key, random.below(2) ? text : Buffer.from(text), time)
            model.set(key, `${text} ${time}`)
          }
          if (sort.isFull) await sort.makeRoom(slices)
          mostFiles = Math.max(mostFiles, disk.paths.length)
        }
        const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(await contentOf(sort)).toEqual(expected)
        expect(await contentOf(sort)).toEqual(expected)
        expect(disk.paths.every((path) => RUN.test(path))).toBe(true)
        files.removeAll()
        expect(disk.paths).toEqual([])
      }
      // Files are merged when there are three of a kind, so there are few at any time, but more than one kind.
      expect(mostFiles).toBeGreaterThan(4)
      expect(mostFiles).toBeLessThan(20)
    })
  })

  test('writes nothing as long as a few keys are written again and again', async () => {
    const { disk, sort } = newSort()
    for (let step = 0; step < 2000; step++) {
      sort.set(`key ${step % 5}`, `"${'x'.repeat(step % 90)}"`, undefined)
      if (sort.isFull) await sort.makeRoom(slices)
    }
    expect(disk.paths).toEqual([])
    expect((await contentOf(sort)).map(([key]) => key)).toEqual(['key 0', 'key 1', 'key 2', 'key 3', 'key 4'])
  })

  test('says so where a file does not read back as it was written', async () => {
    for (const spoil of ['flip', 'cut'] as const) {
      const { disk, sort } = newSort()
      for (let step = 0; disk.paths.length === 0; step++) {
        sort.set(`key ${step}`, '"some text"', undefined)
        if (sort.isFull) await sort.makeRoom(slices)
      }
      const path = disk.paths[0] as string
      const bytes = Buffer.from(disk.bytesOf(path))
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1
      disk.put(path, spoil === 'flip' ? bytes : bytes.subarray(0, -20))
      await expect(contentOf(sort)).rejects.toMatchObject({ code: 'FLATLOG_IO', path })
    }
  })
})
