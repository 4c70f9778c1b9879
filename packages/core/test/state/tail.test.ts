import { describe, expect, it } from 'vitest'
import { MemoryFile } from '../log/memory-file.js'
import { encodeOperation, fromValue, type Operation, Tail, TOMBSTONE, ValueCache } from '../support/core.js'

/** One tail by itself: what it says of keys, and what is left of records that were taken back. */

const newTail = () => new Tail(undefined, '/store.log', new ValueCache(Number.POSITIVE_INFINITY))
const set = (key: string): Operation => ({ kind: 'set', key, value: fromValue('', key) })

function named(layer: Tail): string[] {
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

describe('a newer tail that is put together with an older one', () => {
  /** Nothing stays in memory. In the file are the values alone, of which it is told where they end. */
  const write = (layer: Tail, file: MemoryFile, operation: Operation, seq: number) => {
    const effect = layer.apply(operation, seq, undefined)
    const offset = file.bytes.length
    const valueStarts: number[] = []
    const encoded = encodeOperation(operation, valueStarts)
    file.write(encoded, offset)
    effect.written({ operation, encoded, valueStarts, encodedEnd: file.bytes.length, isAscii: true })
  }

  it('finds its values where they stand, also where the two have moved by different ways', () => {
    for (const [olderShift, newerShift] of [
      [0, 0],
      [5, 0],
      [0, 7],
      [-3, 11],
    ] as const) {
      const cache = new ValueCache(0)
      const file = new MemoryFile('some bytes ahead')
      const [older, newer] = [0, 1].map(() => new Tail(file, '/store.log', cache)) as [Tail, Tail]
      // Moved before it was written to: what counts is where its records stand in the end.
      older.moveTo(file, olderShift)
      newer.moveTo(file, newerShift)
      write(older, file, set('a'), 1)
      write(older, file, set('b'), 2)
      write(older, file, set('c:1'), 3)
      write(newer, file, { kind: 'clear', prefix: 'c:' }, 4)
      write(newer, file, set('b'), 5)
      write(newer, file, set('c:2'), 6)
      write(newer, file, { kind: 'delete', key: 'd' }, 7)
      older.absorb(newer)
      const textOf = (key: string) => {
        const entry = older.get(key)
        return entry === undefined || entry === TOMBSTONE ? entry : older.valueOf(key, entry, false).text
      }
      expect(['a', 'b', 'c:2'].map(textOf)).toEqual(['"a"', '"b"', '"c:2"'])
      expect(['c:1', 'c:3', 'd', 'e'].map(textOf)).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE, undefined])
      expect(older.get('b')).toMatchObject({ seq: 5 })
      expect(named(older)).toEqual(['a', 'b', 'c:1', 'c:2', 'd'])
      // And all of them further on, in another file.
      const moved = new MemoryFile(Buffer.concat([Buffer.from('more bytes'), file.bytes]))
      older.moveTo(moved, 10)
      expect(['a', 'b', 'c:2'].map(textOf)).toEqual(['"a"', '"b"', '"c:2"'])
    }
  })

  it('that has cleared everything leaves nothing of it', () => {
    const [older, newer] = [newTail(), newTail()]
    older.apply(set('a'), 1, undefined)
    older.apply({ kind: 'clear', prefix: 'b' }, 2, undefined)
    newer.apply({ kind: 'replace', data: [['c', fromValue('', 1)]] }, 3, undefined)
    newer.apply({ kind: 'clear', prefix: 'c' }, 4, undefined)
    newer.apply(set('c1'), 5, undefined)
    const { stateBytes } = newer
    older.absorb(newer)
    expect(['a', 'b', 'c', 'x'].map((key) => older.get(key))).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE, TOMBSTONE])
    expect(older.get('c1')).toMatchObject({ seq: 5 })
    expect(older.stateBytes).toBe(stateBytes)
    expect(named(older)).toEqual(['c', 'c1'])
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
