import { describe, expect, it } from 'vitest'
import type { IndexedValue, KeyIndex } from '../../src/index/key-index.js'
import { MapIndex } from '../../src/index/map-index.js'
import type { Operation } from '../../src/record/record.js'
import { fromValue } from '../../src/record/value.js'

/** The layers of the index, what a listing gives and what is known of a value. */

const NOW = 100
const set = (key: string, value: unknown, expires?: number): Operation => ({
  kind: 'set',
  key,
  value: fromValue('', value),
  expires,
})
const keysOf = (index: Pick<KeyIndex, 'page'>, nowMs = NOW) =>
  index.page({ prefix: '', after: undefined }, 100, nowMs).map(([key]) => key)

function withCheckpoint(...keys: string[]): MapIndex {
  const index = new MapIndex()
  for (const key of keys)
    index.addCheckpointed(key, { text: `"old ${key}"`, expires: undefined, seq: 0, time: undefined })
  return index
}

describe('an upper layer hides what is below', () => {
  const hide: [what: string, operation: Operation, hidden: string[]][] = [
    ['a tombstone', { kind: 'delete', key: 'a:1' }, ['a:1']],
    ['a tombstone in a batch', { kind: 'batch', operations: [{ kind: 'delete', key: 'a:1' }] }, ['a:1']],
    ['a cleared prefix', { kind: 'clear', prefix: 'a:' }, ['a:1', 'a:2']],
    ['clearing everything', { kind: 'clear', prefix: '' }, ['a:1', 'a:2', 'b']],
    ['replacing everything', { kind: 'replace', data: [] }, ['a:1', 'a:2', 'b']],
    ['a value that has expired', set('b', 'new', NOW), ['b']],
  ]

  it.each(hide)('%s, wherever the layers are frozen', (_what, operation, hidden) => {
    const expected = ['a:1', 'a:2', 'b'].filter((key) => !hidden.includes(key))
    const checks = (index: MapIndex) => {
      expect(keysOf(index)).toEqual(expected)
      for (const key of hidden) expect(index.get(key, NOW)).toBeUndefined()
    }
    for (const end of ['settle', 'thaw'] as const) {
      // In the tail; in the frozen tail; over a frozen tail that holds the keys again; settled or thawed.
      const index = withCheckpoint('a:1', 'a:2', 'b')
      index.apply(operation, 1, undefined)
      checks(index)
      const frozen = index.freeze()
      checks(index)
      index.apply(set('z', 1), 2, undefined)
      index.apply({ kind: 'delete', key: 'z' }, 3, undefined)
      checks(index)
      end === 'settle' ? frozen.settle(NOW) : frozen.thaw()
      checks(index)

      const above = new MapIndex()
      for (const key of ['a:1', 'a:2', 'b']) above.apply(set(key, 1), 1, undefined)
      const second = above.freeze()
      above.apply(operation, 2, undefined)
      checks(above)
      end === 'settle' ? second.settle(NOW) : second.thaw()
      checks(above)
      above.freeze().settle(NOW)
      checks(above)
    }
  })

  it('an expired value does not let the older one below through, also after settling', () => {
    const index = withCheckpoint('a')
    index.apply(set('a', 'new', 50), 1, undefined)
    expect(index.get('a', 49)?.text).toBe('"new"')
    expect(index.get('a', 50)).toBeUndefined()
    index.freeze().settle(0)
    expect(index.get('a', 50)).toBeUndefined()
    expect(index.get('a', 49)?.text).toBe('"new"')
  })

  it('a key that is set again after a clear is there, and taking the set back hides it again', () => {
    const index = withCheckpoint('a:1')
    index.apply({ kind: 'clear', prefix: 'a:' }, 1, undefined)
    const undo = index.apply(set('a:1', 'again'), 2, undefined)
    expect(keysOf(index)).toEqual(['a:1'])
    undo()
    expect(keysOf(index)).toEqual([])
  })

  it('also after several checkpoints in a row that came to nothing', () => {
    const index = withCheckpoint('a:1', 'b')
    const thaw = (operation: Operation) => {
      const frozen = index.freeze()
      index.apply(operation, 1, undefined)
      frozen.thaw()
    }
    thaw(set('a:2', 1))
    thaw({ kind: 'clear', prefix: 'a:' })
    thaw(set('c', 1))
    thaw({ kind: 'delete', key: 'b' })
    thaw(set('a:3', 1))
    expect(keysOf(index)).toEqual(['a:3', 'c'])
    index.freeze().settle(NOW)
    expect(keysOf(index)).toEqual(['a:3', 'c'])
  })
})

