import { describe, expect, it } from 'vitest'
import {
  decodeLine,
  encodeHeader,
  encodeOperation,
  fromBytes,
  fromText,
  fromValue,
  type Operation,
} from '../support/core.js'
import { crc32, indexLine, line, partLine, recordLine, TIME } from './support.js'

/**
 * The lines of format 1, written out.
 * Existing files contain them: a change here changes the format.
 */

const AT = `{"timestamp":"${TIME}"`

const RECORDS: [what: string, operation: Operation, synced: number | undefined, body: string][] = [
  [
    'SET',
    { kind: 'set', key: 'user123', value: fromValue('', { score: 100 }) },
    undefined,
    `${AT},"seq":42,"op":"SET","key":"user123","value":{"score":100}`,
  ],
  [
    'SET as the first record of a write',
    { kind: 'set', key: 'user123', value: fromValue('', null) },
    41,
    `${AT},"seq":42,"synced":41,"op":"SET","key":"user123","value":null`,
  ],
  [
    'SET as the first record after an empty checkpoint',
    { kind: 'set', key: '', value: fromValue('', '') },
    0,
    `${AT},"seq":42,"synced":0,"op":"SET","key":"","value":""`,
  ],
  [
    'SET that expires',
    { kind: 'set', key: 'token', value: fromValue('', [1, 'a']), expires: 1736944496789 },
    undefined,
    `${AT},"seq":42,"op":"SET","key":"token","expires":1736944496789,"value":[1,"a"]`,
  ],
  [
    'SET of a text',
    { kind: 'set', key: 'k', value: fromText('', 'a "b"\n') },
    undefined,
    `${AT},"seq":42,"op":"SET","key":"k","encoding":"text","value":"a \\"b\\"\\n"`,
  ],
  [
    'SET of a text that is JSON: verbatim, with its spaces and numbers',
    { kind: 'set', key: 'k', value: fromText('', '{"b": 1.0, "a":1e400, "a":[ ]}') },
    undefined,
    `${AT},"seq":42,"op":"SET","key":"k","value":{"b": 1.0, "a":1e400, "a":[ ]}`,
  ],
  [
    'SET of bytes that expire',
    { kind: 'set', key: 'k', value: fromBytes('', new Uint8Array([0, 1, 255])), expires: 5 },
    7,
    `${AT},"seq":42,"synced":7,"op":"SET","key":"k","expires":5,"encoding":"base64","value":"AAH/"`,
  ],
  ['DELETE', { kind: 'delete', key: 'channel456' }, 42, `${AT},"seq":42,"synced":42,"op":"DELETE","key":"channel456"`],
  [
    'DELETE of a prefix',
    { kind: 'clear', prefix: 'players:' },
    undefined,
    `${AT},"seq":42,"op":"DELETE","prefix":"players:"`,
  ],
  ['DELETE of everything', { kind: 'clear', prefix: '' }, undefined, `${AT},"seq":42,"op":"DELETE","prefix":""`],
  [
    'SET of the whole state',
    {
      kind: 'replace',
      data: [
        ['b', fromValue('', 1)],
        ['10', fromValue('', 'x')],
        ['__proto__', fromValue('', {})],
      ],
    },
    undefined,
    `${AT},"seq":42,"op":"SET","data":{"b":1,"10":"x","__proto__":{}}`,
  ],
  ['SET of an empty state', { kind: 'replace', data: [] }, undefined, `${AT},"seq":42,"op":"SET","data":{}`],
  [
    'BATCH',
    {
      kind: 'batch',
      operations: [
        { kind: 'set', key: 'a', value: fromValue('', { b: [] }), expires: 9 },
        { kind: 'delete', key: 'c' },
        { kind: 'set', key: 'd', value: fromText('', 'x') },
      ],
    },
    3,
    `${AT},"seq":42,"synced":3,"op":"BATCH","ops":[{"op":"SET","key":"a","expires":9,"value":{"b":[]}},` +
      '{"op":"DELETE","key":"c"},{"op":"SET","key":"d","encoding":"text","value":"x"}]',
  ],
  [
    'a key of line ends and a lone surrogate, all escaped',
    { kind: 'delete', key: '\u2028\u2029\n\r\0\ud800é' },
    undefined,
    `${AT},"seq":42,"op":"DELETE","key":"\\u2028\\u2029\\n\\r\\u0000\\ud800é"`,
  ],
  [
    'a value with U+2028 and U+2029, escaped in strings and names',
    { kind: 'set', key: 'k', value: fromValue('', { '\u2028': '\u2029' }) },
    undefined,
    `${AT},"seq":42,"op":"SET","key":"k","value":{"\\u2028":"\\u2029"}`,
  ],
]

