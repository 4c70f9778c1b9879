import { describe, expect, it, vi } from 'vitest'
import { FlatlogError, fromBytes, fromText, fromValue, MAX_RECORD_BYTES, toValue } from '../support/core.js'

function refusal(value: unknown): FlatlogError {
  try {
    fromValue('the key', value)
  } catch (error) {
    if (error instanceof FlatlogError) return error
    throw error
  }
  throw new Error('the value was accepted')
}

function nested(depth: number, innermost: unknown): unknown {
  let value = innermost
  for (let level = 0; level < depth; level++) value = level % 2 ? { a: value } : [value]
  return value
}

const cycle: Record<string, unknown> = { name: 'x' }
cycle.self = cycle
const longCycle: unknown[] = [{ a: [] }]
;(longCycle[0] as { a: unknown[] }).a.push(longCycle)
const arrayWithToJson = Object.assign([1, 2], { toJSON: () => 'something else' })

describe('a value that JSON would change silently is refused with its place', () => {
  it.each<[what: string, value: unknown, message: RegExp]>([
    ['undefined', undefined, /stored: undefined has no JSON form/],
    ['a function', () => 1, /stored: a function has no JSON form/],
    ['a class', class {}, /a function has no JSON form/],
    ['a symbol', Symbol('x'), /a symbol has no JSON form/],
    ['a bigint', 1n, /a bigint has no JSON form/],
    ['NaN', Number.NaN, /NaN has no JSON form/],
    ['Infinity', Number.POSITIVE_INFINITY, /Infinity has no JSON form/],
    ['-Infinity', Number.NEGATIVE_INFINITY, /-Infinity has no JSON form/],
    ['a Map', new Map([['a', 1]]), /not preserve values of type Map/],
    ['a Set', new Set([1]), /not preserve values of type Set/],
    ['a WeakMap', new WeakMap(), /not preserve values of type WeakMap/],
    ['a Date', new Date(0), /not preserve values of type Date/],
    ['a RegExp', /x/, /not preserve values of type RegExp/],
    ['an Error', new Error('x'), /not preserve values of type Error/],
    ['a Promise', Promise.resolve(1), /not preserve values of type Promise/],
    ['a boxed number', Object(1), /not preserve values of type Number/],
    ['a boxed string', Object('x'), /not preserve values of type String/],
    ['a Buffer', Buffer.from('x'), /not preserve values of type Uint8Array/],
    ['a Uint8Array', new Uint8Array(1), /not preserve values of type Uint8Array/],
    ['a Float64Array', new Float64Array(1), /not preserve values of type Float64Array/],
    ['an ArrayBuffer', new ArrayBuffer(1), /not preserve values of type ArrayBuffer/],
    ['a DataView', new DataView(new ArrayBuffer(1)), /not preserve values of type DataView/],
    ['an object with toJSON', { toJSON: () => 1 }, /toJSON/],
    ['a URL', new URL('https://example.org'), /toJSON|URL/],
    ['an array with toJSON', arrayWithToJson, /toJSON/],
    ['a cycle', cycle, /contains itself/],
    ['a cycle of several objects', longCycle, /contains itself/],
    ['undefined in an array', ['a', undefined], /at \[1\]: undefined/],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the test.
    ['a hole in an array', ['a', , 'b'], /at \[1\]: undefined/],
    ['NaN deep inside', { a: [{ 'b"c': [0, Number.NaN] }] }, /at \["a"\]\[0\]\["b\\"c"\]\[1\]: NaN/],
    ['a bigint as a property', { n: 1n }, /at \["n"\]: a bigint/],
    ['a function as a property', { f: () => 1 }, /at \["f"\]: a function/],
    ['a symbol as a property', { s: Symbol() }, /at \["s"\]: a symbol/],
    [
      'a Date in a list',
      { list: [{ at: new Date(0) }] },
      /at \["list"\]\[0\]\["at"\]: JSON does not preserve values of type Date/,
    ],
    ['a nested toJSON', [{ a: { toJSON: () => 1 } }], /at \[0\]\["a"\]: it has a toJSON/],
    ['a property named __proto__', JSON.parse('{"__proto__":[0]}', (_, v) => (v === 0 ? Number.NaN : v)), /__proto__/],
    [
      'a getter that throws',
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

  it('refuses a cycle that begins deep inside', () => {
    expect(refusal(nested(150, cycle)).message).toContain('contains itself')
  })

  it('refuses a value that is nested too deeply with a clear error instead of a stack overflow', () => {
    const error = refusal(nested(200_000, 1))
    expect(error.code).toBe('FLATLOG_INVALID_VALUE')
    expect(error.message).toMatch(/nested too deeply/)
  })

  it('takes time in proportion to the depth, not to its square', () => {
    const add = vi.spyOn(Set.prototype, 'add')
    try {
      const value = nested(1000, 'the bottom')
      expect(fromValue('k', value).text).toContain('the bottom')
      // Copying all ancestors at each level would take about 400,000.
      expect(add.mock.calls.length).toBeLessThan(10_000)
    } finally {
      add.mockRestore()
    }
  })
})

describe('a value that JSON preserves is accepted', () => {
  it('without its undefined properties, as JSON.stringify does', () => {
    expect(fromValue('k', { a: undefined, b: 1, c: { d: undefined } })).toEqual({ text: '{"b":1,"c":{}}' })
  })

  it('with the same object twice, which is not a cycle', () => {
    const shared = { a: 1 }
    expect(fromValue('k', [shared, shared, { shared }]).text).toBe('[{"a":1},{"a":1},{"shared":{"a":1}}]')
    const deep = nested(120, [shared, shared])
    expect(toValue(fromValue('k', deep), 'k')).toEqual(deep)
  })

  it('as an object without a prototype', () => {
    expect(fromValue('k', Object.assign(Object.create(null), { a: 1 })).text).toBe('{"a":1}')
  })

  it('with a property named __proto__', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"y":2}') as object
    const back = toValue(fromValue('k', value), 'k') as object
    expect(Object.keys(back)).toEqual(['__proto__', 'y'])
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  })

  it('if it is null, false, 0 or the empty string', () => {
    expect([null, false, 0, ''].map((value) => toValue(fromValue('k', value), 'k'))).toEqual([null, false, 0, ''])
  })
})

describe('a value that is too large is refused before its text is made', () => {
  const tooLarge = expect.objectContaining({ code: 'FLATLOG_TOO_LARGE', message: expect.stringContaining('"k"') })

  it.each<[what: string, make: () => unknown]>([
    ['a string', () => fromValue('k', 'x'.repeat(MAX_RECORD_BYTES + 1))],
    ['a text', () => fromText('k', 'x'.repeat(MAX_RECORD_BYTES + 1))],
    ['bytes', () => fromBytes('k', new Uint8Array((MAX_RECORD_BYTES / 4) * 3 + 1))],
  ])('%s', (_what, make) => {
    expect(make).toThrow(tooLarge)
  })

  it('an object whose strings alone are too long, even if they are all the same string', () => {
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
    // JSON.stringify would have read it again to make the text.
    expect(reads).toBeLessThan(2)
  })
})
