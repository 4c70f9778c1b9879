import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byCodeUnit, endOfPrefix, type Keyed, type SortedCursor, SortedKeys } from '../support/core.js'
import { type Random, withSeed } from '../support/random.js'

const UNITS = ['a', 'b', '\uffff', '\u{10000}', '\ud800', '\0', 'é', '9', '1'] as const
const anyKey = fc.string({ unit: fc.constantFrom(...UNITS), maxLength: 4 })

const anyStep = fc.record({ do: fc.constantFrom('add' as const, 'add' as const, 'list' as const), key: anyKey })

/** Sorted keys whose items are the keys themselves. */
class Keys extends SortedKeys<Keyed> {
  readonly #items = new Map<string, Keyed>()

  put(key: string, isLater = false): void {
    const item = { key }
    this.#items.set(key, item)
    this.add(item, isLater)
  }

  undo(key: string): void {
    this.undoAdd(this.#items.get(key) ?? { key })
  }
}

function rest(cursor: SortedCursor<Keyed>): string[] {
  const keys: string[] = []
  for (; cursor.key !== undefined; cursor.advance()) keys.push(cursor.key)
  return keys
}

function all(keys: Keys, from = ''): string[] {
  return rest(keys.from(from))
}

const inOrder = (keys: Iterable<string>, from = '') => [...new Set(keys)].filter((key) => key >= from).sort(byCodeUnit)

describe('sorted keys', () => {
  it('are those of a sorted set, whatever is added, and however often', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80, size: 'max' }), (steps) => {
        const keys = new Keys()
        const model = new Set<string>()
        for (const step of steps) {
          if (step.do === 'add') {
            keys.put(step.key)
            model.add(step.key)
          } else expect(all(keys, step.key)).toEqual(inOrder(model, step.key))
        }
        expect(all(keys)).toEqual(inOrder(model))
      }),
      { numRuns: 300 },
    )
  })

  it('are in the order of code units: an emoji comes before the last of the basic plane', () => {
    const keys = new Keys()
    for (const key of ['\uffff', '\u{1f600}', '10', '9', '', 'Z', 'a', '\ud800']) keys.put(key)
    expect(all(keys)).toEqual(['', '10', '9', 'Z', 'a', '\ud800', '\u{1f600}', '\uffff'])
  })

  it('are in order over many runs, added in any order, a few at a time or many, some of them twice', () => {
    const number = (n: number) => String(n).padStart(6, '0')
    const total = 20_000
    const expected = Array.from({ length: total }, (_, n) => number(n))
    for (const order of ['rising', 'falling', 'mixed']) {
      const keys = new Keys()
      for (let n = 0; n < total; n++) {
        const place = order === 'rising' ? n : order === 'falling' ? total - 1 - n : (n * 3571) % total
        keys.put(number(place))
        if (n % 3 === 0) keys.put(number(place))
        // A cursor ends a run, however short; without cursors all runs have one length.
        if (n % (n < 3000 ? 10 : 1000) === 0) expect(keys.from('').key).toBeDefined()
      }
      expect(all(keys)).toEqual(expected)
      for (const from of ['000000', '000001', '009999', '0099999', '019999', '020000', 'x']) {
        expect(all(keys, from)).toEqual(expected.filter((key) => key >= from))
      }
    }
  })

  it('are in order if sorting was postponed while others were added', () => {
    const keys = new Keys()
    const total = 20_000
    const number = (n: number) => String((n * 7919) % total).padStart(5, '0')
    for (let n = 0; n < total; n++) keys.put(number(n), n % 5000 < 4000)
    expect(all(keys)).toEqual(Array.from({ length: total }, (_, n) => String(n).padStart(5, '0')))
    expect(all(keys, '19990')).toHaveLength(10)
  })

  it('do not include those that were undone at once', () => {
    const keys = new Keys()
    for (const key of ['b', 'a', 'c']) keys.put(key)
    for (const key of ['c', 'never there', 'a']) keys.undo(key)
    expect(all(keys)).toEqual(['b'])
    // Once it is sorted it stays; the tail knows that it does not count.
    keys.undo('b')
    expect(all(keys)).toEqual(['b'])
  })

  it('are in order beyond the length up to which runs are merged', () => {
    const keys = new Keys()
    const total = 90_000
    for (let n = 0; n < total; n++) keys.put(String((n * 7919) % total).padStart(5, '0'))
    let [count, last] = [0, '']
    for (const cursor = keys.from(''); cursor.key !== undefined; cursor.advance()) {
      if (cursor.key <= last) expect(cursor.key).toBe(`a key after ${last}`)
      last = cursor.key
      count++
    }
    expect(count).toBe(total)
  })
})