describe('records', () => {
  it.each(RECORDS)('%s', (_what, operation, synced, body) => {
    const written = recordLine(TIME, 42, synced, encodeOperation(operation))
    expect(written).toBe(line(body))
    const decoded = decodeLine(Buffer.from(written))
    expect(decoded).toEqual({
      kind: 'record',
      timestamp: TIME,
      seq: 42,
      synced,
      operation,
      crc: written.slice(-10, -2),
    })
  })

  it('match the example in the format description byte by byte', () => {
    // The checksum is from another program (Python's zlib).
    const operation = encodeOperation({ kind: 'set', key: 'user123', value: fromValue('', { score: 100 }) })
    expect(recordLine(TIME, 42, undefined, operation)).toBe(
      '{"timestamp":"2025-01-15T12:34:56.789Z","seq":42,"op":"SET","key":"user123","value":{"score":100},"crc":"20fe2fc0"}',
    )
  })
})

describe('the checksum', () => {
  it('is CRC-32 in eight lowercase digits', () => {
    expect(crc32(Buffer.from('123456789'))).toBe('cbf43926')
    // The checksum of this record begins with a zero.
    const short = recordLine(TIME, 42, undefined, '"op":"DELETE","key":"k107"')
    expect(short.slice(-18)).toMatch(/^,"crc":"0[0-9a-f]{7}"\}$/)
    expect(decodeLine(Buffer.from(short)).kind).toBe('record')
  })

  it('is always the last 18 bytes', () => {
    for (const [, operation, synced] of RECORDS) {
      const bytes = Buffer.from(recordLine(TIME, 1, synced, encodeOperation(operation)))
      expect(bytes.subarray(-18).toString()).toMatch(/^,"crc":"[0-9a-f]{8}"\}$/)
      expect(bytes.subarray(-10, -2).toString()).toBe(crc32(bytes.subarray(0, -18)))
    }
  })
})