describe('listing', () => {
  it('goes on behind a key, inside a prefix, up to a limit', () => {
    const index = withCheckpoint('a:1', 'a:3', 'b', 'a')
    for (const key of ['a:2', 'a:4', 'c']) index.apply(set(key, 1), 1, undefined)
    index.apply({ kind: 'delete', key: 'a:3' }, 2, undefined)
    const page = (prefix: string, after: string | undefined, limit: number) =>
      index.page({ prefix, after }, limit, NOW).map(([key]) => key)
    expect(page('', undefined, 100)).toEqual(['a', 'a:1', 'a:2', 'a:4', 'b', 'c'])
    expect(page('a:', undefined, 2)).toEqual(['a:1', 'a:2'])
    expect(page('a:', 'a:2', 2)).toEqual(['a:4'])
    expect(page('a:', 'a:3', 100)).toEqual(['a:4'])
    // Behind a key that stands before the prefix, and behind one that stands after it.
    expect(page('a:', '', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'b', 100)).toEqual([])
    expect(page('x', undefined, 100)).toEqual([])
    expect(page('', undefined, 0)).toEqual([])
  })

  it('of a page at a time gives every key once', () => {
    const index = new MapIndex()
    const keys = Array.from({ length: 1000 }, (_, number) => `k${String((number * 7919) % 1000).padStart(3, '0')}`)
    for (const [seq, key] of keys.entries()) index.apply(set(key, seq), seq, undefined)
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const page = index.page({ prefix: 'k', after }, 7, NOW)
      seen.push(...page.map(([key]) => key))
      if (page.length < 7) break
      after = page.at(-1)?.[0]
    }
    expect(seen).toEqual([...keys].sort())
  })
})

describe('whether something has expired', () => {
  const clear: Operation = { kind: 'clear', prefix: '' }

  it('is asked anew after every change, also one that is taken back', () => {
    const index = new MapIndex()
    const holds = () => index.holdsExpired(NOW)
    expect(holds()).toBe(false)
    index.apply(set('a', 1, NOW), 1, undefined)
    expect(holds()).toBe(true)
    const undoSet = index.apply(set('a', 2), 2, undefined)
    expect(holds()).toBe(false)
    undoSet()
    expect(holds()).toBe(true)
    const undoClear = index.apply(clear, 2, undefined)
    expect(holds()).toBe(false)
    undoClear()
    expect(holds()).toBe(true)
    const undoPrefix = index.apply({ kind: 'clear', prefix: 'a' }, 2, undefined)
    expect(holds()).toBe(false)
    undoPrefix()
    expect(holds()).toBe(true)
    index.apply({ kind: 'replace', data: [['b', fromValue('', 1)]] }, 2, undefined)
    expect(holds()).toBe(false)
  })

  it('depends on the time that is given', () => {
    const index = new MapIndex()
    index.apply(set('a', 1, 50), 1, undefined)
    expect([49, 50, 51, 49].map((nowMs) => index.holdsExpired(nowMs))).toEqual([false, true, true, false])
  })

  it('is no longer so when everything was cleared and is in a checkpoint', () => {
    const index = new MapIndex()
    index.addCheckpointed('a', { text: '1', expires: NOW, seq: 0, time: undefined })
    expect([index.holdsExpired(NOW), index.deadShare(NOW)]).toEqual([true, 1])
    index.apply(clear, 1, undefined)
    index.freeze().settle(NOW)
    expect([index.holdsExpired(NOW), index.deadShare(NOW)]).toEqual([false, 0])
  })

  it('the dead share is right after a clear is taken back behind a checkpoint that changed what it hides', () => {
    const index = withCheckpoint('a', 'b', 'c', 'd')
    index.apply({ kind: 'delete', key: 'a' }, 1, undefined)
    const frozen = index.freeze()
    const undo = index.apply(clear, 2, undefined)
    expect(index.deadShare(NOW)).toBe(1)
    frozen.settle(NOW)
    expect(index.deadShare(NOW)).toBe(1)
    undo()
    expect(index.deadShare(NOW)).toBe(0)
  })
})

describe('what is known of a value', () => {
  it('is the record that wrote it and when, and the expiry', () => {
    const index = new MapIndex()
    index.apply(set('a', 1, 500), 7, 90)
    index.apply({ kind: 'replace', data: [['b', fromValue('', 2)]] }, 8, 91)
    index.apply(
      { kind: 'batch', operations: [{ kind: 'set', key: 'c', value: fromValue('', 3), expires: 300 }] },
      9,
      92,
    )
    const plain = (value: IndexedValue | undefined) =>
      value && { seq: value.seq, time: value.time, expires: value.expires }
    expect(index.get('a', NOW)).toBeUndefined()
    expect(plain(index.get('b', NOW))).toEqual({ seq: 8, time: 91, expires: undefined })
    expect(plain(index.get('c', NOW))).toEqual({ seq: 9, time: 92, expires: 300 })
  })

  it('how many keys the tail names, and which share of the checkpoint is dead', () => {
    const index = withCheckpoint('a', 'b', 'c', 'd')
    const state = () => [index.tailKeys, index.deadShare(NOW)]
    expect(state()).toEqual([0, 0])
    index.apply(set('a', 1), 1, undefined)
    index.apply({ kind: 'delete', key: 'x' }, 2, undefined)
    index.apply({ kind: 'clear', prefix: 'b' }, 3, undefined)
    expect(state()).toEqual([2, 0.25])
    index.apply({ kind: 'clear', prefix: 'b' }, 4, undefined)
    expect(state()).toEqual([2, 0.25])
    const undo = index.apply({ kind: 'clear', prefix: '' }, 5, undefined)
    expect(index.deadShare(NOW)).toBe(1)
    undo()
    expect(state()).toEqual([2, 0.25])
    index.apply({ kind: 'clear', prefix: '' }, 5, undefined)
    index.freeze().settle(NOW)
    expect(state()).toEqual([0, 0])
    expect(keysOf(index)).toEqual([])
  })
})
