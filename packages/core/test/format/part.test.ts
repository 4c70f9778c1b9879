import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeLine,
  endOfString,
  expiryRange,
  fromText,
  fromValue,
  isAscii,
  keyCount,
  keyStart,
  layOutPart,
  metaOf,
  type PartLayout,
  type PartLine,
  type PartValue,
  parseMeta,
  positionAt,
  quote,
  valueEnd,
} from '../support/core.js'
import { anyExpiry, anySeq, anyString, anyValueText, partLine, TIME, line as withCrc } from './support.js'

const NOW = Date.parse(TIME)

const anyPart = fc.uniqueArray(
  fc.record({
    key: anyString,
    value: anyValueText,
    expires: anyExpiry,
    time: fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }),
  }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 12 },
)

function layOut(line: Buffer): PartLayout {
  const layout = layOutPart(line.toString('latin1'))
  if (!layout) throw new Error('no layout')
  return layout
}

function startsOf(layout: PartLayout): number[] {
  return Array.from({ length: keyCount(layout) }, (_, position) => keyStart(layout, position))
}

/** The keys and values of a part, cut out one by one. */
function cut(line: Buffer): PartValue[] {
  const layout = layOut(line)
  const latin = line.toString('latin1')
  const meta = parseMeta(line, layout)
  return startsOf(layout).map((start, position) => {
    const keyEnd = endOfString(latin, start)
    const key = JSON.parse(line.toString('utf8', start, keyEnd)) as string
    const text = line.toString('utf8', keyEnd + 1, valueEnd(layout, position))
    const { expires, encoding, time } = metaOf(meta, key, position)
    return { key, value: { text, encoding }, expires, time }
  })
}

describe('the layout of a part', () => {
  it('finds the keys and values that decoding finds', () => {
    fc.assert(
      fc.property(anyPart, anySeq, (state, seq) => {
        const line = Buffer.from(partLine(TIME, NOW, seq, state))
        expect(cut(line)).toEqual((decodeLine(line) as PartLine).state)
        expect(isAscii(layOut(line))).toBe(line.every((byte) => byte < 0x80))
      }),
      { numRuns: 250 },
    )
  })

  it('has a key only where one begins, even if a value contains the same text', () => {
    fc.assert(
      fc.property(anyPart, (state) => {
        const spelled = state.map(({ key }) => `${quote(key)}:1`).join(',')
        const all = [
          ...state,
          { key: 'spelled 1', value: fromText('', `{${spelled}}`) },
          { key: 'spelled 2', value: fromText('', `{${spelled}}`, true) },
        ]
        fc.pre(new Set(all.map(({ key }) => key)).size === all.length)
        const line = Buffer.from(partLine(TIME, NOW, 1, all))
        const layout = layOut(line)
        const places = startsOf(layout)
        for (let place = 0; place < Math.min(line.length, 3000); place++) {
          const position = positionAt(layout, place)
          if (position !== places.indexOf(place)) expect(position).toBe(places.indexOf(place))
        }
        for (const [position, { key }] of all.entries()) {
          const literal = Buffer.from(`${quote(key)}:`)
          const found: number[] = []
          for (let at = line.indexOf(literal); at !== -1; at = line.indexOf(literal, at + 1)) {
            if (positionAt(layout, at) !== -1) found.push(positionAt(layout, at))
          }
          expect(found).toEqual([position])
        }
      }),
      { numRuns: 100 },
    )
  })

  it('works for a line of more than 64 KiB', () => {
    for (const length of [65_000, 65_200, 65_300, 65_400, 65_535, 65_536, 70_000]) {
      const state = [
        { key: 'a', value: fromValue('', 'x'.repeat(length)) },
        { key: 'b', value: fromValue('', 'é') },
        { key: 'c', value: fromValue('', 1) },
      ]
      const line = Buffer.from(partLine(TIME, NOW, 1, state))
      expect(cut(line)).toEqual((decodeLine(line) as PartLine).state)
    }
  })

  it('works without meta and without keys', () => {
    const bare = (state: string) => `{"timestamp":"${TIME}","seq":1,"op":"CHECKPOINT","part":true,"state":${state}`
    expect(cut(Buffer.from(withCrc(bare('{"a":[{"b":1}],"c":"}"}'))))).toMatchObject([
      { key: 'a', value: { text: '[{"b":1}]' } },
      { key: 'c', value: { text: '"}"' } },
    ])
    const empty = layOut(Buffer.from(withCrc(bare('{}'))))
    expect([keyCount(empty), positionAt(empty, keyStart(empty, 0))]).toEqual([0, -1])
  })

  it('is undefined for another line or one that is cut off', () => {
    const line = partLine(TIME, NOW, 1, [{ key: 'a', value: fromValue('', { b: ['c', 1] }) }])
    const others = [
      '',
      '{}',
      line.replace('"part":true', '"format":1'),
      line.replace('"op":"CHECKPOINT"', '"op":"SET"'),
      line.replace('"state":{', '"state":['),
      ` ${line}`,
    ]
    for (const other of others) expect(layOutPart(other)).toBeUndefined()
    const end = line.lastIndexOf('},"crc"')
    for (let length = 0; length < end; length++) expect(layOutPart(line.slice(0, length))).toBeUndefined()
  })
})

describe('the range in which the keys of a part expire', () => {
  it('begins with the first and ends with the last', () => {
    const anyState = fc.array(fc.record({ expires: fc.option(fc.nat({ max: 20 }), { nil: undefined, freq: 5 }) }), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(anyState, (expiries) => {
        const state = expiries.map(({ expires }, number) => ({
          key: `${number}`,
          value: fromValue('', 1),
          expires,
        }))
        const { minExpires, maxExpires } = expiryRange(state)
        for (let nowMs = 0; nowMs <= 21; nowMs++) {
          const gone = expiries.filter(({ expires }) => expires !== undefined && expires <= nowMs).length
          expect(minExpires !== null && minExpires <= nowMs).toBe(gone > 0)
          expect(maxExpires !== null && maxExpires <= nowMs).toBe(gone > 0 && gone === expiries.length)
        }
      }),
    )
  })
})