describe('the checkpoint', () => {
  const store = '0123456789abcdef'

  it('header that contains the whole state', () => {
    const header = {
      timestamp: TIME,
      seq: 42,
      store,
      indexAt: 0,
      compactedAt: '2025-01-15T12:34:57.000Z',
      state: [
        { key: '10', value: fromValue('', 1) },
        { key: '9', value: fromValue('', { a: 'b' }) },
      ],
    }
    const written = encodeHeader(header)
    expect(written).toBe(
      line(
        `${AT},"seq":42,"op":"CHECKPOINT","format":1,"store":"${store}","indexAt":"000000000000000",` +
          '"state":{"10":1,"9":{"a":"b"}},"compactedAt":"2025-01-15T12:34:57.000Z"',
      ),
    )
    expect(decodeLine(Buffer.from(written))).toEqual({ kind: 'header', ...header, crc: written.slice(-10, -2) })
  })

  it('header that points to the index: as long as one that does not', () => {
    const header = { timestamp: TIME, seq: 0, store, indexAt: 123456789, compactedAt: TIME, state: [] }
    const written = encodeHeader(header)
    expect(written).toBe(
      line(
        `${AT},"seq":0,"op":"CHECKPOINT","format":1,"store":"${store}","indexAt":"000000123456789",` +
          `"state":{},"compactedAt":"${TIME}"`,
      ),
    )
    expect(encodeHeader({ ...header, indexAt: 0 })).toHaveLength(written.length)
    expect(decodeLine(Buffer.from(written))).toMatchObject({ kind: 'header', indexAt: 123456789, state: [] })
  })

  it('part with empty meta', () => {
    const written = partLine(TIME, Date.parse(TIME), 7, [{ key: 'a', value: fromValue('', 1) }])
    expect(written).toBe(line(`${AT},"seq":7,"op":"CHECKPOINT","part":true,"meta":{},"state":{"a":1}`))
  })

  it('part with expiry, encodings and ages', () => {
    const now = Date.parse(TIME)
    const state = [
      { key: '__proto__', value: fromText('', 'x y'), expires: 1736944496789, time: now - 5 },
      { key: 'b', value: fromValue('', 'x'), time: now },
      { key: 'c', value: fromBytes('', new Uint8Array([1])), expires: 2, time: now - 1000 },
    ]
    const written = partLine(TIME, now, 7, state)
    expect(written).toBe(
      line(
        `${AT},"seq":7,"op":"CHECKPOINT","part":true,"meta":{"expires":{"__proto__":1736944496789,"c":2},` +
          '"encoding":{"__proto__":"text","c":"base64"},"ages":[5,0,1000]},"state":{"__proto__":"x y","b":"x","c":"AQ=="}',
      ),
    )
    expect(decodeLine(Buffer.from(written))).toEqual({
      kind: 'part',
      timestamp: TIME,
      seq: 7,
      state,
      crc: written.slice(-10, -2),
    })
  })

  it('index', () => {
    const rows = [
      { firstKey: 'a', offset: 190, keys: 3, minExpires: null, maxExpires: null, crc: '9f3a1c22' },
      { firstKey: '\u2028"', offset: 8400, keys: 1, minExpires: 5, maxExpires: 5, crc: '00000000' },
      { firstKey: 'z', offset: 9000, keys: 2, minExpires: 5, maxExpires: null, crc: 'ffffffff' },
    ]
    const written = indexLine(TIME, 42, rows)
    expect(written).toBe(
      line(
        `${AT},"seq":42,"op":"CHECKPOINT","index":[["a",190,3,null,null,"9f3a1c22"],` +
          '["\\u2028\\"",8400,1,5,5,"00000000"],["z",9000,2,5,null,"ffffffff"]]',
      ),
    )
    expect(decodeLine(Buffer.from(written))).toEqual({
      kind: 'index',
      timestamp: TIME,
      seq: 42,
      rows,
      crc: written.slice(-10, -2),
    })
  })
})

describe('lines of a newer version', () => {
  it.each([
    ['an unknown operation', `${AT},"seq":1,"op":"MERGE","key":"a","value":1`],
    ['an unknown operation in a batch', `${AT},"seq":1,"op":"BATCH","ops":[{"op":"MERGE","key":"a"}]`],
    ['a higher format', `${AT},"seq":1,"op":"CHECKPOINT","format":2,"store":"${'0'.repeat(16)}","state":{}`],
    [
      'a higher format with the fields of this one',
      `${AT},"seq":1,"op":"CHECKPOINT","format":2,"store":"${'0'.repeat(16)}","indexAt":"000000000000000",` +
        `"state":{},"compactedAt":"${TIME}"`,
    ],
    ['a higher format with other fields', `${AT},"seq":1,"op":"CHECKPOINT","format":17,"parts":[]`],
    ['another encoding', `${AT},"seq":1,"op":"SET","key":"a","encoding":"zstd","value":"x"`],
    ['another kind of checkpoint line', `${AT},"seq":1,"op":"CHECKPOINT","bloom":"x"`],
    ['another field before the key', `${AT},"seq":1,"op":"SET","tag":1,"key":"a","value":1`],
    ['another field after the key of a DELETE', `${AT},"seq":1,"op":"DELETE","key":"a","why":1`],
    ['a seq that is too large for a number', `${AT},"seq":9007199254740993,"op":"DELETE","key":"a"`],
    ['a state that is not an object', `${AT},"seq":1,"op":"SET","data":[1]`],
  ])('%s', (_what, body) => {
    expect(decodeLine(Buffer.from(line(body)))).toMatchObject({ kind: 'newer', what: expect.any(String) })
  })
})
