import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FlatlogError, Store } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { fileNames, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { turns } from '../support/turns.js'
import { LONG, noSpace } from './places.js'

/** Compactions without enough space, from the start or from some step on, on a real disk. */
const directory = useTempDirectory()
const smallDisk = useSmallDisks()
useRejectionWatch()

const BLOCK = 4096
const unfinishedIn = (dir: string) => fileNames(dir).filter((name) => /\.(new|first|copy)$/.test(name))

/** Makes a checkpoint with `keys` keys, a backup, and records that change some of the keys. */
async function fillStore(store: Store, keys: number): Promise<void> {
  await store.replace(Object.fromEntries(Array.from({ length: keys }, (_, n) => [`k${n}`, 'v'.repeat(900)])))
  await store.compact()
  for (let n = 0; n < keys; n += 5) await store.set(`k${n}`, 'w'.repeat(900))
}

/** Reports unlimited free space, as if other programs took it before it is used. */
function overoptimistic(): FaultyFileSystem {
  const fileSystem = new FaultyFileSystem()
  fileSystem.free = Number.POSITIVE_INFINITY
  return fileSystem
}

describe.skipIf(!canMount)('without space for a compaction', () => {
  test('compact() rejects and changes no file, the store works, and compact() works after space is freed', async () => {
    const disk = smallDisk(4 * 1024 * 1024)
    const dir = join(disk.path, 'data')
    const store = await openOn(machine(), { dir })
    await fillStore(store, 100)
    const state = stateOf(store)
    const names = fileNames(dir)
    disk.fill()
    for (const spaceBytes of [0, 10 * BLOCK]) {
      disk.giveBack(spaceBytes)
      await expect(store.compact()).rejects.toMatchObject(noSpace)
      await expect(store.compact()).rejects.toThrow(/What to do: free some space/)
      expect(fileNames(dir)).toEqual(names)
      expect(stateOf(store)).toEqual(state)
    }
    expect(store.health()).toMatchObject({ ok: true })
    expect(store.stats()).toMatchObject({ compacting: false, lastCompactionError: expect.stringContaining('bytes') })
    // There is still space for a write.
    await store.set('long', LONG)
    disk.giveBack()
    await store.compact()
    expect(store.stats()).toMatchObject({ lastCompactionError: undefined, checkpointSeq: 22 })
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual({ ...state, long: LONG })
    expect(again.recovery.clean).toBe(true)
  })

  test('compact() needs space for the state only, not for overwritten values', async () => {
    const disk = smallDisk(4 * 1024 * 1024)
    const dir = join(disk.path, 'data')
    const store = await openOn(machine(), { dir, compaction: false, backups: 0 })
    for (let n = 0; n < 200; n++) await store.set('k', LONG)
    await store.set('other', { n: 1 }, { ttlMs: 3_600_000 })
    const state = stateOf(store)
    const { logBytes } = store.stats() as { logBytes: number }
    disk.fill()
    disk.giveBack(25 * BLOCK)
    expect(logBytes).toBeGreaterThan(10 * disk.freeBytes)
    await store.compact()
    expect(stateOf(store)).toEqual(state)
    expect(disk.freeBytes).toBeGreaterThan(logBytes / 2)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(stateOf(again)).toEqual(state)
  })

  test('a compaction in the background reports a problem, and no write is refused because of it', async () => {
    const disk = smallDisk(4 * 1024 * 1024)
    const dir = join(disk.path, 'data')
    const store = await openOn(machine(), { dir, compaction: { minBytes: 50_000 } })
    disk.fill()
    disk.giveBack(30 * BLOCK)
    const reported = new Promise<FlatlogError>((resolve) => store.on('problem', resolve))
    for (let n = 0; n < 10; n++) await store.set(`k${n}`, LONG)
    expect(await reported).toMatchObject({ ...noSpace, message: expect.stringMatching(/^Compacting /) })
    expect(store.health()).toMatchObject({ ok: true, problems: [{ error: noSpace }] })
    expect(unfinishedIn(dir)).toEqual([])
    await store.set('more', LONG)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.size).toBe(11)
    expect(again.recovery.clean).toBe(true)
  })
})

test('a compaction in the background is tried again at least once a minute, however often it had no space', async () => {
  const fileSystem = new FaultyFileSystem()
  const clock = new ManualClock()
  await using store = await openOn(machine({ fileSystem, clock }), {
    dir: directory(),
    compaction: { minBytes: 1000 },
    mainFile: false,
  })
  fileSystem.free = 0
  const settle = async () => {
    await turns(5)
    while ((store.stats() as { compacting: boolean }).compacting) await turns(1)
  }
  for (let tries = 0; tries < 15; tries++) {
    await store.set('a', 'x'.repeat(2000))
    clock.advance(60_000)
    await settle()
    expect(store.stats()).toMatchObject({ compactions: 0, lastCompactionError: expect.stringContaining('are free') })
    expect(store.health().problems).toHaveLength(tries + 1)
  }
  fileSystem.free = undefined
  await store.set('a', 'there is space')
  clock.advance(60_000)
  await settle()
  expect(store.stats()).toMatchObject({ compactions: 1, lastCompactionError: undefined })
})

