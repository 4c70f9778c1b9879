import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonScanner, sliceObject } from '../support/core.js'
import { anyString } from './support.js'

/** What the scanner says of bytes that come in pieces, each up to one of the places and the last one to the end. */
function scan(bytes: Buffer, cuts: readonly number[] = [], base = 0) {
  const scanner = new JsonScanner()
  const members: [key: string, value: string][] = []
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    while (from < to && !scanner.isBad) {
      from = scanner.scan(bytes, from, to, base)
      const { keyStart, keyEnd, valueStart, valueEnd } = scanner
      if (valueEnd === -1) continue
      const text = (start: number, end: number) => bytes.toString('utf8', start - base, end - base)
      members.push([text(keyStart, keyEnd), text(valueStart, valueEnd)])
    }
  }
  const isJson = !scanner.isBad && scanner.end()
  return { isJson, members: isJson && scanner.isObject ? members : undefined }
}

/** What `JSON.parse` and the slicing of strings say of them. */
function parse(bytes: Buffer): ReturnType<typeof scan> {
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    const members: [string, string][] = []
    if (isObject) sliceObject(text, text.indexOf('{'), (key, value) => members.push([key, value]))
    return { isJson: true, members: isObject ? members : undefined }
  } catch {
    return { isJson: false, members: undefined }
  }
}

/** With keys as what they stand for, as `sliceObject` gives them. */
function unquoted({ isJson, members }: ReturnType<typeof scan>) {
  return { isJson, members: members?.map(([key, value]) => [JSON.parse(key) as string, value]) }
}

const anySpace = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 2 })
const anyNumber = fc.constantFrom('0', '-0', '1.0', '1e400', '-12.5E+3', '5e-07', '10', '9007199254740993')
const anyWord = fc.constantFrom('true', 'false', 'null')
/** With escapes that `JSON.stringify` would not use. */
const anyLiteral = fc.oneof(
  anyString.map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0041\\/\\b\\f\\n\\r\\t\\\\\\""', '"\\uD800\\u00e9"', '"\u2028"', '""'),
)
const { value: anyJson, object: anyObject } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, anyNumber, anyWord, anyLiteral, tie('object'), tie('list')),
  object: fc
    .tuple(fc.array(fc.tuple(anyLiteral, tie('value')), { maxLength: 5 }), anySpace, anySpace)
    .map(([pairs, s, t]) => `{${s}${pairs.map(([key, value]) => `${key}${t}:${s}${value}`).join(`${s},${t}`)}${t}}`),
  list: fc
    .tuple(fc.array(tie('value'), { maxLength: 4 }), anySpace)
    .map(([values, s]) => `[${s}${values.join(`${s},${s}`)}${s}]`),
}))

/** What is wrong or merely odd about a text, at some place of it. */
const anyPiece = fc.oneof(
  fc.constantFrom(
    ...'{}[],:"\\0123456789-+.eEtfnu \n\t\0\u001f\u007f',
    '\ufeff',
    '\u2028',
    'é',
    '01',
    '1.',
    '.5',
    '\\u12',
  ),
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
)
const anyBytes = fc
  .tuple(fc.oneof(anyObject, anyJson), fc.array(fc.tuple(fc.nat(), fc.nat(2), anyPiece), { maxLength: 2 }))
  .map(([json, edits]) => {
    let bytes = Buffer.from(json)
    for (const [place, removed, piece] of edits) {
      const at = place % (bytes.length + 1)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(piece, 'latin1'), bytes.subarray(at + removed)])
    }
    return bytes
  })

describe('a JSON text in pieces', () => {
  it('is taken exactly where JSON.parse takes it, with the same keys and values', () => {
    let good = 0
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const expected = parse(bytes)
        good += expected.isJson ? 1 : 0
        expect(unquoted(scan(bytes))).toEqual(expected)
      }),
      { numRuns: 5000 },
    )
    expect(good).toBeGreaterThan(1000)
  })

  it('is the same wherever it is cut, and byte by byte', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(2 ** 40), (bytes, base) => {
        fc.pre(bytes.length < 300)
        const whole = scan(bytes)
        for (let cut = 0; cut <= bytes.length; cut++) expect(scan(bytes, [cut], base)).toEqual(whole)
        expect(scan(bytes, [...bytes.keys()], base)).toEqual(whole)
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    [
      '',
      ' ',
      '01',
      '-',
      '1.',
      '.5',
      '1e',
      '1e+',
      '+1',
      'nul',
      'nulll',
      'True',
      'NaN',
      '"',
      '"\\',
      '"\\x"',
      '"\\u12g4"',
    ],
    ['"\n"', '"\t"', '"\u0000"', '{', '[', '}', ']', '{]', '[}', '{,}', '[,]', '{"a"}', '{"a":}', '{"a":1,}', '[1,]'],
    [
      '{a:1}',
      "{'a':1}",
      '{1:1}',
      '{"a" 1}',
      '{"a":1 "b":2}',
      '[1 2]',
      '1 2',
      '{}{}',
      '\ufeff{}',
      '{}\0',
      '[1]]',
      '\u00a01',
    ],
  ])('is none: %j and the like', (...texts) => {
    for (const text of texts) expect([text, scan(Buffer.from(text)).isJson]).toEqual([text, false])
  })

  it('may be nested as deeply as there is room', () => {
    const depth = 200_000
    const nested = Buffer.from(`{"a":${'[{"b":'.repeat(depth)}1${'}]'.repeat(depth)}}`)
    expect(scan(nested)).toMatchObject({ isJson: true, members: [['"a"', expect.any(String)]] })
    expect(scan(nested.subarray(0, -1)).isJson).toBe(false)
    nested[nested.length - 2] = 0x7d
    expect(scan(nested).isJson).toBe(false)
  })
})
