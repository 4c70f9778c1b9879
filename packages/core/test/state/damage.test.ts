import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  fromValue,
  isInRange,
  type KeyRange,
  type Operation,
  type PartSummary,
  type PartValue,
  type State,
  type StateValue,
} from '../support/core.js'
import { anyValue, KEYS } from './arbitraries.js'
import { inKeyOrder, MemoryLog, spell } from './memory-log.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_INDEX_LIMITS } = await import('./small-limits.js')
  // All that is wrong with it is found when it is read.
  return { ...(await original()), ...SMALL_INDEX_LIMITS, OPEN_WHOLE_BYTES: 0, OPEN_CHECKED_BYTES: 0 }
})

/** The file no longer holds what was written to it: nobody gets anything else for it, and all other keys are as they should be. */

const ALL = { prefix: '', after: undefined }
const CORRUPT = expect.objectContaining({ code: 'FLATLOG_CORRUPT' })

interface Told {
  readonly part: PartSummary
  readonly range: KeyRange
  readonly line: number
}

function listen(index: State): Told[] {
  const told: Told[] = []
  index.onBadPart = (part, range, line) => told.push({ part, range, line })
  return told
}

/** What a key has, as a text, or `'corrupt'`. */
function lookUp(index: State, key: string, nowMs: number): string {
  try {
    return spell(key, index.get(key, nowMs))
  } catch (error) {
    expect(error).toEqual(CORRUPT)
    return 'corrupt'
  }
}

/** The lines of the checkpoint's parts, by the place of their first byte. */
function partsOf(log: MemoryLog): { readonly line: number; readonly offset: number; readonly length: number }[] {
  let offset = 0
  return log.file.lines.flatMap((text, at) => {
    const place = { line: at + 1, offset, length: Buffer.byteLength(text) }
    offset += place.length + 1
    return text.includes('"op":"CHECKPOINT","part":true') ? [place] : []
  })
}

const pair = (key: string, value: unknown): PartValue => ({ key, value: fromValue('', value) })
const set = (key: string, value: unknown): Operation => ({ kind: 'set', key, value: fromValue('', value) })

/** Keys `a0`, `a1`, `b0`, `b1`, …: two to a part. */
const TWO_TO_A_PART = ['a', 'b', 'c', 'd', 'e'].flatMap((letter) =>
  [0, 1].map((number) => pair(`${letter}${number}`, `${letter}${number} `.padEnd(130, '.'))),
)

const logOf = (state: readonly PartValue[], cacheBytes = 0) => MemoryLog.of(state, { cacheBytes })

/** Flips a bit of the byte at which a text begins, or so many bytes behind it. */
function flipAt(log: MemoryLog, text: string, more = 0, bit = 1): void {
  const offset = log.file.bytes.indexOf(text)
  expect(offset).toBeGreaterThan(0)
  log.file.flip(offset + more, bit)
}

