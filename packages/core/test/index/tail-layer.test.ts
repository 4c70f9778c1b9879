import { describe, expect, it } from 'vitest'
import { TOMBSTONE } from '../../src/index/tail-entry.js'
import { TailLayer } from '../../src/index/tail-layer.js'
import { TextCache } from '../../src/index/text-cache.js'
import type { Operation } from '../../src/record/record.js'
import { fromValue } from '../../src/record/value.js'

/** One tail by itself: what it says of keys, and what is left of records that were taken back. */

const newTail = () => new TailLayer(undefined, '/store.log', new TextCache(Number.POSITIVE_INFINITY))
const set = (key: string): Operation => ({ kind: 'set', key, value: fromValue('', key) })

function named(layer: TailLayer): string[] {
  const keys: string[] = []
  for (const cursor = layer.cursor(''); cursor.key !== undefined; cursor.advance()) keys.push(cursor.key)
  return keys
}

describe('what a tail says of a key', () => {
  it('is nothing, a value, or that it is gone', () => {
    const layer = newTail()
    layer.apply(set('a'), 1, undefined)
    layer.apply({ kind: 'delete', key: 'b' }, 2, undefined)
    layer.apply({ kind: 'clear', prefix: 'c' }, 3, undefined)
    layer.apply(set('c1'), 4, undefined)
    expect(layer.get('a')).toMatchObject({ seq: 1 })
    expect(layer.get('c1')).toMatchObject({ seq: 4 })
    expect([layer.get('b'), layer.get('c'), layer.get('c2')]).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE])
    expect(layer.get('d')).toBeUndefined()
    layer.apply({ kind: 'clear', prefix: '' }, 5, undefined)
    expect(['a', 'c1', 'd'].map((key) => layer.get(key))).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE])
  })

  it('counts by the number of the record: what was set by the record that cleared is there', () => {
    const layer = newTail()
    layer.apply({ kind: 'replace', data: [['a', fromValue('', 1)]] }, 7, undefined)
    expect(layer.get('a')).toMatchObject({ seq: 7 })
    expect(layer.get('b')).toBe(TOMBSTONE)
  })
})

describe('records that are taken back', () => {
  it('leave nothing behind, however many: a disk may be full for long', () => {
    const layer = newTail()
    layer.apply(set('stays'), 1, undefined)
    for (let round = 0; round < 2000; round++) {
      const operations = Array.from({ length: 20 }, (_, number) => set(`k${round}:${number}`))
      const effects = [
        ...operations.map((operation, at) => layer.apply(operation, 2 + at, undefined)),
        layer.apply({ kind: 'batch', operations: [set('x'), set('y')] as never }, 22, undefined),
        layer.apply({ kind: 'clear', prefix: 'k' }, 23, undefined),
        layer.apply({ kind: 'replace', data: [['z', fromValue('', 1)]] }, 24, undefined),
      ]
      for (const effect of effects.toReversed()) effect.undo()
    }
    expect(named(layer)).toEqual(['stays'])
    expect([layer.keyCount, layer.cleared.size]).toEqual([1, 0])
  })

  it('nor does one that took the place of another, which is there as before', () => {
    const layer = newTail()
    const { stateBytes } = layer
    layer.apply(set('a'), 1, undefined)
    const before = layer.get('a')
    for (let round = 0; round < 3000; round++) layer.apply({ kind: 'delete', key: 'a' }, 2, undefined).undo()
    expect(layer.get('a')).toBe(before)
    expect(named(layer)).toEqual(['a'])
    layer.apply(set('b'), 2, undefined).undo()
    expect(layer.stateBytes).toBeGreaterThan(stateBytes)
    expect(named(layer)).toEqual(['a'])
  })
})