describe.skipIf(!canMount)('running out of space in the middle of', () => {
  /**
   * Acts with no free block, with one, with two, … until it succeeds. Each time the store keeps its state, no unfinished file
   * is left, the store closes, can be read on the full disk, and works after space is freed.
   */
  async function withMoreAndMoreBlocks(
    options: { mainFile: boolean; durability?: 'os' },
    act: (store: Store) => Promise<unknown>,
  ): Promise<{ refused: number }> {
    const disk = smallDisk(4 * 1024 * 1024)
    let refused = 0
    let inRow = 0
    for (let blocks = 0; inRow < 3; blocks++) {
      expect(blocks).toBeLessThan(300)
      const dir = join(disk.path, `data ${blocks}`)
      const fileSystem = overoptimistic()
      const store = await openOn(machine({ fileSystem }), { dir, backups: 1, compaction: false, ...options })
      await fillStore(store, 100)
      const state = stateOf(store)
      const problems: FlatlogError[] = []
      store.on('problem', (error) => problems.push(error))
      disk.fill()
      disk.giveBack(blocks * BLOCK)
      const hasSucceeded = await act(store).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject(noSpace)
          return false
        },
      )
      for (const problem of problems) expect(problem).toMatchObject(noSpace)
      if (hasSucceeded && problems.length === 0) inRow++
      else refused++
      const where = `${blocks} blocks`
      expect(store.health().ok, where).toBe(true)
      expect(stateOf(store), where).toEqual(state)
      expect(unfinishedIn(dir), where).toEqual([])
      expect(fileSystem.openFiles.size, where).toBe(1)
      await store.close()
      expect(
        fileNames(dir).filter((name) => name.includes('lock') || name.endsWith('.new')),
        where,
      ).toEqual([])

      disk.fill()
      await using reader = await openOn(machine(), { dir, readOnly: true })
      expect(stateOf(reader), where).toEqual(state)
      expect(reader.recovery, where).toMatchObject({ damage: [], cutBytes: 0 })
      disk.giveBack()
      await using again = await openOn(machine(), { dir, mainFile: false })
      expect(stateOf(again), where).toEqual(state)
      expect(again.recovery, where).toMatchObject({ damage: [], cutBytes: 0 })
      await again.set('after', LONG)
      await again.compact()
      expect(stateOf(again), where).toEqual({ ...state, after: LONG })
      await again.close()
      rmSync(dir, { recursive: true })
    }
    return { refused }
  }

  test.each([
    ['a compaction', { mainFile: false }],
    ['a compaction with a main file', { mainFile: true }],
    ['a compaction of records that are not synced', { mainFile: false, durability: 'os' }],
  ] as const)('%s', async (_, options) => {
    const { refused } = await withMoreAndMoreBlocks(options, (store) => store.compact())
    // The checkpoint alone takes more than twenty blocks.
    expect(refused).toBeGreaterThan(20)
  })

  test('a compaction during writes', async () => {
    const { refused } = await withMoreAndMoreBlocks({ mainFile: false }, async (store) => {
      const compacted = store.compact()
      const written = await Promise.allSettled(
        Array.from({ length: 50 }, (_, n) => store.set(`k${n}`, store.get(`k${n}`))),
      )
      for (const each of written) if (each.status === 'rejected') expect(each.reason).toMatchObject(noSpace)
      await compacted
    })
    expect(refused).toBeGreaterThan(20)
  })
})

describe.skipIf(!canMount)('closing on a full disk', () => {
  test('reports the main file and the mark, closes every file, and loses nothing', async () => {
    const disk = smallDisk(4 * 1024 * 1024)
    let hasFailed = 0
    for (let blocks = 0; blocks < 40; blocks++) {
      const dir = join(disk.path, `data ${blocks}`)
      const fileSystem = new FaultyFileSystem()
      const store = await openOn(machine({ fileSystem }), { dir })
      await fillStore(store, 100)
      const state = stateOf(store)
      const problems: FlatlogError[] = []
      store.on('problem', (error) => problems.push(error))
      disk.fill()
      disk.giveBack(blocks * BLOCK)
      await store.close()
      if (problems.length > 0) hasFailed++
      for (const problem of problems) expect(problem).toMatchObject(noSpace)
      expect(fileSystem.openFiles.size).toBe(0)
      expect(fileNames(dir).filter((name) => /lock|\.new$/.test(name))).toEqual([])
      disk.fill()
      await using reader = await openOn(machine(), { dir, readOnly: true })
      expect(stateOf(reader)).toEqual(state)
      disk.giveBack()
      await using again = await openOn(machine(), { dir, mainFile: false })
      expect(stateOf(again)).toEqual(state)
      expect(again.recovery.clean).toBe(true)
      await again.close()
      rmSync(dir, { recursive: true })
    }
    expect(hasFailed).toBeGreaterThan(10)
  })
})