describe('one bit of a part is another', () => {
  const anyState = fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), value: anyValue }), {
    selector: ({ key }) => key,
    minLength: 20,
    maxLength: KEYS.length,
    size: 'max',
  })
  const anyTail = fc.dictionary(fc.constantFrom(...KEYS), fc.nat(), { maxKeys: 8 })

  it('its keys cannot be read any more, and all others can; whoever listens hears of it once', async () => {
    const anyRun = fc.record({
      state: anyState,
      tail: anyTail,
      part: fc.nat(),
      byte: fc.nat(),
      bit: fc.nat({ max: 7 }),
      asked: fc.array(fc.constantFrom(...KEYS), { maxLength: 10 }),
      cacheBytes: fc.constantFrom(0, 1000, Number.POSITIVE_INFINITY),
    })
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ state, tail, part, byte, bit, asked, cacheBytes }) => {
        const log = await logOf(state, cacheBytes)
        log.run(...Object.entries(tail).map(([key, value]) => set(key, value)))
        const { index, nowMs } = log
        const told = listen(index)
        const right = new Map(KEYS.map((key) => [key, spell(key, index.get(key, nowMs))]))
        // What of that is in memory is left to the size of the cache; some of it is asked for again.
        for (const key of asked) index.get(key, nowMs)
        const parts = partsOf(log)
        const place = parts[part % parts.length]!
        log.file.flip(place.offset + (byte % place.length), 1 << bit)

        for (const key of KEYS) {
          const found = lookUp(index, key, nowMs)
          const isInTail = Object.hasOwn(tail, key)
          const isHit = told.length > 0 && isInRange(key, told[0]!.range) && !isInTail
          if (!isHit || found !== 'corrupt') expect(found).toBe(right.get(key))
          if (isHit && cacheBytes === 0) expect(found).toBe('corrupt')
        }
        const { range } = told[0] ?? {}
        // With all in the cache nobody may have looked yet.
        expect(() => index.page(ALL, 1000, nowMs)).toThrow(CORRUPT)
        expect(() => index.pageOfKeys(ALL, 1000, nowMs)).toThrow(CORRUPT)
        expect(() => index.checkPartAt(place.offset)).toThrow(CORRUPT)
        expect(told).toHaveLength(1)
        expect(told[0]).toMatchObject({ line: place.line, part: { offset: place.offset, bytes: place.length } })
        if (range) expect(told[0]!.range).toBe(range)

        // Its keys, and no others, were those of the part.
        const inOrder = inKeyOrder(state)
        const keys = inOrder.map(({ key }) => key).filter((key) => isInRange(key, told[0]!.range))
        expect(keys).toHaveLength(told[0]!.part.keys)
        expect(keys[0]).toBe(told[0]!.part.firstKey)

        // Mended, all is as it was.
        index.heal(
          told[0]!.range,
          inOrder.filter(({ key }) => isInRange(key, told[0]!.range)),
        )
        for (const key of KEYS) expect(lookUp(index, key, nowMs)).toBe(right.get(key))
        const page = () => index.page(ALL, 1000, nowMs).map(([key, value]) => spell(key, value))
        const expected = [...KEYS].sort().filter((key) => right.get(key) !== `${JSON.stringify(key)} is not there`)
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        await log.compact()
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        await log.reopen(undefined, true)
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        expect(told).toHaveLength(1)
      }),
      { numRuns: 100 },
    )
  })

  it('a key that is spelled otherwise by it is not there, nor is it gone', async () => {
    const log = await logOf(TWO_TO_A_PART)
    // `b0` becomes `b4`, which would stand in the same part.
    flipAt(log, '"b0"', 2, 4)
    expect(lookUp(log.index, 'b4', log.nowMs)).toBe('corrupt')
    expect(lookUp(log.index, 'b0', log.nowMs)).toBe('corrupt')
    expect(() => log.index.has('b0', log.nowMs)).toThrow(CORRUPT)
    expect(log.index.has('c0', log.nowMs)).toBe(true)
  })

  it('nor is it, where the line of another part stands, whole', async () => {
    const log = await logOf(TWO_TO_A_PART)
    const [, second, third] = partsOf(log)
    expect(second!.length).toBe(third!.length)
    const line = Buffer.from(log.file.bytes.subarray(third!.offset, third!.offset + third!.length))
    log.file.write(line, second!.offset)
    for (const key of ['b0', 'b1', 'bx']) expect(lookUp(log.index, key, log.nowMs)).toBe('corrupt')
    expect(lookUp(log.index, 'c0', log.nowMs)).toContain('c0 .')
  })

  it('and the same in every other place of the line: quotes, braces, meta, checksum', async () => {
    const log = await logOf([...TWO_TO_A_PART, { ...pair('f0', 1), expires: Date.parse('2030-01-01') }])
    const parts = partsOf(log)
    const last = parts.at(-1)!
    for (let byte = 0; byte < last.length; byte++) {
      await log.reopen()
      log.file.flip(last.offset + byte, 1 << (byte % 8))
      expect(lookUp(log.index, 'f0', log.nowMs)).toBe('corrupt')
      expect(lookUp(log.index, 'a0', log.nowMs)).toContain('a0')
      log.file.flip(last.offset + byte, 1 << (byte % 8))
    }
    // Nothing of it is the newline's, which no lookup reads.
    await log.reopen()
    log.file.flip(last.offset + last.length)
    expect(lookUp(log.index, 'f0', log.nowMs)).toContain('json 1')
  })
})

