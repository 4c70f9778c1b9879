import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type IndexRow, scanIndexLine } from '../support/core.js'
import { indexLine } from './support.js'

/** Scanning an index line in place must find the rows that were written. */

const TIME = '2025-01-15T12:34:56.789Z'
const PARTS_AT = 200
const INDEX_AT = 1_000_000
const KEY_LISTS = [
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\\"', '],["', ']', '\n', '\u2028', '\ud800', '\uffff', '😀', 'ä', 'a', 'a!', 'a"'),
].map((keys) => fc.uniqueArray(keys, { minLength: 1, maxLength: 12 }))
const anyExpires = fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { nil: null })

function row(firstKey: string, offset: number, more: Partial<IndexRow> = {}): IndexRow {
  return { firstKey, offset, keys: 3, minExpires: null, maxExpires: null, crc: '0123abcd', ...more }
}

function find(rows: readonly IndexRow[], indexAt = INDEX_AT) {
  return scanIndexLine(Buffer.from(indexLine(TIME, 7, rows)), PARTS_AT, indexAt)
}

describe('an index line', () => {
  it('has the written row for each part', () => {
    const anyRows = fc.tuple(fc.oneof(...KEY_LISTS), fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), anyExpires)
    fc.assert(
      fc.property(anyRows, anyExpires, ([keys, numbers, minExpires], maxExpires) => {
        keys.sort((a, b) => (a < b ? -1 : 1))
        let offset = PARTS_AT
        const rows = keys.map((key, at) => {
          if (at > 0) offset += 1 + (numbers[at] as number)
          const crc = (numbers[at] as number).toString(16).padStart(8, '0')
          return row(key, offset, { keys: numbers[11 - at] as number, minExpires, maxExpires, crc })
        })
        const indexAt = offset + 77
        const found = find(rows, indexAt)
        expect(found).toMatchObject({ timestamp: TIME, seq: 7 })
        const parts = found?.parts
        expect(parts?.length).toBe(rows.length)
        expect(parts?.bytes).toBe(indexAt - PARTS_AT)
        for (const [at, each] of rows.entries()) {
          const bytes = (rows[at + 1]?.offset ?? indexAt) - each.offset - 1
          expect(parts?.summary(at)).toEqual({ ...each, bytes })
          expect(parts?.firstKey(at)).toBe(each.firstKey)
          expect(parts?.expiry(at)).toMatchObject({ keys: each.keys, minExpires, maxExpires })
        }
      }),
      { numRuns: 500 },
    )
  })

  const key = '😀'
  it.each([
    ['no rows', []],
    ['keys that do not increase', [row('b', 200), row('a', 300)]],
    ['a key twice', [row('a', 200), row('a', 300)]],
    ['a prefix of a key after the key', [row('ab', 200), row('a', 300)]],
    ['keys that increase only in UTF-8', [row('\uffff', 200), row(key, 300)]],
    ['escaped keys that do not increase', [row('x\n', 200), row('x\b', 300)]],
    ['offsets that do not increase', [row('a', 200), row('b', 190)]],
    ['an offset twice', [row('a', 200), row('b', 200)]],
    ['a first part at another offset', [row('a', 201)]],
    ['a last part after the index', [row('a', 200), row('b', INDEX_AT)]],
    ['a negative offset', [row('a', 200), row('b', -300)]],
    ['a checksum in capitals', [row('a', 200, { crc: '0123ABCD' })]],
  ])('is refused with %s', (_, rows) => {
    expect(find(rows)).toBeUndefined()
  })

  it('is refused with any byte changed', () => {
    const line = Buffer.from(indexLine(TIME, 7, [row('a', 200), row('b', 300)]))
    for (let at = 0; at < line.length; at++) {
      const changed = Buffer.from(line)
      changed[at] = (changed[at] as number) ^ 1
      expect(scanIndexLine(changed, PARTS_AT, INDEX_AT), `byte ${at}`).toBeUndefined()
    }
  })
})
