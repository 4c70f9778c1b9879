import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  bytesOf,
  closed,
  damagedOf,
  linesOf,
  offsetOf,
  open,
  recover,
  replaceLine,
  spoilLine,
  THREE,
  threeRecords,
} from './installation.js'

/** Bad bytes among records on disk are reported, set aside and skipped. */

const makeDir = useTempDirectory()
const three = () => threeRecords(makeDir())

describe('one bad line of three', () => {
  it('is reported with file, line, offset, bytes and key; the others are read; its bytes are kept', async () => {
    const dir = await three()
    const place = { line: 3, offset: offsetOf(dir, 3), bytes: linesOf(dir)[2]!.length + 1 }
    spoilLine(dir, 3)
    const spoilt = bytesOf(dir, 'store.log')
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: [3] })
    expect(recovery).toMatchObject({ clean: false, source: 'log', cutBytes: 0, inDoubt: ['b', 'any'] })
    expect(recovery.damage).toEqual([{ file: 'store.log', ...place, key: 'b' }])
    expect(recovery.notes.join('\n')).toContain('Record 2 of store.log')
    expect(damagedOf(dir)).toEqual(['store.log.damaged.3'])
    expect(bytesOf(dir, 'store.log.damaged.3').equals(spoilt)).toBe(true)
    expect(recovery.notes.join('\n')).toContain('store.log.damaged.3')
  })

  it.each([2, 3, 4])('is reported wherever it is (line %i)', async (number) => {
    const dir = await three()
    spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    const key = ['a', 'b', 'c'][number - 2]!
    expect(state).toEqual(Object.fromEntries(Object.entries(THREE).filter(([each]) => each !== key)))
    expect(recovery.damage).toMatchObject([{ line: number, key }])
    expect(recovery.inDoubt).toEqual([key, 'any'])
  })

  it('is reported without its key if the key is unreadable', async () => {
    const dir = await three()
    replaceLine(dir, 3, '\0'.repeat(linesOf(dir)[2]!.length))
    const { recovery } = await recover(dir)
    expect(recovery.damage[0]).not.toHaveProperty('key')
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('is reported with the other two if all three are bad, and the checkpoint is used', async () => {
    const dir = await three()
    for (const number of [2, 3, 4]) spoilLine(dir, number)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({})
    expect(recovery.damage).toHaveLength(3)
    expect(recovery.inDoubt).toEqual(['a', 'b', 'c', 'any'])
  })

  it('keeps its number if it is the last: the next record has a higher one', async () => {
    const dir = await three()
    spoilLine(dir, 4)
    const store = await open(dir)
    await store.set('d', 4)
    await store.close()
    expect(JSON.parse(linesOf(dir).at(-1)!)).toMatchObject({ seq: 4, key: 'd' })
  })
})

describe('one bad line of 10,000', () => {
  it('loses only that line', async () => {
    const dir = await closed(makeDir(), (store) =>
      Promise.all(Array.from({ length: 10_000 }, (_, number) => store.set(`k${number}`, number))),
    )
    const place = { line: 5002, offset: offsetOf(dir, 5002), bytes: linesOf(dir)[5001]!.length + 1, key: 'k5000' }
    spoilLine(dir, 5002)
    const { state, recovery } = await recover(dir)
    expect(Object.keys(state)).toHaveLength(9999)
    expect(state).not.toHaveProperty('k5000')
    expect([state.k4999, state.k5001, state.k9999]).toEqual([4999, 5001, 9999])
    expect(recovery.damage).toEqual([{ file: 'store.log', ...place }])
    expect(recovery.inDoubt).toEqual(['k5000', 'any'])
  })
})

describe('the key of a lost line', () => {
  it('has an older value and is in doubt', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 'old')
      await store.set('a', 'new')
      await store.set('b', 1)
    })
    spoilLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 'old', b: 1 })
    expect(recovery.inDoubt).toContain('a')
  })

  it('is in doubt if the line was its deletion', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.delete('a')
      await store.set('b', 1)
    })
    spoilLine(dir, 3)
    const { recovery } = await recover(dir)
    expect(recovery.inDoubt).toContain('a')
  })

  it('has the state of a later record if there is one', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('a', 'old')
      await store.set('a', 'newer')
      await store.delete('a')
    })
    spoilLine(dir, 3)
    expect((await recover(dir)).state).toEqual({})
  })
})

describe('a report', () => {
  it('is a copy: a change by one caller is not visible to the next', async () => {
    const dir = await three()
    spoilLine(dir, 3)
    const store = await open(dir)
    store.recovery.damage.length = 0
    store.recovery.inDoubt.push('x')
    expect(store.recovery).toMatchObject({ damage: [{ line: 3 }], inDoubt: ['b', 'any'] })
    await store.close()
  })
})
