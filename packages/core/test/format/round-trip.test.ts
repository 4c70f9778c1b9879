import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeLine,
  encodeHeader,
  encodeOperation,
  fromBytes,
  fromText,
  fromValue,
  toBytes,
  toText,
  toValue,
} from '../support/core.js'
import {
  anyExpiry,
  anyJson,
  anyOperation,
  anySeq,
  anyString,
  anyText,
  anyValueText,
  indexLine,
  partLine,
  recordLine,
  TIME,
} from './support.js'

const NOW = Date.parse(TIME)
const anySynced = fc.option(fc.nat(), { nil: undefined })

describe('encoding and decoding', () => {
  it('returns records', () => {
    fc.assert(
      fc.property(anyOperation, anySeq, anySynced, (operation, seq, synced) => {
        const text = recordLine(TIME, seq, synced, encodeOperation(operation))
        const bytes = Buffer.from(text)
        const crc = text.slice(-10, -2)
        expect(decodeLine(bytes)).toEqual({ kind: 'record', timestamp: TIME, seq, synced, operation, crc })
        // One line in every tool, and valid JSON.
        expect(text).not.toMatch(/[\n\r\u2028\u2029]/)
        expect(bytes.toString()).toBe(text)
        expect(JSON.parse(text)).toMatchObject({ timestamp: TIME, seq })
      }),
      { numRuns: 1500 },
    )
  })

  it('returns parts with any keys', () => {
    const anyPart = fc.uniqueArray(
      fc.record({
        key: anyString,
        value: anyValueText,
        expires: anyExpiry,
        time: fc.integer({ min: 0, max: NOW }),
      }),
      { selector: (pair) => pair.key, maxLength: 8 },
    )
    fc.assert(
      fc.property(anyPart, anySeq, fc.boolean(), (pairs, seq, times) => {
        const state = times ? pairs : pairs.map(({ key, value, expires }) => ({ key, value, expires }))
        const text = partLine(TIME, NOW, seq, state)
        expect(decodeLine(Buffer.from(text))).toEqual({
          kind: 'part',
          timestamp: TIME,
          seq,
          state,
          crc: text.slice(-10, -2),
        })
        expect(text).not.toMatch(/[\n\r\u2028\u2029]/)
      }),
      { numRuns: 500 },
    )
  })

  it('returns headers and index lines', () => {
    const anyState = fc.array(fc.record({ key: anyString, value: anyJson.map((value) => fromValue('', value)) }), {
      maxLength: 5,
    })
    fc.assert(
      fc.property(anyState, fc.nat(), fc.nat({ max: 999_999_999 }), (state, seq, indexAt) => {
        const header = { timestamp: TIME, seq, store: '0123456789abcdef', indexAt, state, compactedAt: TIME }
        const text = encodeHeader(header)
        expect(decodeLine(Buffer.from(text))).toEqual({ kind: 'header', ...header, crc: text.slice(-10, -2) })
      }),
      { numRuns: 200 },
    )
    const anyRow = fc.record({
      firstKey: anyString,
      offset: fc.nat(),
      keys: fc.nat(),
      minExpires: fc.option(fc.nat()),
      maxExpires: fc.option(fc.nat()),
      crc: fc.constant('0a1b2c3d'),
    })
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 8 }), fc.nat(), (rows, seq) => {
        const text = indexLine(TIME, seq, rows)
        expect(decodeLine(Buffer.from(text))).toEqual({
          kind: 'index',
          timestamp: TIME,
          seq,
          rows,
          crc: text.slice(-10, -2),
        })
      }),
      { numRuns: 200 },
    )
  })
})

