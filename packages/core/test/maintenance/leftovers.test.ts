import { describe, expect, test } from 'vitest'
import { crashImages, type Image } from '../damage/crash-images.js'
import { MemoryDisk } from '../damage/memory-disk.js'
import { DIR, LOGS, openAgain } from '../damage/opening.js'
import { LOG, MAIN, MARK } from '../damage/subjects.js'
import { set } from '../legacy/files.js'
import { loadLegacy } from '../support/core.js'
import { useRejectionWatch } from '../support/rejections.js'

/** The next opening removes the unfinished files of a crash, and no other file. */

useRejectionWatch()

/** The names that docs/format.md lists for files that stay. */
const LASTING = [
  /^\/data\/store\.json(\.stale|\.before-flatlog(\.\d+)?)?$/,
  /^\/data\/logs\/store\.(log|mark)$/,
  // The lock has its own rules: test/lock/succession.test.ts.
  /^\/data\/logs\/store\.lock/,
  /^\/data\/logs\/store\.log\.(before-flatlog|backup\.\d{8}T\d{6}Z-\d{16}|damaged\.\d+|quarantine\.\d{8}T\d{6}Z-\d+)(\.\d+)?$/,
]

const unfinishedIn = (disk: MemoryDisk) => disk.paths.filter((path) => !LASTING.some((name) => name.test(path)))

async function write(disk: MemoryDisk): Promise<void> {
  const store = await openAgain(disk, {})
  for (let round = 0; round < 3; round++) {
    await store.set('a', round)
    await store.compact()
    await store.set('b', round)
  }
  await store.close()
}

function withLinks(disk: MemoryDisk, hasLinks: boolean): MemoryDisk {
  disk.hasLinks = hasLinks
  return disk
}

async function imagesOfLife(hasLinks: boolean): Promise<Image[]> {
  const disk = withLinks(new MemoryDisk(), hasLinks)
  return await crashImages(disk, () => write(disk))
}

async function imagesOfImport(hasLinks: boolean): Promise<Image[]> {
  await loadLegacy()
  const disk = withLinks(new MemoryDisk(['/', DIR, LOGS]), hasLinks)
  disk.put(MAIN, Buffer.from('{"a":1}'))
  disk.put(LOG, Buffer.from(set('b', 2)))
  return await crashImages(disk, () => write(disk))
}

async function imagesOfRepair(hasLinks: boolean): Promise<Image[]> {
  const disk = withLinks(new MemoryDisk(), hasLinks)
  await write(disk)
  const log = Buffer.from(disk.bytesOf(LOG))
  log[log.indexOf('"op":"SET"')] = 0
  disk.put(LOG, log)
  return await crashImages(disk, () => write(disk))
}

const TEMPORARY = [`${LOG}.first`, `${LOG}.new`, `${MARK}.new`, `${MAIN}.new`]
const COPY = `${LOG}.unfinished-copy`

describe.each([
  ['a life with compactions', imagesOfLife, true, TEMPORARY],
  ['a life with compactions, without hard links', imagesOfLife, false, [...TEMPORARY, COPY]],
  ['an import of format 0', imagesOfImport, true, TEMPORARY],
  ['an import of format 0, without hard links', imagesOfImport, false, [...TEMPORARY, COPY, `${MAIN}.unfinished-copy`]],
  ['a repair', imagesOfRepair, true, TEMPORARY.slice(1)],
  ['a repair, without hard links', imagesOfRepair, false, [...TEMPORARY.slice(1), COPY]],
])('a crash in %s', (_what, makeImages, hasLinks, expected) => {
  test('leaves at most these files, and the next opening removes them', async () => {
    const left = new Set<string>()
    for (const { at, disk } of await makeImages(hasLinks)) {
      for (const path of unfinishedIn(disk)) left.add(path)
      // A store without a main file must not leave an unfinished one.
      const store = await openAgain(disk, { mainFile: false })
      const found = unfinishedIn(disk)
      await store.close()
      expect(found, `after a crash before ${at}`).toEqual([])
    }
    expect([...left].sort()).toEqual(expected.toSorted())
  })
})

test('a file that only looks like one of the store is not removed', async () => {
  const disk = new MemoryDisk()
  await write(disk)
  const others = [
    `${LOG}.copy`,
    `${LOG}.new.mine`,
    `${LOG}.first.mine`,
    `${LOG}.backup.mine`,
    `${MARK}.copy`,
    `${MAIN}.copy`,
    `${MAIN}.bak`,
    `${LOGS}/store2.mark.new`,
    `${LOGS}/my-store.log.new`,
  ]
  for (const path of others) disk.put(path, Buffer.from(path))
  await write(disk)
  for (const path of others) expect(disk.bytesOf(path).toString()).toBe(path)
})
