import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import { inParts, key, keysOf, lastPart, STATE, value, without } from './checkpoint-in-parts.js'
import {
  backupsOf,
  closed,
  copyOf,
  crashed,
  linesOf,
  look,
  open,
  recover,
  removeFiles,
  replaceLine,
  spoilLine,
  stateOf,
  writeLines,
} from './installation.js'

/** A damaged checkpoint without a backup keeps its readable lines. */

const makeDir = useTempDirectory()

describe('without a backup', () => {
  async function alone(): Promise<string> {
    const dir = await inParts(makeDir())
    removeFiles(dir, ...backupsOf(dir))
    return dir
  }

  it('a bad part loses only its keys, which are in doubt by range', async () => {
    const dir = await alone()
    const lost = keysOf(dir, 3)
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(without(lost))
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 3 }])
    expect(recovery.inDoubt).toEqual([lost[0], 'any'])
    expect(recovery.notes.join('\n')).toContain(`from "${lost[0]}"`)
  })

  it('a key of a bad part that was written again after the checkpoint exists', async () => {
    const dir = await alone()
    expect(keysOf(dir, 2)).toContain(key(1))
    spoilLine(dir, 2)
    expect((await recover(dir)).state[key(1)]).toBe('after')
  })

  it('a bad index line loses nothing', async () => {
    const dir = await alone()
    spoilLine(dir, lastPart(dir) + 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
  })

  it('a bad header loses nothing if the state is in parts', async () => {
    const dir = await alone()
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).toHaveLength(1)
  })

  it('a missing header loses nothing if the state is in parts', async () => {
    const dir = await alone()
    replaceLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.clean).toBe(false)
  })

  it('a bad header and a bad index line together lose nothing: the parts and the records are readable', async () => {
    const dir = await alone()
    spoilLine(dir, lastPart(dir) + 1)
    spoilLine(dir, 1)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(STATE)
    expect(recovery.damage.map((each) => each.line)).toEqual([1, lastPart(dir) + 1])
  })

  it('nor do they lose the first record after the checkpoint, even if nothing says that it is on disk', async () => {
    const dir = await crashed(await alone(), (store) => store.compact().then(() => store.set('behind', 1)))
    removeFiles(dir, ...backupsOf(dir))
    spoilLine(dir, lastPart(dir) + 1)
    spoilLine(dir, 1)
    const { state } = await recover(dir)
    expect(state).toEqual({ ...STATE, behind: 1 })
  })

  it('a bad header that has the state: the records after it are kept, the rest is in doubt', async () => {
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

  it('a missing header that had the state: the first record after it is kept', async () => {
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

  it('a line inserted before the header loses nothing', async () => {
    for (const make of [alone, () => closed(makeDir(), (store) => store.set('a', 1))]) {
      const dir = await make()
      const before = (await look(copyOf(dir))).state
      replaceLine(dir, 1, '# a note', linesOf(dir)[0]!)
      const { state, recovery } = await recover(dir)
      expect(state).toEqual(before)
      expect(recovery.damage).toMatchObject([{ line: 1, offset: 0, bytes: 9 }])
    }
  })

  it('swapped or doubled parts lose nothing and are reported, by verify at the latest', async () => {
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

  it('a part of an older checkpoint among the others does not restore deleted keys', async () => {
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