describe('a cursor', () => {
  it('goes to any key, forwards and backwards', async () => {
    await withSeed(async (random: Random) => {
      const keys = new Keys()
      const model = new Set<string>()
      const anyOf = () => Array.from({ length: random.below(5) }, () => random.pick(UNITS)).join('')
      for (let n = 0; n < 5000; n++) {
        const key = anyOf()
        keys.put(key)
        model.add(key)
        if (n % 200 === 0) keys.from('')
      }
      const expected = inOrder(model)
      const cursor = keys.from('b')
      for (let n = 0; n < 1000; n++) {
        const from = anyOf()
        cursor.seek(from)
        const at = expected.findIndex((key) => key >= from)
        expect(cursor.key).toBe(at === -1 ? undefined : expected[at])
        cursor.advance()
        expect(cursor.key).toBe(at === -1 ? undefined : expected[at + 1])
      }
    })
  })

  it('visits every key that was there when it began exactly once, while others are added', () => {
    const keys = new Keys()
    const stays = Array.from({ length: 2000 }, (_, n) => `k${String(n).padStart(4, '0')}`)
    for (const key of stays) keys.put(key)
    const seen: string[] = []
    let number = 0
    for (const cursor = keys.from(''); cursor.key !== undefined; cursor.advance()) {
      seen.push(cursor.key)
      // Before, at and after the cursor's key, and so many that runs are merged meanwhile.
      for (let n = 0; n < 10; n++, number++) keys.put(`${stays[(number * 7) % stays.length]}x${number}`)
      if (number % 1000 === 0) keys.from('')
    }
    expect(seen).toEqual(stays)
    expect(all(keys)).toHaveLength(2000 + number)
  })

  it('visits only keys that were there when it began, wherever it seeks', () => {
    const keys = new Keys()
    for (const key of ['b', 'd']) keys.put(key)
    const cursor = keys.from('')
    for (let n = 0; n < 20_000; n++) keys.put(`c${n}`)
    cursor.seek('')
    expect(rest(cursor)).toEqual(['b', 'd'])
  })

  it('without keys has no key after advancing and seeking', () => {
    const cursor = new Keys().from('')
    cursor.advance()
    expect(cursor.key).toBeUndefined()
    cursor.seek('')
    expect(cursor.key).toBeUndefined()
  })
})

describe('the end of a prefix', () => {
  it('comes after all keys with the prefix, and before all later keys', () => {
    const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '\ufffe', '\uffff', '\ud83d', '\ude00'), maxLength: 4 })
    fc.assert(
      fc.property(anyText, anyText, (prefix, key) => {
        const end = endOfPrefix(prefix)
        if (key.startsWith(prefix)) expect(end === undefined || key < end).toBe(true)
        else if (key > prefix) expect(end !== undefined && key >= end).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['', undefined],
    ['\uffff', undefined],
    ['\uffff\uffff', undefined],
    ['a', 'b'],
    ['a\uffff', 'b'],
    ['a\ufffe', 'a\uffff'],
    ['\ud83d', '\ud83e'],
    ['\u{1f600}', '\ud83d\ude01'],
  ])('of %j is %j', (prefix, end) => expect(endOfPrefix(prefix)).toBe(end))
})
