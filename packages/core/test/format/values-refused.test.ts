import { describe, expect, it, vi } from 'vitest'
import { FlatlogError, fromBytes, fromText, fromValue, MAX_RECORD_BYTES, toValue } from '../support/core.js'

function refusal(value: unknown): FlatlogError {
  try {
    fromValue('the key', value)
  } catch (error) {
    if (error instanceof FlatlogError) return error
    throw error
  }
  throw new Error('it was taken')
}

function nested(depth: number, innermost: unknown): unknown {
  let value = innermost
  for (let level = 0; level < depth; level++) value = level % 2 ? { a: value } : [value]
  return value
}

const circle: Record<string, unknown> = { name: 'x' }
circle.self = circle
const longCircle: unknown[] = [{ a: [] }]
;(longCircle[0] as { a: unknown[] }).a.push(longCircle)
const arrayWithToJson = Object.assign([1, 2], { toJSON: () => 'something else' })

describe('a value that JSON would change in silence is refused, with the place', () => {
  it.each<[what: string, value: unknown, message: RegExp]>([
    ['undefined', undefined, /stored: undefined has no JSON form/],
    ['a function', () => 1, /stored: a function has no JSON form/],
    ['a class', class {}, /a function has no JSON form/],
    ['a symbol', Symbol('x'), /a symbol has no JSON form/],
    ['a bigint', 1n, /a bigint has no JSON form/],
    ['NaN', Number.NaN, /NaN has no JSON form/],
    ['Infinity', Number.POSITIVE_INFINITY, /Infinity has no JSON form/],
    ['-Infinity', Number.NEGATIVE_INFINITY, /-Infinity has no JSON form/],
    ['a Map', new Map([['a', 1]]), /a Map would come back as something else/],
    ['a Set', new Set([1]), /a Set would come back/],
    ['a WeakMap', new WeakMap(), /a WeakMap would come back/],
    ['a Date', new Date(0), /a Date would come back/],
    ['a RegExp', /x/, /a RegExp would come back/],
    ['an Error', new Error('x'), /a Error would come back|an Error would come back/],
    ['a Promise', Promise.resolve(1), /a Promise would come back/],
    ['a boxed number', Object(1), /a Number would come back/],
    ['a boxed string', Object('x'), /a String would come back/],
    ['a Buffer', Buffer.from('x'), /a Uint8Array would come back/],
    ['a Uint8Array', new Uint8Array(1), /a Uint8Array would come back/],
    ['a Float64Array', new Float64Array(1), /a Float64Array would come back/],
    ['an ArrayBuffer', new ArrayBuffer(1), /a ArrayBuffer would come back|an ArrayBuffer would come back/],
    ['a DataView', new DataView(new ArrayBuffer(1)), /a DataView would come back/],
    ['an object with toJSON', { toJSON: () => 1 }, /toJSON/],
    ['a URL', new URL('https://example.org'), /toJSON|URL/],
    ['an array with toJSON', arrayWithToJson, /toJSON/],
    ['a circle', circle, /contains itself/],
    ['a circle over several', longCircle, /contains itself/],
    ['undefined in an array', ['a', undefined], /at \[1\]: undefined/],
    // biome-ignore lint/suspicious/noSparseArray: holes are what this is about.
    ['a hole in an array', ['a', , 'b'], /at \[1\]: undefined/],
    ['NaN far inside', { a: [{ 'b"c': [0, Number.NaN] }] }, /at \["a"\]\[0\]\["b\\"c"\]\[1\]: NaN/],
    ['a bigint as a property', { n: 1n }, /at \["n"\]: a bigint/],
    ['a function as a property', { f: () => 1 }, /at \["f"\]: a function/],
    ['a symbol as a property', { s: Symbol() }, /at \["s"\]: a symbol/],
    ['a Date in a list', { list: [{ at: new Date(0) }] }, /at \["list"\]\[0\]\["at"\]: a Date/],
    ['a nested toJSON', [{ a: { toJSON: () => 1 } }], /at \[0\]\["a"\]: it has a toJSON/],
    [
      'a property of the name __proto__',
      JSON.parse('{"__proto__":[0]}', (_, v) => (v === 0 ? Number.NaN : v)),
      /__proto__/,
    ],
    [
      'something that throws when it is read',
      {
        get a() {
          throw new Error('no access')
        },
      },
      /reading it failed \(no access\)/,
    ],
  ])('%s', (_what, value, message) => {
    const error = refusal(value)
    expect(error.code).toBe('FLATLOG_INVALID_VALUE')
    expect(error.message).toMatch(message)
    expect(error.message).toContain('"the key"')
    expect(error.message).toContain('What to do')
  })

  it('a circle that begins far inside', () => {
    expect(refusal(nested(150, circle)).message).toContain('contains itself')
  })

  it('a nest so deep that nothing could be made of it: a clear error, and not that of the stack', () => {
    const error = refusal(nested(200_000, 1))
    expect(error.code).toBe('FLATLOG_INVALID_VALUE')
    expect(error.message).toMatch(/nested too deeply/)
  })

  it('the work for a deep nest grows with its depth, and not with the square of it', () => {
    const add = vi.spyOn(Set.prototype, 'add')
    try {
      const value = nested(1000, 'the bottom')
      expect(fromValue('k', value).text).toContain('the bottom')
      // A copy of all ancestors at each level would be some 400,000.
      expect(add.mock.calls.length).toBeLessThan(10_000)
    } finally {
      add.mockRestore()
    }
  })
})

describe('what JSON holds is taken', () => {
  it('an undefined property is left out, as JSON.stringify does', () => {
    expect(fromValue('k', { a: undefined, b: 1, c: { d: undefined } })).toEqual({ text: '{"b":1,"c":{}}' })
  })

  it('the same object twice is no circle', () => {
    const shared = { a: 1 }
    expect(fromValue('k', [shared, shared, { shared }]).text).toBe('[{"a":1},{"a":1},{"shared":{"a":1}}]')
    const deep = nested(120, [shared, shared])
    expect(toValue(fromValue('k', deep), 'k')).toEqual(deep)
  })

  it('an object without a prototype', () => {
    expect(fromValue('k', Object.assign(Object.create(null), { a: 1 })).text).toBe('{"a":1}')
  })

  it('__proto__ as a property of the value', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"y":2}') as object
    const back = toValue(fromValue('k', value), 'k') as object
    expect(Object.keys(back)).toEqual(['__proto__', 'y'])
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  })

  it('null, false, 0 and the empty string are values', () => {
    expect([null, false, 0, ''].map((value) => toValue(fromValue('k', value), 'k'))).toEqual([null, false, 0, ''])
  })
})

describe('what is too large is refused before memory is taken for its text', () => {
  const tooLarge = expect.objectContaining({ code: 'FLATLOG_TOO_LARGE', message: expect.stringContaining('"k"') })

  it.each<[what: string, make: () => unknown]>([
    ['a string', () => fromValue('k', 'x'.repeat(MAX_RECORD_BYTES + 1))],
    ['a text', () => fromText('k', 'x'.repeat(MAX_RECORD_BYTES + 1))],
    ['bytes', () => fromBytes('k', new Uint8Array((MAX_RECORD_BYTES / 4) * 3 + 1))],
  ])('%s', (_what, make) => {
    expect(make).toThrow(tooLarge)
  })

  it('an object whose strings alone are too long, though they are one string many times', () => {
    const mebibyte = 'x'.repeat(1024 * 1024)
    let reads = 0
    const value = {
      list: new Array(MAX_RECORD_BYTES / mebibyte.length + 1).fill(mebibyte),
      get last() {
        reads++
        return 1
      },
    }
    expect(() => fromValue('k', value)).toThrow(tooLarge)
    // JSON.stringify would have read it another time, when the text was made.
    expect(reads).toBeLessThan(2)
  })
})
