import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeLine } from '../../src/record/decode.js'
import type { PartLine } from '../../src/record/record.js'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  backupsOf,
  closed,
  copyOf,
  crashed,
  linesOf,
  logsOf,
  look,
  offsetOf,
  open,
  recover,
  refuses,
  removeFiles,
  replaceLine,
  spoilLine,
  stateOf,
  writeLines,
} from './installation.js'

/** Header, parts and index of a checkpoint are damaged: healed from a backup where that proves the values. */

const makeDir = useTempDirectory()
const key = (number: number) => `k${String(number).padStart(3, '0')}`
const value = (number: number) => `${number} `.padEnd(900, '.')

/** A checkpoint of several parts, with records behind it; the one backup reaches exactly what it covers. */
async function inParts(): Promise<string> {
  return closed(makeDir(), async (store) => {
    await Promise.all(Array.from({ length: 41 }, (_, number) => store.set(key(number), value(number))))
    await store.set(key(0), 'overwritten')
    await store.delete(key(40))
    await store.set('expires', 1, { expires: Date.now() + 3_600_000 })
    await store.setText('text', 'a text')
    await store.compact()
    await store.set(key(1), 'after')
    await store.delete(key(39))
  })
}

const STATE: Record<string, unknown> = {
  ...Object.fromEntries(Array.from({ length: 39 }, (_, number) => [key(number), value(number)])),
  [key(0)]: 'overwritten',
  [key(1)]: 'after',
  expires: 1,
  text: 'a text',
}

function keysOf(dir: string, number: number): string[] {
  const line = decodeLine(Buffer.from(linesOf(dir)[number - 1]!)) as PartLine
  return line.state.map((pair) => pair.key)
}

const lastPart = (dir: string) => linesOf(dir).findIndex((line) => line.includes('"index":['))
const without = (keys: string[]) => Object.fromEntries(Object.entries(STATE).filter(([each]) => !keys.includes(each)))

