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
import { inKeyOrder, MemoryLog, shown } from './memory-log.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  // Damage is found when a part is read, not at opening.
  return { ...(await original()), ...SMALL_LIMITS, OPEN_WHOLE_BYTES: 0, OPEN_CHECKED_BYTES: 0 }
})

/** Bytes of the file change after they were written: no read returns a wrong value. */

const ALL = { prefix: '', after: undefined }
const CORRUPT = expect.objectContaining({ code: 'FLATLOG_CORRUPT' })

interface Reported {
  readonly part: PartSummary
  readonly range: KeyRange
  readonly line: number
}

function listenTo(state: State): Reported[] {
  const reported: Reported[] = []
  state.onBadPart = (part, range, line) => reported.push({ part, range, line })
  return reported
}

/** The value of a key, as a text, or `'corrupt'`. */
function lookUp(state: State, key: string, nowMs: number): string {
  try {
    return shown(key, state.get(key, nowMs))
  } catch (error) {
    expect(error).toEqual(CORRUPT)
    return 'corrupt'
  }
}

/** The lines of the checkpoint's parts. */
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

/** Keys `a0`, `a1`, `b0`, `b1`, …, two in each part. */
const TWO_IN_EACH_PART = ['a', 'b', 'c', 'd', 'e'].flatMap((letter) =>
  [0, 1].map((number) => pair(`${letter}${number}`, `${letter}${number} `.padEnd(130, '.'))),
)

const logOf = (state: readonly PartValue[], cacheBytes = 0) => MemoryLog.of(state, { cacheBytes })

/** Flips a bit in the byte where a text begins, or `more` bytes after it. */
function flipAt(log: MemoryLog, text: string, more = 0, bit = 1): void {
  const offset = log.file.bytes.indexOf(text)
  expect(offset).toBeGreaterThan(0)
  log.file.flip(offset + more, bit)
}