describe('around a part that cannot be read', () => {
  const spoilt = async (cacheBytes = 0) => {
    const log = await logOf(TWO_TO_A_PART, cacheBytes)
    const told = listen(log.index)
    return { log, told, index: log.index, nowMs: log.nowMs, spoil: () => flipAt(log, '"c0"', 10) }
  }

  it('a listing gives what stands ahead of it and behind it', async () => {
    const { index, nowMs, spoil } = await spoilt()
    spoil()
    const page = (prefix: string, after: string | undefined, limit: number) =>
      index.pageOfKeys({ prefix, after }, limit, nowMs)
    expect(page('', undefined, 4)).toEqual(['a0', 'a1', 'b0', 'b1'])
    expect(page('', 'd0', 100)).toEqual(['d1', 'e0', 'e1'])
    expect(page('e', undefined, 100)).toEqual(['e0', 'e1'])
    expect(() => page('', undefined, 6)).toThrow(CORRUPT)
    expect(() => page('c', undefined, 2)).toThrow(CORRUPT)
    expect(() => index.page({ prefix: '', after: undefined }, 5, nowMs)).toThrow(CORRUPT)
  })

  it('a listing of keys that all stand ahead of it, or behind it, does not meet it', async () => {
    const { index, nowMs, spoil, log } = await spoilt()
    spoil()
    const page = (prefix: string, after?: string) => index.page({ prefix, after }, 100, nowMs).map(([key]) => key)
    expect([page('b'), page('b', 'b0'), page('a')]).toEqual([['b0', 'b1'], ['b1'], ['a0', 'a1']])
    expect([page('d0'), page('', 'd0'), page('b', 'b1')]).toEqual([['d0'], ['d1', 'e0', 'e1'], []])
    // A key `d`, if there were one, would stand in it.
    expect(() => page('d')).toThrow(CORRUPT)
    expect(index.pageOfKeys({ prefix: 'b', after: undefined }, 100, nowMs)).toEqual(['b0', 'b1'])
    // Nor one of which nothing is left.
    log.run({ kind: 'clear', prefix: '' }, set('c0', 'new'))
    expect(page('')).toEqual(['c0'])
  })

  it('what the cache has is still given', async () => {
    const { index, nowMs, spoil, told } = await spoilt(Number.POSITIVE_INFINITY)
    index.get('c0', nowMs)
    spoil()
    expect(lookUp(index, 'c0', nowMs)).toContain('c0 .')
    expect(told).toEqual([])
    expect(lookUp(index, 'c1', nowMs)).toBe('corrupt')
    expect(told).toMatchObject([{ part: { firstKey: 'c0' }, range: { from: 'c0', to: 'd0' }, line: 4 }])
    expect(lookUp(index, 'c0', nowMs)).toContain('c0 .')
  })

  it('what was written behind the checkpoint counts, and so does what was deleted or cleared', async () => {
    const { log, index, nowMs, spoil } = await spoilt()
    spoil()
    log.run(set('c0', 'new'), { kind: 'delete', key: 'c1' })
    expect([lookUp(index, 'c0', nowMs), lookUp(index, 'c1', nowMs)]).toEqual([
      '"c0" json "new" expires undefined time undefined',
      '"c1" is not there',
    ])
    log.run({ kind: 'clear', prefix: 'c' })
    expect(lookUp(index, 'c3', nowMs)).toBe('"c3" is not there')
  })

  it('it is named again at every try, and told of at the first', async () => {
    const { index, nowMs, spoil, told } = await spoilt()
    spoil()
    for (let times = 0; times < 3; times++) expect(lookUp(index, 'c1', nowMs)).toBe('corrupt')
    expect(told).toHaveLength(1)
  })

  it('also where the file ends inside it', async () => {
    const { log, index, nowMs, told } = await spoilt()
    const third = partsOf(log)[2]!
    log.file.truncate(third.offset + 20)
    expect(lookUp(index, 'b1', nowMs)).toContain('b1 .')
    for (const key of ['c0', 'd0', 'e0']) expect(lookUp(index, key, nowMs)).toBe('corrupt')
    expect(told.map(({ line, range }) => [line, range])).toEqual([
      [4, { from: 'c0', to: 'd0' }],
      [5, { from: 'd0', to: 'e0' }],
      [6, { from: 'e0', to: undefined }],
    ])
  })

  it('a disk that refuses to read is another matter, and may be asked again', async () => {
    const { log, index, nowMs, told } = await spoilt()
    const { read } = log.file
    log.file.read = () => {
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    expect(() => index.get('c0', nowMs)).toThrow(expect.objectContaining({ code: 'FLATLOG_IO' }))
    log.file.read = read
    expect(lookUp(index, 'c0', nowMs)).toContain('c0 .')
    expect(told).toEqual([])
  })

  it('to look at a part is as good as to read it; a place where none begins is none', async () => {
    const { log, index, nowMs, spoil, told } = await spoilt()
    for (const { offset } of partsOf(log)) index.checkPartAt(offset)
    spoil()
    const third = partsOf(log)[2]!
    for (const offset of [0, third.offset - 1, third.offset + 1, 1e9, -1]) index.checkPartAt(offset)
    expect(told).toEqual([])
    expect(() => index.checkPartAt(third.offset)).toThrow(CORRUPT)
    expect(told).toHaveLength(1)
    expect(lookUp(index, 'b1', nowMs)).toContain('b1 .')
  })

  it('a compaction cannot go on, unless nothing of it is needed', async () => {
    const { log, index, nowMs, spoil, told } = await spoilt()
    spoil()
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    expect(told).toHaveLength(1)
    log.run({ kind: 'clear', prefix: 'c' }, { kind: 'clear', prefix: 'd' })
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    // Only where all of its keys are sure to be cleared: up to where the next part begins.
    log.run({ kind: 'clear', prefix: '' }, set('c1', 1))
    await log.compact()
    expect(index.pageOfKeys(ALL, 100, nowMs)).toEqual(['c1'])
  })
})

describe('a part that was mended', () => {
  it('has the state that was given for it, which may be less than it was, or nothing', async () => {
    for (const healed of [[], [pair('c1', 'healed')], [pair('c0', 1), pair('c01', 2), pair('c1', 3)]]) {
      const log = await logOf(TWO_TO_A_PART, Number.POSITIVE_INFINITY)
      const { index, nowMs } = log
      const told = listen(index)
      index.get('c1', nowMs)
      flipAt(log, '"c0"', 10)
      expect(lookUp(index, 'c0', nowMs)).toBe('corrupt')
      index.heal(told[0]!.range, healed.toReversed())
      const expected = TWO_TO_A_PART.filter(({ key }) => key[0] !== 'c').concat(healed)
      const check = () => {
        expect(index.pageOfKeys(ALL, 100, nowMs)).toEqual(expected.map(({ key }) => key).sort())
        for (const key of ['b1', 'c0', 'c01', 'c1', 'd0']) {
          const there = expected.find((each) => each.key === key)
          // What the cache had of the part is not what counts now.
          expect(index.get(key, nowMs)?.text).toBe(there?.value.text)
          expect(index.has(key, nowMs)).toBe(there !== undefined)
        }
      }
      check()
      await log.compact()
      check()
      expect(told).toHaveLength(1)
    }
  })

  it('counts for what expires and what is dead', async () => {
    const log = await logOf(TWO_TO_A_PART)
    const { index, nowMs } = log
    const told = listen(index)
    flipAt(log, '"c0"', 10)
    lookUp(index, 'c0', nowMs)
    expect(index.holdsExpired(nowMs + 10)).toBe(false)
    index.heal(told[0]!.range, [{ ...pair('c0', 1), expires: nowMs + 10 }])
    expect(index.holdsExpired(nowMs + 10)).toBe(true)
    expect(index.deadShare(nowMs + 10)).toBe(1 / 9)
  })

  it.each([0, 1, 2, 3, 4])(
    'while a compaction is at piece %i: no other is lost, and none comes twice',
    async (pieces) => {
      for (const healed of [[], [pair('c1', 'healed')]]) {
        const log = await logOf([...TWO_TO_A_PART])
        const { index, nowMs } = log
        const told = listen(index)
        log.freeze()
        log.compactOn(pieces)
        flipAt(log, '"c0"', 10)
        expect(() => index.checkPartAt(partsOf(log)[2]!.offset)).toThrow(CORRUPT)
        index.heal(told[0]!.range, healed)
        await log.settle()
        for (const { key } of TWO_TO_A_PART) {
          if (key[0] !== 'c') expect(lookUp(index, key, nowMs)).toContain(`${key} .`)
        }
      }
    },
  )

  it('one that was copied before it went bad is good in the new file', async () => {
    const log = await logOf(TWO_TO_A_PART)
    const { index, nowMs } = log
    const told = listen(index)
    log.freeze()
    log.compactOn(3)
    flipAt(log, '"c0"', 10)
    expect(lookUp(index, 'c0', nowMs)).toBe('corrupt')
    const { written } = (await log.settle())!
    expect(written.parts[2]?.origin?.firstKey).toBe('c0')
    expect(lookUp(index, 'c0', nowMs)).toContain('c0 .')
    // If that goes bad as well, it is told again: it is another file.
    flipAt(log, '"c0"', 10)
    expect(lookUp(index, 'c0', nowMs)).toBe('corrupt')
    expect(told).toHaveLength(2)
  })

  it('is taken apart by a compaction, as there is no line of it to copy', async () => {
    const log = await logOf(TWO_TO_A_PART)
    const told = listen(log.index)
    flipAt(log, '"c0"', 10)
    lookUp(log.index, 'c0', log.nowMs)
    log.index.heal(told[0]!.range, [pair('c0', 1), pair('c1', 2)])
    const pieces = [...log.index.freeze().pieces(log.nowMs, () => true)]
    expect(pieces.map((piece) => (piece.kind === 'part' ? piece.part.firstKey : undefined))).toEqual([
      'a0',
      'b0',
      undefined,
      'd0',
      'e0',
    ])
    const taken = pieces.flatMap((piece) => (piece.kind === 'part' ? [] : piece.pairs))
    expect(taken.map(({ key, spelled }) => [key, spelled])).toEqual([
      ['c0', '"c0":1'],
      ['c1', '"c1":2'],
    ])
  })

  it('a second one beside it is told of in its own place', async () => {
    const log = await logOf(TWO_TO_A_PART)
    const { index, nowMs } = log
    const told = listen(index)
    flipAt(log, '"c0"', 10)
    lookUp(index, 'c0', nowMs)
    index.heal(told[0]!.range, [])
    flipAt(log, '"d0"', 10)
    lookUp(index, 'd0', nowMs)
    expect(told.map(({ line }) => line)).toEqual([4, 5])
  })
})

describe('one bit of a record is another', () => {
  const anyRecords = fc.array(fc.tuple(fc.constantFrom(...KEYS), anyValue), { minLength: 1, maxLength: 12 })

  it('in a value: that key cannot be read any more, but is known to be there', async () => {
    const anyRun = fc.record({
      records: anyRecords,
      isBatch: fc.boolean(),
      damaged: fc.nat(),
      byte: fc.nat(),
      bit: fc.nat({ max: 7 }),
      isReopened: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ records, isBatch, damaged, byte, bit, isReopened }) => {
        const log = await logOf(TWO_TO_A_PART)
        const sets = records.map(([key, value]) => ({ kind: 'set' as const, key, value }))
        if (isBatch) log.run({ kind: 'batch', operations: sets })
        else log.run(...sets)
        if (isReopened) await log.reopen()
        const { index, nowMs } = log
        const keys = [...new Set(records.map(([key]) => key))]
        const right = new Map(keys.map((key) => [key, lookUp(index, key, nowMs)]))
        const there = index.pageOfKeys(ALL, 1000, nowMs)
        // The last record of a key stands behind all others of it.
        const key = keys[damaged % keys.length] as string
        const value = index.get(key, nowMs) as StateValue
        const offset = placeOfValue(log, index, key)
        const bytes = Buffer.byteLength(value.text)
        expect(log.file.bytes.toString('utf8', offset, offset + bytes)).toBe(value.text)
        log.file.flip(offset + (byte % bytes), 1 << bit)
        for (const each of keys) expect(lookUp(index, each, nowMs)).toBe(each === key ? 'corrupt' : right.get(each))
        expect(index.has(key, nowMs)).toBe(true)
        expect(index.pageOfKeys(ALL, 1000, nowMs)).toEqual(there)
        expect(() => index.page(ALL, 1000, nowMs)).toThrow(CORRUPT)
        // Set anew, it is there again.
        log.run(set(key, 'new'))
        expect(lookUp(index, key, nowMs)).toContain('"new"')
        expect(index.page(ALL, 1000, nowMs)).toHaveLength(there.length)
      }),
      { numRuns: 100 },
    )
  })

  it('elsewhere, or where the cache has the value: nobody notices', async () => {
    const log = await logOf([], 1000)
    log.run(set('a', 'value of a'), set('b', 'value of b'))
    flipAt(log, 'value of a')
    flipAt(log, '"key":"b"', 2)
    expect(lookUp(log.index, 'a', log.nowMs)).toContain('value of a')
    expect(lookUp(log.index, 'b', log.nowMs)).toContain('value of b')
    await log.compact()
    expect(lookUp(log.index, 'a', log.nowMs)).toContain('value of a')
    await log.reopen()
    expect(lookUp(log.index, 'b', log.nowMs)).toContain('value of b')
  })

  it('in a value that the cache has let go of meanwhile, only then', async () => {
    const log = await logOf([], 700)
    log.run(set('a', 'x'.repeat(100)), set('b', 'y'.repeat(200)))
    flipAt(log, 'xxx')
    expect(lookUp(log.index, 'a', log.nowMs)).toContain('xxx')
    log.run(...['c', 'd', 'e'].map((key) => set(key, 'z'.repeat(200))))
    expect(lookUp(log.index, 'a', log.nowMs)).toBe('corrupt')
  })

  it('a compaction cannot go on with it', async () => {
    const log = await logOf(TWO_TO_A_PART)
    log.run(set('c5', 'value of c5'))
    flipAt(log, 'value of c5')
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    expect(lookUp(log.index, 'c5', log.nowMs)).toBe('corrupt')
    expect(lookUp(log.index, 'c1', log.nowMs)).toContain('c1 .')
    log.run({ kind: 'delete', key: 'c5' })
    await log.compact()
    expect(log.index.pageOfKeys(ALL, 100, log.nowMs)).toEqual(TWO_TO_A_PART.map(({ key }) => key))
  })
})

/** Where the value stands in the file: its bytes are the last of what is read for it. */
function placeOfValue(log: MemoryLog, index: State, key: string): number {
  let end = -1
  const { read } = log.file
  log.file.read = (into, position) => {
    end = position + into.length
    return read.call(log.file, into, position)
  }
  const value = index.get(key, log.nowMs) as StateValue
  log.file.read = read
  return end - Buffer.byteLength(value.text)
}
