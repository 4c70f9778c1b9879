import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClearedPrefixes } from '../../src/index/cleared-prefixes.js'

const anyText = fc.string({ unit: fc.constantFrom('a', 'b', ':', '\ud83d', '\ude00'), maxLength: 4 })

describe('cleared prefixes', () => {
  it('cover the keys that start with one of them, and no others', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 10 }), fc.array(anyText, { maxLength: 20 }), (prefixes, keys) => {
        const cleared = new ClearedPrefixes()
        for (const prefix of prefixes) cleared.add(prefix)
        for (const key of keys) expect(cleared.covers(key)).toBe(prefixes.some((prefix) => key.startsWith(prefix)))
      }),
      { numRuns: 500 },
    )
  })

  it('taken back in reverse cover what they covered before', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 10 }), fc.array(anyText, { maxLength: 20 }), (prefixes, keys) => {
        const cleared = new ClearedPrefixes()
        const before = keys.map((key) => cleared.covers(key))
        const states: boolean[][] = []
        const added: boolean[] = []
        for (const prefix of prefixes) {
          states.push(keys.map((key) => cleared.covers(key)))
          added.push(cleared.add(prefix))
        }
        for (const prefix of prefixes.toReversed()) {
          if (added.pop()) cleared.remove(prefix)
          expect(keys.map((key) => cleared.covers(key))).toEqual(states.pop())
        }
        expect(keys.map((key) => cleared.covers(key))).toEqual(before)
        expect(cleared.size).toBe(0)
      }),
    )
  })

  it('the empty prefix covers everything, the empty key too', () => {
    const cleared = new ClearedPrefixes()
    expect(cleared.covers('')).toBe(false)
    expect(cleared.add('')).toBe(true)
    expect([cleared.covers(''), cleared.covers('anything')]).toEqual([true, true])
    expect(cleared.add('anything')).toBe(false)
  })

  it('are kept once, and not where a shorter one covers them', () => {
    const cleared = new ClearedPrefixes()
    expect([cleared.add('a:'), cleared.add('a:'), cleared.add('a:b')]).toEqual([true, false, false])
    expect([...cleared]).toEqual(['a:'])
    cleared.remove('never there')
    expect([...cleared]).toEqual(['a:'])
  })
})
