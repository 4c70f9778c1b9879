import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { endOfString, fingerprint, fromText, fromValue, type PartValue, quote, type State } from '../support/core.js'
import { MemoryLog, shown } from './memory-log.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS, OPEN_WHOLE_BYTES: 0, OPEN_CHECKED_BYTES: 0 }
})

/** From the third lookup in a part on, only the bytes of one pair are read. */

const CORRUPT = expect.objectContaining({ code: 'FLATLOG_CORRUPT' })
const pair = (key: string, value: unknown): PartValue => ({ key, value: fromValue('', value) })
/** Keys after all others: with them, the state is too long for the header. */
const FILL = Array.from({ length: 4 }, (_, number) => pair(`\uffff${number}`, '.'.repeat(150)))
const logOf = (state: readonly PartValue[]) => MemoryLog.of([...state, ...FILL], { cacheBytes: 0 })

/** Makes the state read each part twice, so that it knows the checksums of the pairs. */
function readTwice(state: State, keys: readonly string[], nowMs: number): void {
  for (let times = 0; times < 2; times++) for (const key of keys) state.get(key, nowMs)
}

function lookUp(state: State, key: string, nowMs: number): string {
  try {
    return shown(key, state.get(key, nowMs))
  } catch (error) {
    expect(error).toEqual(CORRUPT)
    return 'corrupt'
  }
}

/** Records the lengths of all later reads. */
function watchReads(log: MemoryLog): number[] {
  const lengths: number[] = []
  const read = log.file.read.bind(log.file)
  log.file.read = (into, position) => {
    lengths.push(into.length)
    return read(into, position)
  }
  return lengths
}

const STATE: readonly PartValue[] = [
  pair('a', { a: '"b":1,' }),
  { ...pair('b', 2), expires: Date.parse('2030-01-01') },
  { key: 'c"\\\n', value: fromText('', 'not json'), expires: 5e12, time: Date.parse('2025-01-01') },
  pair('ä', 'ö€'),
  pair('€\ud800', '𝄞'),
  pair('', []),
  pair('__proto__', { x: null }),
]
const KEYS = STATE.map(({ key }) => key)
const ABSENT = ['aa', 'c', 'c"', '"', '{', 'x', 'ö', ' ', 'proto', 'a"']

describe('reading one pair', () => {
  it('returns the same as reading the line, for any key, value and meta', async () => {
    const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...KEYS, ...ABSENT))
    const anyState = fc
      .uniqueArray(
        fc.record({
          key: anyText,
          value: fc.oneof(
            fc.jsonValue().map((value) => fromValue('', value)),
            anyText.map((text) => fromText('', text, true)),
          ),
          expires: fc.option(fc.integer({ min: 4e12, max: 8e15 }), { nil: undefined }),
          time: fc.option(fc.integer({ min: 0, max: 17e11 }), { nil: undefined }),
        }),
        { selector: ({ key }) => key, minLength: 1, maxLength: 12 },
      )
      .map((state) => state.filter(({ key }) => !FILL.some((fill) => fill.key === key)))
    await fc.assert(
      fc.asyncProperty(anyState, anyText, async (state, absent) => {
        const log = await logOf(state)
        const keys = [...state.map(({ key }) => key), absent]
        const atFirst = keys.map((key) => shown(key, log.state.get(key, log.nowMs)))
        readTwice(log.state, keys, log.nowMs)
        expect(keys.map((key) => shown(key, log.state.get(key, log.nowMs)))).toEqual(atFirst)
        for (const [at, { value, expires, time }] of state.entries()) {
          expect(atFirst[at]).toBe(
            shown(keys[at] as string, { text: value.text, encoding: value.encoding, expires, time }),
          )
        }
      }),
      { numRuns: 150 },
    )
  })

  it('reads only its bytes, and none for a missing key', async () => {
    const log = await logOf(Array.from({ length: 3 }, (_, number) => pair(`k${number}`, 'v'.repeat(60))))
    readTwice(log.state, ['k0', 'k1', 'k2'], log.nowMs)
    const lengths = watchReads(log)
    log.state.get('k1', log.nowMs)
    expect(lengths).toEqual(['"k1":'.length + 62])
    expect(log.state.get('k11', log.nowMs)).toBeUndefined()
    expect(lengths).toHaveLength(1)
  })

  it('finds the right key if two have the same fingerprint', async () => {
    const byPrint = new Map<number, string>()
    const common: string[][] = []
    for (let number = 0; common.length < 3; number++) {
      const key = `k${number}`
      const other = byPrint.get(fingerprint(key) & 0xffff)
      if (other) common.push([other, key])
      else byPrint.set(fingerprint(key) & 0xffff, key)
    }
    for (const [one, other] of common as [string, string][]) {
      const both = await logOf([pair(one, 1), pair(other, 2), pair('~', 'x')])
      readTwice(both.state, [one, other], both.nowMs)
      expect([one, other].map((key) => both.state.get(key, both.nowMs)?.text)).toEqual(['1', '2'])
      const alone = await logOf([pair(one, 1), pair('~', 'x')])
      readTwice(alone.state, [one, other], alone.nowMs)
      expect(alone.state.get(other, alone.nowMs)).toBeUndefined()
    }
  })
})