/** A value after it went through the line of a record and the part of a checkpoint. */
function throughFiles(value: ReturnType<typeof fromText>) {
  const record = decodeLine(
    Buffer.from(recordLine(TIME, 1, undefined, encodeOperation({ kind: 'set', key: 'k', value }))),
  )
  if (record.kind !== 'record' || record.operation.kind !== 'set') throw new Error(`read as ${record.kind}`)
  const neighbour = { key: 'z', value: { text: '{"k":1}' } }
  const part = decodeLine(Buffer.from(partLine(TIME, NOW, 1, [{ key: 'k', value: record.operation.value }, neighbour])))
  if (part.kind !== 'part') throw new Error(`read as ${part.kind}`)
  expect(part.state).toHaveLength(2)
  return part.state[0]!.value
}

describe('values', () => {
  it('any text comes back unchanged', () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, asText) => {
        expect(toText(throughFiles(fromText('k', text, asText)), 'k')).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['spaces between the tokens', '{"a": [1, 2 , {"b" :null}]}', undefined],
    ['repeated keys', '{"a":1,"a":2}', undefined],
    ['unusual numbers', '[1e400,1.0,-0,0.10,1E5,12345678901234567890]', undefined],
    ['keys that look like numbers', '{"10":1,"9":2}', undefined],
    ['__proto__', '{"__proto__":{"x":1}}', undefined],
    ['unnecessary escapes', '"\\u0041\\/"', undefined],
    ['an escaped lone surrogate', '"\\ud800"', undefined],
    ['a tab between tokens', '[1,\t2]', undefined],
    ['U+0085, which does not end a line here', '"\u0085"', undefined],
    ['white space before it', ' {"a":1}', 'text'],
    ['white space after it', '{"a":1}\t', 'text'],
    ['a newline inside', '{\n"a":1}', 'text'],
    ['a newline after it', '1\n', 'text'],
    ['a carriage return', '{\r"a":1}', 'text'],
    ['a byte order mark before it', '\ufeff{"a":1}', 'text'],
    ['a byte order mark inside', '"\ufeff"', 'text'],
    ['a line separator', '"\u2028"', 'text'],
    ['a paragraph separator', '"\u2029"', 'text'],
    ['a lone surrogate', '"\ud800"', 'text'],
    ['not JSON', 'hello', 'text'],
    ['nothing', '', 'text'],
    ['nearly JSON', "{'a':1}", 'text'],
    ['two values', '1 2', 'text'],
    ['NaN', 'NaN', 'text'],
    ['a deeply nested value', '['.repeat(5000) + ']'.repeat(5000), undefined],
  ])('%s: comes back unchanged, with the right encoding', (_what, text, encoding) => {
    const value = fromText('k', text)
    expect(value.encoding).toBe(encoding)
    if (encoding === undefined) expect(value.text).toBe(text)
    expect(toText(throughFiles(value), 'k')).toBe(text)
  })

  it('any JSON value comes back as an equal new value', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = throughFiles(fromValue('k', value))
        expect(toValue(text, 'k')).toEqual(JSON.parse(JSON.stringify(value)))
        if (typeof value === 'object' && value !== null) expect(toValue(text, 'k')).not.toBe(toValue(text, 'k'))
      }),
      { numRuns: 1000 },
    )
  })

  it('bytes come back unchanged, in a new array', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const value = throughFiles(fromBytes('k', bytes))
        expect(toBytes(value, 'k')).toEqual(bytes)
        expect(toBytes(value, 'k').buffer.byteLength).toBe(bytes.length)
        expect(toValue(value, 'k')).toEqual(bytes)
        expect(toText(value, 'k')).toBe(Buffer.from(bytes).toString('utf8'))
      }),
    )
  })

  it('a view of a larger buffer stores only its own bytes', () => {
    const window = new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3)
    expect([...toBytes(fromBytes('k', window), 'k')]).toEqual([2, 3])
  })

  it('a text or a value that is read as bytes is its UTF-8', () => {
    expect(Buffer.from(toBytes(fromText('k', 'é'), 'k')).toString('hex')).toBe('c3a9')
    expect(Buffer.from(toBytes(fromValue('k', ['é']), 'k')).toString()).toBe('["é"]')
  })
})