describe('a flipped bit in a part', () => {
  const anyState = fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), value: anyValue }), {
    selector: ({ key }) => key,
    minLength: 20,
    maxLength: KEYS.length,
    size: 'max',
  })
  const anyTail = fc.dictionary(fc.constantFrom(...KEYS), fc.nat(), { maxKeys: 8 })

  it('makes its keys unreadable, and no others, and is reported once', async () => {
    const anyRun = fc.record({
      first: anyState,
      tail: anyTail,
      part: fc.nat(),
      byte: fc.nat(),
      bit: fc.nat({ max: 7 }),
      asked: fc.array(fc.constantFrom(...KEYS), { maxLength: 10 }),
      cacheBytes: fc.constantFrom(0, 1000, Number.POSITIVE_INFINITY),
    })
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ first, tail, part, byte, bit, asked, cacheBytes }) => {
        const log = await logOf(first, cacheBytes)
        log.run(...Object.entries(tail).map(([key, value]) => set(key, value)))
        const { state, nowMs } = log
        const reported = listenTo(state)
        const right = new Map(KEYS.map((key) => [key, shown(key, state.get(key, nowMs))]))
        // Reads some keys again, so that the cache has them.
        for (const key of asked) state.get(key, nowMs)
        const parts = partsOf(log)
        const place = parts[part % parts.length]!
        log.file.flip(place.offset + (byte % place.length), 1 << bit)

        for (const key of KEYS) {
          const found = lookUp(state, key, nowMs)
          const isInTail = Object.hasOwn(tail, key)
          const isHit = reported.length > 0 && isInRange(key, reported[0]!.range) && !isInTail
          if (!isHit || found !== 'corrupt') expect(found).toBe(right.get(key))
          if (isHit && cacheBytes === 0) expect(found).toBe('corrupt')
        }
        const { range } = reported[0] ?? {}
        // If the cache has all values, the part was not read yet.
        expect(() => state.page(ALL, 1000, nowMs)).toThrow(CORRUPT)
        expect(() => state.pageOfKeys(ALL, 1000, nowMs)).toThrow(CORRUPT)
        expect(() => state.checkPartAt(place.offset)).toThrow(CORRUPT)
        expect(reported).toHaveLength(1)
        expect(reported[0]).toMatchObject({ line: place.line, part: { offset: place.offset, bytes: place.length } })
        if (range) expect(reported[0]!.range).toBe(range)

        // The range has exactly the keys of the part.
        const inOrder = inKeyOrder(first)
        const keys = inOrder.map(({ key }) => key).filter((key) => isInRange(key, reported[0]!.range))
        expect(keys).toHaveLength(reported[0]!.part.keys)
        expect(keys[0]).toBe(reported[0]!.part.firstKey)

        // After healing, the state is as before.
        state.heal(
          reported[0]!.range,
          inOrder.filter(({ key }) => isInRange(key, reported[0]!.range)),
        )
        for (const key of KEYS) expect(lookUp(state, key, nowMs)).toBe(right.get(key))
        const page = () => state.page(ALL, 1000, nowMs).map(([key, value]) => shown(key, value))
        const expected = [...KEYS].sort().filter((key) => right.get(key) !== `${JSON.stringify(key)} is not there`)
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        await log.compact()
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        await log.reopen(undefined, true)
        expect(page()).toEqual(expected.map((key) => right.get(key)))
        expect(reported).toHaveLength(1)
      }),
      { numRuns: 100 },
    )
  })

  it('in a key: neither the old nor the new key is reported as missing', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    // `b0` becomes `b4`, which would be in the same part.
    flipAt(log, '"b0"', 2, 4)
    expect(lookUp(log.state, 'b4', log.nowMs)).toBe('corrupt')
    expect(lookUp(log.state, 'b0', log.nowMs)).toBe('corrupt')
    expect(() => log.state.has('b0', log.nowMs)).toThrow(CORRUPT)
    expect(log.state.has('c0', log.nowMs)).toBe(true)
  })

  it('is found as well if the whole line of another part is in its place', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    const [, second, third] = partsOf(log)
    expect(second!.length).toBe(third!.length)
    const line = Buffer.from(log.file.bytes.subarray(third!.offset, third!.offset + third!.length))
    log.file.write(line, second!.offset)
    for (const key of ['b0', 'b1', 'bx']) expect(lookUp(log.state, key, log.nowMs)).toBe('corrupt')
    expect(lookUp(log.state, 'c0', log.nowMs)).toContain('c0 .')
  })

  it('is found anywhere in the line: in quotes, braces, meta and checksum', async () => {
    const log = await logOf([...TWO_IN_EACH_PART, { ...pair('f0', 1), expires: Date.parse('2030-01-01') }])
    const parts = partsOf(log)
    const last = parts.at(-1)!
    for (let byte = 0; byte < last.length; byte++) {
      await log.reopen()
      log.file.flip(last.offset + byte, 1 << (byte % 8))
      expect(lookUp(log.state, 'f0', log.nowMs)).toBe('corrupt')
      expect(lookUp(log.state, 'a0', log.nowMs)).toContain('a0')
      log.file.flip(last.offset + byte, 1 << (byte % 8))
    }
    // A lookup does not read the newline.
    await log.reopen()
    log.file.flip(last.offset + last.length)
    expect(lookUp(log.state, 'f0', log.nowMs)).toContain('json 1')
  })
})

