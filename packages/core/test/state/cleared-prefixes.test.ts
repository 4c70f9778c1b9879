import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClearedPrefixes } from '../support/core.js'

const anyText = fc.string({ unit: fc.constantFrom('a', 'b', ':', '\ud83d', '\ude00'), maxLength: 4 })
const anyPrefixes = fc.array(anyText, { maxLength: 10 })
const anyKeys = fc.array(anyText, { maxLength: 20 })

/** Cleared by records 0, 1, 2, …. */
function clearedBy(prefixes: readonly string[]): ClearedPrefixes {
  const cleared = new ClearedPrefixes()
  for (const [seq, prefix] of prefixes.entries()) cleared.add(prefix, seq)
  return cleared
}

describe('cleared prefixes', () => {
  it('know the last record that cleared a key', () => {
    fc.assert(
      fc.property(anyPrefixes, anyKeys, (prefixes, keys) => {
        const cleared = clearedBy(prefixes)
        for (const key of keys) {
          const last = prefixes.findLastIndex((prefix) => key.startsWith(prefix))
          expect(cleared.lastFor(key)).toBe(last)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('know the shortest prefix that covers a key', () => {
    fc.assert(
      fc.property(anyPrefixes, anyKeys, (prefixes, keys) => {
        const cleared = clearedBy(prefixes)
        for (const key of keys) {
          const covering = prefixes.filter((prefix) => key.startsWith(prefix)).sort((a, b) => a.length - b.length)
          expect(cleared.covering(key)).toBe(covering[0])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('undone in reverse are as they were before', () => {
    fc.assert(
      fc.property(anyPrefixes, anyKeys, (prefixes, keys) => {
        const cleared = new ClearedPrefixes()
        const look = () => [
          cleared.size,
          [...cleared].sort(),
          keys.map((key) => [cleared.lastFor(key), cleared.covering(key)]),
        ]
        const states: unknown[] = []
        const before: (number | undefined)[] = []
        for (const [seq, prefix] of prefixes.entries()) {
          states.push(look())
          before.push(cleared.add(prefix, seq))
        }
        for (const prefix of prefixes.toReversed()) {
          cleared.undoAdd(prefix, before.pop())
          expect(look()).toEqual(states.pop())
        }
        expect(cleared.size).toBe(0)
      }),
    )
  })

  it('cover all keys with the empty prefix, even the empty key', () => {
    const cleared = new ClearedPrefixes()
    expect(cleared.lastFor('')).toBe(-1)
    expect(cleared.add('', 3)).toBeUndefined()
    expect([cleared.lastFor(''), cleared.lastFor('anything')]).toEqual([3, 3])
    cleared.add('anything', 4)
    expect([cleared.lastFor(''), cleared.lastFor('anything')]).toEqual([3, 4])
    expect(cleared.covering('anything')).toBe('')
  })

  it('are kept once, with the last record, even if a shorter one covers them', () => {
    const cleared = new ClearedPrefixes()
    expect([cleared.add('a:', 1), cleared.add('a:', 2), cleared.add('a:b', 3)]).toEqual([undefined, 1, undefined])
    expect([[...cleared], cleared.size]).toEqual([['a:', 'a:b'], 2])
    expect([cleared.lastFor('a:'), cleared.lastFor('a:b'), cleared.lastFor('a')]).toEqual([2, 3, -1])
    cleared.undoAdd('a:b', undefined)
    cleared.undoAdd('a:', 1)
    expect([cleared.lastFor('a:'), cleared.lastFor('a:b')]).toEqual([1, 1])
    cleared.undoAdd('never there', undefined)
    expect([...cleared]).toEqual(['a:'])
  })
})
