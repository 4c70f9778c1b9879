import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endOfString, endOfValue, oneLine, quote, sliceObject, unquote } from '../support/core.js'
import { anyString } from './support.js'

/**
 * The same JSON with all kinds of white space between its tokens.
 * Independent of the code under test.
 */
function spread(json: string, spaces: readonly string[]): string {
  let result = ''
  let inString = false
  let next = 0
  const space = () => spaces[next++ % spaces.length] as string
  for (let at = 0; at < json.length; at++) {
    const character = json[at] as string
    if (inString) {
      result += character
      if (character === '\\') result += json[++at]
      else if (character === '"') {
        inString = false
        result += space()
      }
    } else if (character === '"') {
      inString = true
      result += space() + character
    } else {
      result += '{}[],:'.includes(character) ? space() + character + space() : character
    }
  }
  return result
}

const anySpaces = fc.array(fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 }), { minLength: 1 })
const anyKeyed = fc.dictionary(anyString, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 })
const anyObject = fc.oneof(
  anyKeyed,
  fc.object({ values: [fc.string(), fc.integer(), fc.constant(null), fc.boolean()] }),
)

describe('sliceObject', () => {
  it('cuts an object into its keys and the texts of their values', () => {
    fc.assert(
      fc.property(anyObject, anySpaces, fc.string(), (object, spaces, rest) => {
        const json = spread(JSON.stringify(object), spaces).trim()
        const found: [string, unknown][] = []
        const end = sliceObject(json + rest, 0, (key, text) => {
          expect(text).toBe(text.trim())
          found.push([key, JSON.parse(text)])
        })
        expect(end).toBe(json.length)
        expect(new Map(found)).toEqual(new Map(Object.entries(JSON.parse(json) as object)))
        expect(found).toHaveLength(Object.keys(object).length)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps order, repeated keys and the text of values, unlike JSON.parse', () => {
    const found: [string, string][] = []
    const json = ' {"10":1.0,"9":1e400,"__proto__":{"a":[ ]},"a":1,"a":"\\u0041" ,"":-0}'
    expect(sliceObject(json, 1, (key, text) => found.push([key, text]))).toBe(json.length)
    expect(found).toEqual([
      ['10', '1.0'],
      ['9', '1e400'],
      ['__proto__', '{"a":[ ]}'],
      ['a', '1'],
      ['a', '"\\u0041"'],
      ['', '-0'],
    ])
  })

  it('finds nothing in an empty object', () => {
    for (const json of ['{}', '{ }', '{\n\t\r }']) {
      expect(sliceObject(json, 0, () => expect.fail('called'))).toBe(json.length)
    }
  })

  it('is not misled by the same text inside a value', () => {
    const object = { a: '"b":1}', 'b"': { b: '{"a":2' }, '\\': '\\"', b: [{ b: 'x' }] }
    const found: Record<string, unknown> = {}
    sliceObject(JSON.stringify(object), 0, (key, text) => {
      found[key] = JSON.parse(text)
    })
    expect(found).toEqual(object)
  })
})

describe('endOfValue', () => {
  it('finds the end of any value, whatever follows it', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        anySpaces,
        fc.constantFrom('', ',', '}', ']', ' ', '\n', ',"crc":"', '}]}', ' , 1'),
        fc.string(),
        (value, spaces, rest, before) => {
          const json = spread(JSON.stringify(value), spaces).trim()
          expect(endOfValue(before + json + rest, before.length)).toBe(before.length + json.length)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('needs no deep stack for a deeply nested value', () => {
    const depth = 200_000
    expect(endOfValue(`${'['.repeat(depth)}${']'.repeat(depth)},1`, 0)).toBe(2 * depth)
  })
})

describe('oneLine', () => {
  it('removes white space between tokens and nowhere else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), anySpaces, (value, spaces) => {
        const json = JSON.stringify(value)
        const compact = oneLine(spread(json, spaces).trim())
        expect(compact).toBe(json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'))
        expect(oneLine(compact)).toBe(compact)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps numbers, escapes, repeated keys and the order', () => {
    expect(oneLine('{ "10" : 1.0 ,\r\n"9": 1e400, "9": "a  b\\n\\" :," }')).toBe(
      '{"10":1.0,"9":1e400,"9":"a  b\\n\\" :,"}',
    )
  })
})

describe('strings', () => {
  it('quote is JSON.stringify with two more escapes, and unquote its reverse', () => {
    fc.assert(
      fc.property(anyString, (text) => {
        const literal = quote(text)
        expect(unquote(literal)).toBe(text)
        expect(JSON.parse(literal)).toBe(text)
        expect(literal).toBe(JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'))
        expect(endOfString(`${literal}"x"`, 0)).toBe(literal.length)
      }),
      { numRuns: 1000 },
    )
  })

  it('a string that is cut off has no end', () => {
    for (const json of ['"', '"abc', '"abc\\"', '"\\\\\\"']) expect(endOfString(json, 0)).toBe(-1)
    expect(endOfString('"\\\\"', 0)).toBe(4)
  })
})