describe('a pair that changes after its line was found whole', () => {
  it('is never returned: after any bit flips, its key is unreadable, and no other key is wrong', async () => {
    const log = await logOf(STATE)
    const right = new Map([...KEYS, ...ABSENT].map((key) => [key, lookUp(log.state, key, log.nowMs)]))
    const pairs = STATE.map(({ key, value }) => {
      const bytes = Buffer.from(`${quote(key)}:${value.text}`)
      return { key, start: log.file.bytes.indexOf(bytes), bytes: bytes.length }
    })
    const end = log.file.bytes.indexOf('"op":"CHECKPOINT","index"')
    let corrupt = 0
    for (let byte = log.file.bytes.indexOf('\n') + 1; byte < end; byte++) {
      await log.reopen()
      readTwice(log.state, [...KEYS, ...ABSENT], log.nowMs)
      log.file.flip(byte, 1 << (byte % 8))
      const hit = pairs.find(({ start, bytes }) => byte >= start && byte < start + bytes)
      if (hit) expect([hit.key, lookUp(log.state, hit.key, log.nowMs)]).toEqual([hit.key, 'corrupt'])
      if (hit) corrupt++
      for (const [key, expected] of right) expect(['corrupt', expected]).toContain(lookUp(log.state, key, log.nowMs))
      log.file.flip(byte, 1 << (byte % 8))
    }
    expect(corrupt).toBe(pairs.reduce((sum, { bytes }) => sum + bytes, 0))
  })

  it('is reported once, as a damaged part', async () => {
    for (const offsetInPair of [1, 3, 4, 20]) {
      const log = await logOf(Array.from({ length: 3 }, (_, number) => pair(`k${number}`, 'v'.repeat(60))))
      const reported: number[] = []
      log.state.onBadPart = (_part, _range, line) => reported.push(line)
      readTwice(log.state, ['k0', 'k1', 'k2'], log.nowMs)
      log.file.flip(log.file.bytes.indexOf('"k1"') + offsetInPair)
      expect(lookUp(log.state, 'k1', log.nowMs)).toBe('corrupt')
      expect(reported).toHaveLength(1)
      for (const key of ['k1', 'k2']) lookUp(log.state, key, log.nowMs)
      expect(reported).toHaveLength(1)
    }
  })

  it('is not returned if it was replaced by another pair of the same length', async () => {
    const log = await logOf(Array.from({ length: 3 }, (_, number) => pair(`k${number}`, `${number}`.repeat(60))))
    readTwice(log.state, ['k0', 'k1', 'k2'], log.nowMs)
    const at = (key: string) => log.file.bytes.indexOf(`"${key}":`)
    const end = endOfString(log.file.bytes.toString('latin1'), at('k0') + '"k0":'.length)
    log.file.write(Buffer.from(log.file.bytes.subarray(at('k0'), end)), at('k1'))
    expect(lookUp(log.state, 'k1', log.nowMs)).toBe('corrupt')
  })

  it('is read again with its line, in case the first read was wrong', async () => {
    const log = await logOf([pair('k0', 'v'.repeat(60)), pair('k1', 'w'.repeat(60))])
    let reported = 0
    log.state.onBadPart = () => reported++
    readTwice(log.state, ['k0', 'k1'], log.nowMs)
    const read = log.file.read.bind(log.file)
    let misreads = 1
    log.file.read = (into, position) => {
      const filled = read(into, position)
      if (misreads-- > 0) into[5]! ^= 1
      return filled
    }
    expect(log.state.get('k1', log.nowMs)?.text).toBe(`"${'w'.repeat(60)}"`)
    expect(reported).toBe(0)
  })
})
