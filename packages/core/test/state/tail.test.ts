import { describe, expect, it } from 'vitest'
import { MemoryFile } from '../log/memory-file.js'
import { encodeOperation, fromValue, type Operation, Tail, TOMBSTONE, ValueCache } from '../support/core.js'

/** The key states of one tail, also after undone records. */

const newTail = () => new Tail(undefined, '/store.log', new ValueCache(Number.POSITIVE_INFINITY))
const set = (key: string): Operation => ({ kind: 'set', key, value: fromValue('', key) })

function named(tail: Tail): string[] {
  const keys: string[] = []
  for (const cursor = tail.cursor(''); cursor.key !== undefined; cursor.advance()) keys.push(cursor.key)
  return keys
}

describe('the state of a key in a tail', () => {
  it('is nothing, a value or a tombstone', () => {
    const tail = newTail()
    tail.apply(set('a'), 1, undefined)
    tail.apply({ kind: 'delete', key: 'b' }, 2, undefined)
    tail.apply({ kind: 'clear', prefix: 'c' }, 3, undefined)
    tail.apply(set('c1'), 4, undefined)
    expect(tail.get('a')).toMatchObject({ seq: 1 })
    expect(tail.get('c1')).toMatchObject({ seq: 4 })
    expect([tail.get('b'), tail.get('c'), tail.get('c2')]).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE])
    expect(tail.get('d')).toBeUndefined()
    tail.apply({ kind: 'clear', prefix: '' }, 5, undefined)
    expect(['a', 'c1', 'd'].map((key) => tail.get(key))).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE])
  })

  it('depends on the numbers of records: a replace clears, but not its own values', () => {
    const tail = newTail()
    tail.apply({ kind: 'replace', data: [['a', fromValue('', 1)]] }, 7, undefined)
    expect(tail.get('a')).toMatchObject({ seq: 7 })
    expect(tail.get('b')).toBe(TOMBSTONE)
  })
})

describe('absorbing a newer tail', () => {
  /** The file has only the values, and no text stays in memory. */
  const write = (tail: Tail, file: MemoryFile, operation: Operation, seq: number) => {
    const change = tail.apply(operation, seq, undefined)
    const offset = file.bytes.length
    const valueStarts: number[] = []
    const encoded = encodeOperation(operation, valueStarts)
    file.write(encoded, offset)
    change.written({ operation, encoded, valueStarts, encodedEnd: file.bytes.length, isAscii: true })
  }

  it('keeps the values of both, even if they were moved by different distances', () => {
    for (const [olderShift, newerShift] of [
      [0, 0],
      [5, 0],
      [0, 7],
      [-3, 11],
    ] as const) {
      const cache = new ValueCache(0)
      const file = new MemoryFile('some bytes ahead')
      const [older, newer] = [0, 1].map(() => new Tail(file, '/store.log', cache)) as [Tail, Tail]
      // Moved before it is written to: only the place in the new file counts.
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
        const value = older.get(key)
        return value === undefined || value === TOMBSTONE ? value : older.valueOf(key, value, false).text
      }
      expect(['a', 'b', 'c:2'].map(textOf)).toEqual(['"a"', '"b"', '"c:2"'])
      expect(['c:1', 'c:3', 'd', 'e'].map(textOf)).toEqual([TOMBSTONE, TOMBSTONE, TOMBSTONE, undefined])
      expect(older.get('b')).toMatchObject({ seq: 5 })
      expect(named(older)).toEqual(['a', 'b', 'c:1', 'c:2', 'd'])
      // All of them at later offsets in another file.
      const moved = new MemoryFile(Buffer.concat([Buffer.from('more bytes'), file.bytes]))
      older.moveTo(moved, 10)
      expect(['a', 'b', 'c:2'].map(textOf)).toEqual(['"a"', '"b"', '"c:2"'])
    }
  })

  it('removes everything of the older one if the newer one cleared everything', () => {
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

describe('undone records', () => {
  it('leave nothing in memory, however many there are: a disk may be full for a long time', () => {
    const tail = newTail()
    tail.apply(set('stays'), 1, undefined)
    for (let round = 0; round < 2000; round++) {
      const operations = Array.from({ length: 20 }, (_, number) => set(`k${round}:${number}`))
      const changes = [
        ...operations.map((operation, at) => tail.apply(operation, 2 + at, undefined)),
        tail.apply({ kind: 'batch', operations: [set('x'), set('y')] as never }, 22, undefined),
        tail.apply({ kind: 'clear', prefix: 'k' }, 23, undefined),
        tail.apply({ kind: 'replace', data: [['z', fromValue('', 1)]] }, 24, undefined),
      ]
      for (const change of changes.toReversed()) change.undo()
    }
    expect(named(tail)).toEqual(['stays'])
    expect([tail.keyCount, tail.cleared.size]).toEqual([1, 0])
  })

  it('leave the former value as it was', () => {
    const tail = newTail()
    const { stateBytes } = tail
    tail.apply(set('a'), 1, undefined)
    const before = tail.get('a')
    for (let round = 0; round < 3000; round++) tail.apply({ kind: 'delete', key: 'a' }, 2, undefined).undo()
    expect(tail.get('a')).toBe(before)
    expect(named(tail)).toEqual(['a'])
    tail.apply(set('b'), 2, undefined).undo()
    expect(tail.stateBytes).toBeGreaterThan(stateBytes)
    expect(named(tail)).toEqual(['a'])
  })
})