describe('with a backup that reaches it', () => {
  it.each([
    ['the header', () => 1],
    ['the first part', () => 2],
    ['a part in the middle', () => 3],
    ['the last part', (dir: string) => lastPart(dir)],
    ['the index line', (dir: string) => lastPart(dir) + 1],
  ])('%s is bad: the state is as it was', async (_what, lineOf) => {
    const dir = await inParts()
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

  it('all of it is bad', async () => {
    const dir = await inParts()
    for (let number = 1; number <= lastPart(dir) + 1; number++) spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.inDoubt).toEqual([])
    expect(recovery.damage[0]).toMatchObject({ line: 1, healedFrom: backupsOf(dir)[0] })
  })

  it('a part is gone, line and all', async () => {
    const dir = await inParts()
    replaceLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage).toMatchObject([{ file: 'store.log', bytes: 0, healedFrom: backupsOf(dir)[0] }])
  })

  it('the header with the whole state in it is bad', async () => {
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

  it('what was deleted or has expired does not come back from it', async () => {
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

  it('the newest of them is bad at its checkpoint: healed from the one before, and the records of the newest', async () => {
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

  it('a link is gone: the newest alone is enough', async () => {
    const dir = await threeGenerations()
    removeFiles(dir, backupsOf(dir)[1]!)
    spoilLine(dir, 1)
    expect((await recover(dir)).state).toEqual(LAST)
  })

  it('the newest is gone: nothing reaches the checkpoint without a gap, so nothing is healed', async () => {
    const dir = await threeGenerations()
    removeFiles(dir, backupsOf(dir)[2]!)
    spoilLine(dir, 1)
    // Nothing at all of the log can be read, and an older state is not proven to be the present one.
    const outcome = await recover(dir).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'FLATLOG_CORRUPT' })
    else expect(outcome).toMatchObject({ recovery: { inDoubt: expect.arrayContaining(['any']) } })
  })

  it('a record in the middle of the newest is bad: it does not reach the checkpoint, so nothing is healed from it', async () => {
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

  it('the backups of another store heal nothing', async () => {
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
  })
})

describe('without a backup', () => {
  async function alone(): Promise<string> {
    const dir = await inParts()
    removeFiles(dir, ...backupsOf(dir))
    return dir
  }

  it('a bad part costs its keys: they are in doubt by range, and all others are there', async () => {
    const dir = await alone()
    const lost = keysOf(dir, 3)
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(without(lost))
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 3 }])
    expect(recovery.inDoubt).toEqual([lost[0], 'any'])
    expect(recovery.notes.join('\n')).toContain(`from ${lost[0]}`)
  })

  it('a key of a bad part that was written again behind the checkpoint is there', async () => {
    const dir = await alone()
    expect(keysOf(dir, 2)).toContain(key(1))
    spoilLine(dir, 2)
    expect((await recover(dir)).state[key(1)]).toBe('after')
  })

  it('a bad index line costs nothing', async () => {
    const dir = await alone()
    spoilLine(dir, lastPart(dir) + 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
  })

  it('a bad header costs nothing where the state stands in parts', async () => {
    const dir = await alone()
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).toHaveLength(1)
  })

  it('a header that is gone costs nothing where the state stands in parts', async () => {
    const dir = await alone()
    replaceLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.clean).toBe(false)
  })

  it('a bad header and a bad index line cost nothing: the parts and the records are there', async () => {
    const dir = await alone()
    spoilLine(dir, lastPart(dir) + 1)
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage.map((each) => each.line)).toEqual([1, lastPart(dir) + 1])
  })

  it('nor do they cost the first record behind the checkpoint, before anything says that it is on disk', async () => {
    const dir = await crashed(await alone(), (store) => store.compact().then(() => store.set('behind', 1)))
    removeFiles(dir, ...backupsOf(dir))
    spoilLine(dir, lastPart(dir) + 1)
    spoilLine(dir, 1)
    const { state } = await recover(dir)
    expect(state).toEqual({ ...STATE, behind: 1 })
  })

  it('a bad header with the state in it: the records behind it are kept, the rest is in doubt', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
      await store.set('c', 3)
    })
    removeFiles(dir, ...backupsOf(dir))
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery).toMatchObject({ clean: false, inDoubt: ['any'], damage: [{ line: 1, offset: 0 }] })
  })

  it('a header with the state in it that is gone: the first record behind it is kept too', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.compact()
      await store.set('b', 2)
      await store.set('c', 3)
    })
    removeFiles(dir, ...backupsOf(dir))
    replaceLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 2, c: 3 })
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('a line put in ahead of the header costs nothing', async () => {
    for (const make of [alone, () => closed(makeDir(), (store) => store.set('a', 1))]) {
      const dir = await make()
      const before = (await look(copyOf(dir))).state
      replaceLine(dir, 1, '# a note', linesOf(dir)[0]!)
      const { state, recovery } = await recover(dir)
      expect(state).toEqual(before)
      expect(recovery.damage).toMatchObject([{ line: 1, offset: 0, bytes: 9 }])
    }
  })

  it('swapped or doubled parts cost nothing and are reported, at the latest by verify', async () => {
    for (const order of [
      [0, 2, 1],
      [0, 1, 1, 2],
    ]) {
      const dir = await alone()
      const lines = linesOf(dir)
      writeLines(dir, [...order.map((place) => lines[place]!), ...lines.slice(3)])
      const store = await open(dir)
      expect(stateOf(store)).toEqual(STATE)
      const isReported = !store.recovery.clean || !(await store.verify()).ok
      await store.close()
      expect(isReported).toBe(true)
    }
  })

  it('a part of an older checkpoint among the others brings nothing back that was deleted', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await Promise.all(Array.from({ length: 30 }, (_, number) => store.set(key(number), value(number))))
      await store.compact()
      for (let number = 0; number < 5; number++) await store.delete(key(number))
      await store.compact()
    })
    const older = linesOf(dir, backupsOf(dir)[1])[1]!
    expect(older).toContain(`"${key(0)}"`)
    replaceLine(dir, 2, linesOf(dir)[1]!, older)
    const { state } = await recover(dir)
    expect(Object.keys(state)).not.toContain(key(0))
  })
})

describe('a record is bad that a backup holds too', () => {
  /** The log and a backup overlap: a copy of the log under the name of a backup. */
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

  it('one is healed, and nothing is in doubt', async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k2: 2, k3: 3, k4: 4 })
    expect(recovery.damage).toMatchObject([{ line: 3, key: 'k2', healedFrom: backupsOf(dir)[0] }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('the end below the mark is healed', async () => {
    const dir = await overlapping()
    replaceLine(dir, 5)
    replaceLine(dir, 4)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k2: 2, k3: 3, k4: 4 })
    expect(recovery.damage).toMatchObject([{ line: 4, bytes: 0, healedFrom: backupsOf(dir)[0] }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('but is bad there too: in doubt', async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    spoilLine(dir, 3, backupsOf(dir)[0])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ k1: 1, k3: 3, k4: 4 })
    expect(recovery.inDoubt).toEqual(['k2', 'any'])
  })

  it("is refused with recovery: 'strict', though it could be healed", async () => {
    const dir = await overlapping()
    spoilLine(dir, 3)
    await refuses(dir, 'FLATLOG_CORRUPT', { recovery: 'strict' })
  })
})
