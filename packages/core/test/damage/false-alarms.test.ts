import { describe, expect, test } from 'vitest'
import type { StoreOptions } from '../support/core.js'
import { useRejectionWatch } from '../support/rejections.js'
import { crashImages, type Image } from './crash-images.js'
import { MemoryDisk } from './memory-disk.js'
import { NOW, openAgain } from './opening.js'
import { MAIN } from './subjects.js'

/** A crash is not damage: neither opening nor `verify` may report its traces as damage. */

useRejectionWatch()

const LATER = NOW + 20

/**
 * Uses everything that writes other files than the log.
 * Compactions with backups, expiry, closing with and without changes.
 */
async function live(disk: MemoryDisk, options: StoreOptions): Promise<void> {
  let store = await openAgain(disk, options)
  for (let round = 0; round < 4; round++) {
    await store.batch(['a', 'b'].map((key) => ({ op: 'SET', key, value: { round } })))
    await store.compact()
    await store.set('tail', round)
  }
  await store.close()
  store = await openAgain(disk, options)
  await store.close()
  store = await openAgain(disk, options)
  await store.set('expires', 1, { expires: NOW + 10 })
  await store.compact()
  // Not on disk yet, but possibly in the main file.
  const underWay = store.set('under way', 1)
  await store.compact()
  await underWay
  await store.close()
  // A new checkpoint is written without a new record.
  store = await openAgain(disk, options, LATER)
  await store.compact()
  await store.close()
}

/** Reports about each image, opened at once and after the next owner has closed. */
async function faultsOf(images: readonly Image[], options: StoreOptions): Promise<string[]> {
  const faults: string[] = []
  for (const [number, { at, disk }] of images.entries()) {
    for (const round of ['at once', 'then']) {
      const isGone = !disk.has(MAIN)
      const store = await openAgain(disk, options, LATER)
      const { damage, inDoubt, notes } = store.recovery
      const verified = await store.verify()
      const found = [...damage, ...verified.damage].map((each) => each.file).concat(inDoubt, notes)
      if (found.length) faults.push(`${isGone ? 'no main file' : `image ${number} before ${at}, ${round}`}: ${found}`)
      await store.set('later', round)
      if (number % 2 === 0) await store.compact()
      await store.close()
    }
  }
  return faults
}

describe.each([
  ['as usual', {}, true],
  ['with few backups', { backups: 1 }, true],
  ['without backups', { backups: 0 }, true],
  ['without a main file', { mainFile: false }, true],
  ["with durability 'os'", { durability: 'os' }, true],
  ['without hard links', { backups: 2 }, false],
] as [string, StoreOptions, boolean][])('a store %s', (_, options, hasLinks) => {
  test('a crash at any moment is not reported as damage', async () => {
    const disk = new MemoryDisk()
    disk.hasLinks = hasLinks
    const images = await crashImages(disk, () => live(disk, options))
    expect(images.length).toBeGreaterThan(80)
    expect(await faultsOf(images, options)).toEqual([])
  })
})

test('a crash while the main file is rewritten at the same record is not reported as damage', async () => {
  const disk = new MemoryDisk()
  await live(disk, {})
  const store = await openAgain(disk, {}, LATER)
  await store.set('expires', 1, { expires: LATER + 10 })
  await store.close()
  disk.remove(MAIN)
  // A key has expired by now, so the same record gives a different main file.
  const images = await crashImages(disk, async () => await (await openAgain(disk, {}, LATER + 20)).close())
  const faults = await faultsOf(images, {})
  // A missing main file is reported as long as it is missing.
  expect(faults.filter((fault) => !fault.startsWith('no main file: store.json'))).toEqual([])
  expect(faults.length).toBeLessThan(images.length)
})

test('a crash is not reported as damage when options change between two owners', async () => {
  const disk = new MemoryDisk()
  const images = await crashImages(disk, async () => {
    for (const options of [
      { backups: 3 },
      { backups: 1, mainFile: false },
      { backups: 5 },
      { backups: 0 },
      {},
    ] as const) {
      const store = await openAgain(disk, options)
      for (const round of [1, 2]) {
        await store.set('a', round)
        await store.compact()
      }
      await store.set('b', 1)
      await store.close()
    }
  })
  expect(await faultsOf(images, {})).toEqual([])
})