describe('a damaged part', () => {
  const damagedLog = async (cacheBytes = 0) => {
    const log = await logOf(TWO_IN_EACH_PART, cacheBytes)
    const reported = listenTo(log.state)
    return { log, reported, state: log.state, nowMs: log.nowMs, damage: () => flipAt(log, '"c0"', 10) }
  }

  it('does not stop a listing of the keys before it or after it', async () => {
    const { state, nowMs, damage } = await damagedLog()
    damage()
    const page = (prefix: string, after: string | undefined, limit: number) =>
      state.pageOfKeys({ prefix, after }, limit, nowMs)
    expect(page('', undefined, 4)).toEqual(['a0', 'a1', 'b0', 'b1'])
    expect(page('', 'd0', 100)).toEqual(['d1', 'e0', 'e1'])
    expect(page('e', undefined, 100)).toEqual(['e0', 'e1'])
    expect(() => page('', undefined, 6)).toThrow(CORRUPT)
    expect(() => page('c', undefined, 2)).toThrow(CORRUPT)
    expect(() => state.page({ prefix: '', after: undefined }, 5, nowMs)).toThrow(CORRUPT)
  })

  it('is not read for a listing that ends before it or begins after it', async () => {
    const { state, nowMs, damage, log } = await damagedLog()
    damage()
    const page = (prefix: string, after?: string) => state.page({ prefix, after }, 100, nowMs).map(([key]) => key)
    expect([page('b'), page('b', 'b0'), page('a')]).toEqual([['b0', 'b1'], ['b1'], ['a0', 'a1']])
    expect([page('d0'), page('', 'd0'), page('b', 'b1')]).toEqual([['d0'], ['d1', 'e0', 'e1'], []])
    // A key `d` would be in it.
    expect(() => page('d')).toThrow(CORRUPT)
    expect(state.pageOfKeys({ prefix: 'b', after: undefined }, 100, nowMs)).toEqual(['b0', 'b1'])
    // Nor is it read if all its keys are cleared.
    log.run({ kind: 'clear', prefix: '' }, set('c0', 'new'))
    expect(page('')).toEqual(['c0'])
  })

  it('does not hide values that are in the cache', async () => {
    const { state, nowMs, damage, reported } = await damagedLog(Number.POSITIVE_INFINITY)
    state.get('c0', nowMs)
    damage()
    expect(lookUp(state, 'c0', nowMs)).toContain('c0 .')
    expect(reported).toEqual([])
    expect(lookUp(state, 'c1', nowMs)).toBe('corrupt')
    expect(reported).toMatchObject([{ part: { firstKey: 'c0' }, range: { from: 'c0', to: 'd0' }, line: 4 }])
    expect(lookUp(state, 'c0', nowMs)).toContain('c0 .')
  })

  it('does not hide later writes, deletes and clears', async () => {
    const { log, state, nowMs, damage } = await damagedLog()
    damage()
    log.run(set('c0', 'new'), { kind: 'delete', key: 'c1' })
    expect([lookUp(state, 'c0', nowMs), lookUp(state, 'c1', nowMs)]).toEqual([
      '"c0" json "new" expires undefined time undefined',
      '"c1" is not there',
    ])
    log.run({ kind: 'clear', prefix: 'c' })
    expect(lookUp(state, 'c3', nowMs)).toBe('"c3" is not there')
  })

  it('throws at each read, and is reported at the first', async () => {
    const { state, nowMs, damage, reported } = await damagedLog()
    damage()
    for (let times = 0; times < 3; times++) expect(lookUp(state, 'c1', nowMs)).toBe('corrupt')
    expect(reported).toHaveLength(1)
  })

  it('may be one at the end of the file', async () => {
    const { log, state, nowMs, reported } = await damagedLog()
    const third = partsOf(log)[2]!
    log.file.truncate(third.offset + 20)
    expect(lookUp(state, 'b1', nowMs)).toContain('b1 .')
    for (const key of ['c0', 'd0', 'e0']) expect(lookUp(state, key, nowMs)).toBe('corrupt')
    expect(reported.map(({ line, range }) => [line, range])).toEqual([
      [4, { from: 'c0', to: 'd0' }],
      [5, { from: 'd0', to: 'e0' }],
      [6, { from: 'e0', to: undefined }],
    ])
  })

  it('is not a failed read: that may be tried again', async () => {
    const { log, state, nowMs, reported } = await damagedLog()
    const { read } = log.file
    log.file.read = () => {
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    expect(() => state.get('c0', nowMs)).toThrow(expect.objectContaining({ code: 'FLATLOG_IO' }))
    log.file.read = read
    expect(lookUp(state, 'c0', nowMs)).toContain('c0 .')
    expect(reported).toEqual([])
  })

  it('is found by checkPartAt, which ignores offsets where no part begins', async () => {
    const { log, state, nowMs, damage, reported } = await damagedLog()
    for (const { offset } of partsOf(log)) state.checkPartAt(offset)
    damage()
    const third = partsOf(log)[2]!
    for (const offset of [0, third.offset - 1, third.offset + 1, 1e9, -1]) state.checkPartAt(offset)
    expect(reported).toEqual([])
    expect(() => state.checkPartAt(third.offset)).toThrow(CORRUPT)
    expect(reported).toHaveLength(1)
    expect(lookUp(state, 'b1', nowMs)).toContain('b1 .')
  })

  it('fails a compaction, unless all its keys are cleared', async () => {
    const { log, state, nowMs, damage, reported } = await damagedLog()
    damage()
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    expect(reported).toHaveLength(1)
    log.run({ kind: 'clear', prefix: 'c' }, { kind: 'clear', prefix: 'd' })
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    // All keys up to the next part must be cleared.
    log.run({ kind: 'clear', prefix: '' }, set('c1', 1))
    await log.compact()
    expect(state.pageOfKeys(ALL, 100, nowMs)).toEqual(['c1'])
  })
})

describe('a healed part', () => {
  it('has the given state, which may have fewer keys than before, or none', async () => {
    for (const healed of [[], [pair('c1', 'healed')], [pair('c0', 1), pair('c01', 2), pair('c1', 3)]]) {
      const log = await logOf(TWO_IN_EACH_PART, Number.POSITIVE_INFINITY)
      const { state, nowMs } = log
      const reported = listenTo(state)
      state.get('c1', nowMs)
      flipAt(log, '"c0"', 10)
      expect(lookUp(state, 'c0', nowMs)).toBe('corrupt')
      state.heal(reported[0]!.range, healed.toReversed())
      const expected = TWO_IN_EACH_PART.filter(({ key }) => key[0] !== 'c').concat(healed)
      const check = () => {
        expect(state.pageOfKeys(ALL, 100, nowMs)).toEqual(expected.map(({ key }) => key).sort())
        for (const key of ['b1', 'c0', 'c01', 'c1', 'd0']) {
          const there = expected.find((each) => each.key === key)
          // The cached value of the damaged part does not count any more.
          expect(state.get(key, nowMs)?.text).toBe(there?.value.text)
          expect(state.has(key, nowMs)).toBe(there !== undefined)
        }
      }
      check()
      await log.compact()
      check()
      expect(reported).toHaveLength(1)
    }
  })

  it('counts for expiry and for the share of dead keys', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    const { state, nowMs } = log
    const reported = listenTo(state)
    flipAt(log, '"c0"', 10)
    lookUp(state, 'c0', nowMs)
    expect(state.holdsExpired(nowMs + 10)).toBe(false)
    state.heal(reported[0]!.range, [{ ...pair('c0', 1), expires: nowMs + 10 }])
    expect(state.holdsExpired(nowMs + 10)).toBe(true)
    expect(state.deadShare(nowMs + 10)).toBe(1 / 9)
  })

  it.each([0, 1, 2, 3, 4])(
    'while a compaction is at piece %i loses no other part and copies none twice',
    async (pieces) => {
      for (const healed of [[], [pair('c1', 'healed')]]) {
        const log = await logOf([...TWO_IN_EACH_PART])
        const { state, nowMs } = log
        const reported = listenTo(state)
        log.freeze()
        log.compactOn(pieces)
        flipAt(log, '"c0"', 10)
        expect(() => state.checkPartAt(partsOf(log)[2]!.offset)).toThrow(CORRUPT)
        state.heal(reported[0]!.range, healed)
        await log.settle()
        for (const { key } of TWO_IN_EACH_PART) {
          if (key[0] !== 'c') expect(lookUp(state, key, nowMs)).toContain(`${key} .`)
        }
      }
    },
  )

  it('that was copied before it was damaged is whole in the new file', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    const { state, nowMs } = log
    const reported = listenTo(state)
    log.freeze()
    log.compactOn(3)
    flipAt(log, '"c0"', 10)
    expect(lookUp(state, 'c0', nowMs)).toBe('corrupt')
    const { written } = (await log.settle())!
    expect(written.parts[2]?.origin?.firstKey).toBe('c0')
    expect(lookUp(state, 'c0', nowMs)).toContain('c0 .')
    // Damage to the copy is reported again: it is another file.
    flipAt(log, '"c0"', 10)
    expect(lookUp(state, 'c0', nowMs)).toBe('corrupt')
    expect(reported).toHaveLength(2)
  })

  it('is encoded again by a compaction, because it has no line to copy', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    const reported = listenTo(log.state)
    flipAt(log, '"c0"', 10)
    lookUp(log.state, 'c0', log.nowMs)
    log.state.heal(reported[0]!.range, [pair('c0', 1), pair('c1', 2)])
    const pieces = [...log.state.freeze().pieces(log.nowMs, () => true)]
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

  it('does not change the line number of the next damaged part', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    const { state, nowMs } = log
    const reported = listenTo(state)
    flipAt(log, '"c0"', 10)
    lookUp(state, 'c0', nowMs)
    state.heal(reported[0]!.range, [])
    flipAt(log, '"d0"', 10)
    lookUp(state, 'd0', nowMs)
    expect(reported.map(({ line }) => line)).toEqual([4, 5])
  })
})

