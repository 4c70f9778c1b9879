import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byCodeUnit, SortedKeys } from '../../src/index/sorted-keys.js'

const anyKey = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '\uffff', '\u{10000}', '\ud800', '\0', 'é', '9', '1'), maxLength: 4 }),
)

type Step = { do: 'add' | 'remove' | 'list'; key: string }
const anyStep: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom('add', 'add', 'remove', 'list'), key: anyKey })

function all(keys: SortedKeys, from = ''): string[] {
  return [...keys.from(from)]
}

describe('keys in order', () => {
  it('as a sorted list of them would have, whatever is added and removed', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const keys = new SortedKeys()
        const model = new Set<string>()
        for (const step of steps) {
          if (step.do === 'add' && !model.has(step.key)) {
            keys.add(step.key)
            model.add(step.key)
          } else if (step.do === 'remove') {
            keys.remove(step.key)
            model.delete(step.key)
          } else if (step.do === 'list') {
            const expected = [...model].filter((key) => key >= step.key).sort(byCodeUnit)
            expect(all(keys, step.key)).toEqual(expected)
          }
        }
        expect(all(keys)).toEqual([...model].sort(byCodeUnit))
      }),
      { numRuns: 500 },
    )
  })

  it('is that of code units: an emoji stands before the last of the basic plane', () => {
    const keys = new SortedKeys()
    for (const key of ['\uffff', '\u{1f600}', '10', '9', '', 'Z', 'a', '\ud800']) keys.add(key)
    expect(all(keys)).toEqual(['', '10', '9', 'Z', 'a', '\ud800', '\u{1f600}', '\uffff'])
  })

  it('over many blocks: added in any order, a few at a time, and removed again', () => {
    const number = (n: number) => String(n).padStart(5, '0')
    for (const order of ['rising', 'falling', 'mixed']) {
      const keys = new SortedKeys()
      const total = 6000
      for (let n = 0; n < total; n++) {
        const place = order === 'rising' ? n : order === 'falling' ? total - 1 - n : (n * 3571) % total
        keys.add(number(place))
        // Asking makes the few that are new be put in one by one; not asking for long makes all be merged.
        if (n % (n < 3000 ? 10 : 1000) === 0) expect(keys.from('').next().value).toBeDefined()
      }
      const expected = Array.from({ length: total }, (_, n) => number(n))
      expect(all(keys)).toEqual(expected)
      for (let n = 0; n < total; n++) if (n % 3) keys.remove(number(n))
      expect(all(keys)).toEqual(expected.filter((_, n) => n % 3 === 0))
      for (const from of ['', '00000', '00001', '02999', '03000', '05997', '05998', '06000', 'x']) {
        expect(all(keys, from)).toEqual(expected.filter((key, n) => n % 3 === 0 && key >= from))
      }
      for (const key of all(keys)) keys.remove(key)
      expect(all(keys)).toEqual([])
      keys.add('again')
      expect(all(keys)).toEqual(['again'])
    }
  })

  it('removing what is not there does nothing', () => {
    const keys = new SortedKeys()
    keys.remove('a')
    keys.add('b')
    keys.remove('a')
    keys.remove('c')
    expect(all(keys)).toEqual(['b'])
  })

  it('a walk gives every key that is there throughout exactly once, also while others come and go', () => {
    const keys = new SortedKeys()
    const stays = Array.from({ length: 2000 }, (_, n) => `k${String(n).padStart(4, '0')}`)
    for (const key of stays) keys.add(key)
    const seen: string[] = []
    let number = 0
    for (const key of keys.from('')) {
      if (!key.endsWith('x')) seen.push(key)
      // Behind, at and ahead of the place where the walk stands.
      if (number++ < 1500) keys.add(`${stays[(number * 7) % stays.length]}x${number}x`)
    }
    expect(seen).toEqual(stays)
    expect(all(keys)).toHaveLength(2000 + 1500)
  })
})
