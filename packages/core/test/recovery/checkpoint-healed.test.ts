import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import { inParts, lastPart, STATE } from './checkpoint-in-parts.js'
import {
  backupsOf,
  closed,
  linesOf,
  logsOf,
  offsetOf,
  open,
  recover,
  refuses,
  removeFiles,
  replaceLine,
  spoilLine,
  writeLines,
} from './installation.js'

/** A damaged header, part or index of a checkpoint is healed if a backup has the values. */

const makeDir = useTempDirectory()

describe('with a backup that has all its records', () => {
  it.each([
    ['the header', () => 1],
    ['the first part', () => 2],
    ['a part in the middle', () => 3],
    ['the last part', (dir: string) => lastPart(dir)],
    ['the index line', (dir: string) => lastPart(dir) + 1],
  ])('restores the whole state if %s is bad', async (_what, lineOf) => {
    const dir = await inParts(makeDir())
    const number = lineOf(dir)
    const [backup] = backupsOf(dir)
    const place = { line: number, offset: offsetOf(dir, number), bytes: linesOf(dir)[number - 1]!.length + 1 }
    const isPart = number > 1 && number <= lastPart(dir)
    spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, source: 'log', inDoubt: [] })
    expect(recovery.damage).toEqual([{ file: 'store.log', ...place, ...(isPart && { healedFrom: backup }) }])
  })

  it('restores the whole state if every line of it is bad', async () => {
    const dir = await inParts(makeDir())
    for (let number = 1; number <= lastPart(dir) + 1; number++) spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.inDoubt).toEqual([])
    expect(recovery.damage[0]).toMatchObject({ line: 1, healedFrom: backupsOf(dir)[0] })
  })

  it('restores the whole state if the line of a part is missing', async () => {
    const dir = await inParts(makeDir())
    replaceLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage).toMatchObject([{ file: 'store.log', bytes: 0, healedFrom: backupsOf(dir)[0] }])
  })

  it('restores the whole state if a header that has the state is bad', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
    })
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, b: 2 })
    expect(recovery.damage).toMatchObject([{ line: 1, offset: 0, healedFrom: backupsOf(dir)[0] }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('does not treat parts alone as the newest state if a backup goes further', async () => {
    const dir = await inParts(makeDir())
    // A crash in a compaction leaves these files on a file system without hard links.
    const copy = 'store.log.backup.20990115T130000Z-0000000000000047'
    copyFileSync(join(logsOf(dir), 'store.log'), join(logsOf(dir), copy))
    const parts = linesOf(dir).slice(1, lastPart(dir))
    writeLines(dir, ['# no header', ...parts])
    removeFiles(dir, 'store.mark')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: ['any'] })
  })

  it('does not restore deleted or expired keys from the backup', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('deleted', 1)
      await store.set('expired', 1, { ttlMs: 1 })
      await store.set('cleared:1', 1)
      await store.set('stays', 1)
      await store.compact()
      await store.delete('deleted')
      await store.clear({ prefix: 'cleared:' })
      await store.compact()
    })
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ stays: 1 })
    expect(recovery.damage).toMatchObject([{ healedFrom: backupsOf(dir)[1] }])
  })
})

describe('with a chain of backups', () => {
  const threeGenerations = () =>
    closed(makeDir(), async (store) => {
      for (const number of [1, 2, 3]) {
        await store.set(`k${number}`, number)
        await store.set('last', number)
        await store.compact()
      }
    })
  const LAST = { k1: 1, k2: 2, k3: 3, last: 3 }

  it('heals from an older backup and the records of the newest if the checkpoint of the newest is bad', async () => {
    const dir = await threeGenerations()
    const backups = backupsOf(dir)
    expect(backups).toHaveLength(3)
    spoilLine(dir, 1)
    spoilLine(dir, 1, backups[2])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(LAST)
    expect(recovery.inDoubt).toEqual([])
    expect(recovery.damage[0]).toMatchObject({ healedFrom: backups[1] })
  })

  it('heals from the newest backup alone if an older one is missing', async () => {
    const dir = await threeGenerations()
    removeFiles(dir, backupsOf(dir)[1]!)
    spoilLine(dir, 1)
    expect((await recover(dir)).state).toEqual(LAST)
  })

  it('heals nothing if the newest is missing, because there is a gap before the checkpoint', async () => {
    const dir = await threeGenerations()
    removeFiles(dir, backupsOf(dir)[2]!)
    spoilLine(dir, 1)
    // No line of the log can be read, and an older state need not be the current one.
    const outcome = await recover(dir).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'FLATLOG_CORRUPT' })
    else expect(outcome).toMatchObject({ recovery: { inDoubt: expect.arrayContaining(['any']) } })
  })

  it('heals nothing if a record in the middle of the newest is bad, because there is a gap before the checkpoint', async () => {
    const dir = await threeGenerations()
    const store = await open(dir)
    await store.set('behind', 1)
    await store.close()
    spoilLine(dir, 1)
    spoilLine(dir, 2, backupsOf(dir)[2])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ behind: 1 })
    expect(recovery.inDoubt).toEqual(['any'])
    expect(recovery.damage.every((each) => each.healedFrom === undefined)).toBe(true)
  })

  it('heals nothing from backups of another store', async () => {
    const dir = await threeGenerations()
    const other = await threeGenerations()
    const store = await open(dir)
    await store.set('behind', 1)
    await store.close()
    for (const name of backupsOf(dir)) removeFiles(dir, name)
    for (const name of backupsOf(other)) copyFileSync(join(logsOf(other), name), join(logsOf(dir), name))
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ behind: 1 })
    expect(recovery.inDoubt).toEqual(['any'])
    for (const name of backupsOf(dir)) expect(recovery.notes.join('\n')).toContain(name)
  })
})

describe('a bad record that a backup also has', () => {
  /** A log, and a copy of it under the name of a backup, so that they have the same records. */
  async function overlapping(): Promise<string> {
    const dir = await closed(makeDir(), async (store) => {
      for (const number of [1, 2, 3, 4]) await store.set(`k${number}`, number)
    })
    copyFileSync(
      join(logsOf(dir), 'store.log'),
      join(logsOf(dir), 'store.log.backup.20250115T130000Z-0000000000000004'),
    )
    return dir
  }

  it('is healed, and no key is in doubt', async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k2: 2, k3: 3, k4: 4 })
    expect(recovery.damage).toMatchObject([{ line: 3, key: 'k2', healedFrom: backupsOf(dir)[0] }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('is healed if it is the end of the log and the mark names it', async () => {
    const dir = await overlapping()
    replaceLine(dir, 5)
    replaceLine(dir, 4)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k2: 2, k3: 3, k4: 4 })
    expect(recovery.damage).toMatchObject([{ line: 4, bytes: 0, healedFrom: backupsOf(dir)[0] }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('is in doubt if it is also bad in the backup', async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    spoilLine(dir, 3, backupsOf(dir)[0])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k3: 3, k4: 4 })
    expect(recovery.inDoubt).toEqual(['k2', 'any'])
  })

  it("is refused with recovery: 'strict', although it could be healed", async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })
})