describe('a flipped bit in a record', () => {
  const anyRecords = fc.array(fc.tuple(fc.constantFrom(...KEYS), anyValue), { minLength: 1, maxLength: 12 })

  it('in a value makes the key unreadable, but not missing', async () => {
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
        const log = await logOf(TWO_IN_EACH_PART)
        const sets = records.map(([key, value]) => ({ kind: 'set' as const, key, value }))
        if (isBatch) log.run({ kind: 'batch', operations: sets })
        else log.run(...sets)
        if (isReopened) await log.reopen()
        const { state, nowMs } = log
        const keys = [...new Set(records.map(([key]) => key))]
        const right = new Map(keys.map((key) => [key, lookUp(state, key, nowMs)]))
        const there = state.pageOfKeys(ALL, 1000, nowMs)
        // The value in the last record of the key.
        const key = keys[damaged % keys.length] as string
        const value = state.get(key, nowMs) as StateValue
        const offset = placeOfValue(log, state, key)
        const bytes = Buffer.byteLength(value.text)
        expect(log.file.bytes.toString('utf8', offset, offset + bytes)).toBe(value.text)
        log.file.flip(offset + (byte % bytes), 1 << bit)
        for (const each of keys) expect(lookUp(state, each, nowMs)).toBe(each === key ? 'corrupt' : right.get(each))
        expect(state.has(key, nowMs)).toBe(true)
        expect(state.pageOfKeys(ALL, 1000, nowMs)).toEqual(there)
        expect(() => state.page(ALL, 1000, nowMs)).toThrow(CORRUPT)
        // A new value can be read.
        log.run(set(key, 'new'))
        expect(lookUp(state, key, nowMs)).toContain('"new"')
        expect(state.page(ALL, 1000, nowMs)).toHaveLength(there.length)
      }),
      { numRuns: 100 },
    )
  })

  it('elsewhere, or in a value that is cached, is not found', async () => {
    const log = await logOf([], 1000)
    log.run(set('a', 'value of a'), set('b', 'value of b'))
    flipAt(log, 'value of a')
    flipAt(log, '"key":"b"', 2)
    expect(lookUp(log.state, 'a', log.nowMs)).toContain('value of a')
    expect(lookUp(log.state, 'b', log.nowMs)).toContain('value of b')
    await log.compact()
    expect(lookUp(log.state, 'a', log.nowMs)).toContain('value of a')
    await log.reopen()
    expect(lookUp(log.state, 'b', log.nowMs)).toContain('value of b')
  })

  it('in a value is found once the cache has dropped the value', async () => {
    const log = await logOf([], 700)
    log.run(set('a', 'x'.repeat(100)), set('b', 'y'.repeat(200)))
    flipAt(log, 'xxx')
    expect(lookUp(log.state, 'a', log.nowMs)).toContain('xxx')
    log.run(...['c', 'd', 'e'].map((key) => set(key, 'z'.repeat(200))))
    expect(lookUp(log.state, 'a', log.nowMs)).toBe('corrupt')
  })

  it('fails a compaction', async () => {
    const log = await logOf(TWO_IN_EACH_PART)
    log.run(set('c5', 'value of c5'))
    flipAt(log, 'value of c5')
    log.freeze()
    expect(() => log.compactOn(100)).toThrow(CORRUPT)
    log.thaw()
    expect(lookUp(log.state, 'c5', log.nowMs)).toBe('corrupt')
    expect(lookUp(log.state, 'c1', log.nowMs)).toContain('c1 .')
    log.run({ kind: 'delete', key: 'c5' })
    await log.compact()
    expect(log.state.pageOfKeys(ALL, 100, log.nowMs)).toEqual(TWO_IN_EACH_PART.map(({ key }) => key))
  })
})

/** The offset of the value in the file: a lookup reads up to its last byte. */
function placeOfValue(log: MemoryLog, state: State, key: string): number {
  let end = -1
  const { read } = log.file
  log.file.read = (into, position) => {
    end = position + into.length
    return read.call(log.file, into, position)
  }
  const value = state.get(key, log.nowMs) as StateValue
  log.file.read = read
  return end - Buffer.byteLength(value.text)
}
