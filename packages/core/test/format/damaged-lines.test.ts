import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeLine,
  encodeHeader,
  encodeOperation,
  fromText,
  fromValue,
  type Operation,
  validChecksum,
} from '../support/core.js'
import { anyOperation, crc32, indexLine, partLine, recordLine, TIME } from './support.js'

const record = (operation: Operation, synced?: number) => recordLine(TIME, 42, synced, encodeOperation(operation))

const LINES: [what: string, line: string][] = [
  ['SET', record({ kind: 'set', key: 'user123', value: fromValue('', { score: 100 }) }, 41)],
  [
    'SET with expiry and encoding',
    record({ kind: 'set', key: 'é👩‍🚀', value: fromText('', 'ü "x"'), expires: 1736944496789 }),
  ],
  ['DELETE', record({ kind: 'delete', key: '' })],
  [
    'BATCH',
    record({
      kind: 'batch',
      operations: [
        { kind: 'delete', key: 'a' },
        { kind: 'set', key: 'b', value: fromValue('', 'c') },
      ],
    }),
  ],
  [
    'header',
    encodeHeader({ timestamp: TIME, seq: 1, store: '0123456789abcdef', indexAt: 0, state: [], compactedAt: TIME }),
  ],
  ['part', partLine(TIME, Date.parse(TIME), 1, [{ key: 'a', value: fromValue('', 1), expires: 5 }])],
  [
    'index',
    indexLine(TIME, 1, [{ firstKey: 'a', offset: 5, keys: 1, minExpires: null, maxExpires: null, crc: '01234567' }]),
  ],
]

describe('a damaged line is bad', () => {
  it.each(LINES)('%s: with any single bit flipped', (_what, text) => {
    const bytes = Buffer.from(text)
    expect(decodeLine(bytes).kind).not.toBe('bad')
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        bytes[at]! ^= 1 << bit
        if (decodeLine(bytes).kind !== 'bad')
          expect.fail(`a flip of bit ${bit} of byte ${at} (${text[at]}) was not noticed`)
        bytes[at]! ^= 1 << bit
      }
    }
  })

  it.each(LINES)('%s: cut anywhere, at either end', (_what, text) => {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at++) expect(decodeLine(bytes.subarray(0, at)).kind).toBe('bad')
    for (let at = 1; at < bytes.length; at++) expect(decodeLine(bytes.subarray(at)).kind).toBe('bad')
  })

  it.each(LINES)('%s: with anything after it', (_what, text) => {
    for (const rest of [' ', '\r', '\0', '}', text]) expect(decodeLine(Buffer.from(text + rest)).kind).toBe('bad')
  })

  it.each(LINES)('%s: overwritten with zeros from any byte on', (_what, text) => {
    const bytes = Buffer.from(text)
    for (let at = bytes.length - 1; at >= 0; at--) {
      bytes[at] = 0
      expect(decodeLine(bytes).kind).toBe('bad')
    }
  })

  it('any two different neighbouring bytes swapped', () => {
    fc.assert(
      fc.property(anyOperation, fc.nat(), (operation, place) => {
        const bytes = Buffer.from(record(operation))
        const at = place % (bytes.length - 1)
        const [a, b] = [bytes[at]!, bytes[at + 1]!]
        bytes[at] = b
        bytes[at + 1] = a
        expect(decodeLine(bytes).kind).toBe(a === b ? 'record' : 'bad')
      }),
      { numRuns: 1000 },
    )
  })

  it('the checksum in capitals', () => {
    const [, text] = LINES.find(([, line]) => /[a-f]/.test(line.slice(-10, -2)))!
    expect(decodeLine(Buffer.from(text.slice(0, -10) + text.slice(-10).toUpperCase())).kind).toBe('bad')
  })
})

describe('bytes that were never a line', () => {
  it('any number of zeros', () => {
    for (const length of [0, 1, 17, 18, 19, 36, 100, 511, 512, 4096, 65_536]) {
      expect(decodeLine(Buffer.alloc(length)).kind).toBe('bad')
    }
  })

  it('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeLine(Buffer.from(bytes)).kind === 'bad'))
  })

  it('a checksum alone', () => {
    expect(decodeLine(Buffer.from(',"crc":"00000000"}')).kind).toBe('bad')
    expect(validChecksum(Buffer.from(',"crc":"00000000"}'))).toBeUndefined()
  })

  it('any bytes with a valid checksum are treated as a newer version, without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
        const body = Buffer.from(bytes)
        const line = Buffer.concat([body, Buffer.from(`,"crc":"${crc32(body)}"}`)])
        expect(decodeLine(line).kind).toBe('newer')
      }),
    )
  })

  it('fields in any order with a valid checksum are never read as half a record and never make it throw', () => {
    const words = fc.constantFrom(
      ...['{"timestamp":', `"${TIME}"`, ',"seq":', '1', ',"op":', '"SET"', '"DELETE"', '"BATCH"', '"CHECKPOINT"'],
      ...[',"key":', ',"prefix":', ',"data":', ',"ops":[', ']', ',"value":', '{', '}', '"a"', ':', ',"index":', 'null'],
      ...[',"part":true', ',"meta":', ',"state":', ',"format":', ',"store":', ',"indexAt":', '"', '\\', '[', ','],
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 14 }), fc.boolean(), (chosen, withStart) => {
        const start = withStart ? `{"timestamp":"${TIME}","seq":1,"op":` : ''
        const body = start + chosen.join('')
        const decoded = decodeLine(Buffer.from(`${body},"crc":"${crc32(Buffer.from(body))}"}`))
        // A line that reads like a mark does not belong in a log, so it is bad.
        const isMark = /^\{"timestamp":"[^"]*","format":/.test(body)
        if (body !== '' && !isMark) expect(decoded.kind).not.toBe('bad')
      }),
      { numRuns: 2000 },
    )
  })
})
