import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { useTempDirectory } from '../support/temp-directory.js'
import {
  bytesOf,
  closed,
  linesOf,
  logOf,
  offsetOf,
  recover,
  refuses,
  replaceLine,
  THREE,
  threeRecords,
  writeLines,
} from './installation.js'

/** Whole lines in the wrong place, and foreign bytes between lines. */

const makeDir = useTempDirectory()
const three = () => threeRecords(makeDir())

describe('moved lines', () => {
  it('a doubled line counts once, and the second one is reported', async () => {
    const dir = await closed(makeDir(), async (store) => {
      await store.set('n', 1)
      await store.delete('n')
      await store.set('b', 1)
    })
    // A SET that counted again after the DELETE would bring the key back.
    replaceLine(dir, 4, linesOf(dir)[3]!, linesOf(dir)[1]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ b: 1 })
    expect(recovery.damage).toMatchObject([{ line: 5, key: 'n' }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('a deleted line is reported with its place', async () => {
    const dir = await three()
    const offset = offsetOf(dir, 3)
    replaceLine(dir, 3)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ a: 1, c: [3] })
    expect(recovery.damage).toEqual([{ file: 'store.log', line: 3, offset, bytes: 0 }])
    expect(recovery.inDoubt).toEqual(['any'])
  })

  it('swapped lines are sorted, nothing is lost, and the place is reported', async () => {
    const dir = await closed(makeDir(), async (store) => {
      for (const value of [1, 2, 3]) await store.set('n', value)
    })
    const [header, first, second, third] = linesOf(dir) as string[]
    writeLines(dir, [header!, first!, third!, second!])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ n: 3 })
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).not.toEqual([])
    expect(recovery.damage[0]).toMatchObject({
      file: 'store.log',
      line: expect.toSatisfy((line) => line === 3 || line === 4),
    })
  })

  it('a missing newline at the end loses nothing, and the place is reported', async () => {
    const dir = await three()
    writeFileSync(logOf(dir), bytesOf(dir, 'store.log').subarray(0, -1))
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(THREE)
    expect(recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(recovery.damage).toMatchObject([{ file: 'store.log', line: 4 }])
  })

  it('two lines joined into one are lost and reported', async () => {
    const dir = await three()
    const [header, a, b, c] = linesOf(dir) as string[]
    writeLines(dir, [header!, a! + b!, c!])
    const { state, recovery } = await recover(dir)
    expect(state).toEqual({ c: [3] })
    expect(recovery.damage).toMatchObject([{ line: 2, key: 'a' }])
    expect(recovery.inDoubt).toContain('any')
  })

  it('of two different records with one number the first counts, and the key of the other is in doubt', async () => {
    const dir = await three()
    const other = await closed(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.set('x', 'other')
    })
    replaceLine(dir, 3, linesOf(dir)[2]!, linesOf(other)[2]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(THREE)
    expect(recovery.damage).toMatchObject([{ line: 4, key: 'x' }])
    expect(recovery.inDoubt).toEqual(['x'])
  })

  it('garbage between lines is reported, and no key is in doubt', async () => {
    const dir = await three()
    replaceLine(dir, 3, 'garbage', linesOf(dir)[2]!)
    const { state, recovery } = await recover(dir)
    expect(state).toEqual(THREE)
    expect(recovery.damage).toMatchObject([{ line: 3, bytes: 8 }])
    expect(recovery.inDoubt).toEqual([])
  })

  it('a readable line without a checksum is not trusted', async () => {
    const dir = await three()
    replaceLine(dir, 3, linesOf(dir)[2]!.replace(/,"crc":"[0-9a-f]{8}"\}$/, '}'))
    expect((await recover(dir)).recovery.damage).toMatchObject([{ line: 3, key: 'b' }])
  })

  it('a log whose newlines became CRLF is bad in every line, and its bytes are kept', async () => {
    const dir = await three()
    const windows = bytesOf(dir, 'store.log').toString().replaceAll('\n', '\r\n')
    writeFileSync(logOf(dir), windows)
    await refuses(dir, 'FLATLOG_CORRUPT')
  })
})
