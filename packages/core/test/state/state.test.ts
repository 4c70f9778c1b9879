import { describe, expect, it, vi } from 'vitest'
import {
  type FrozenState,
  fromBytes,
  fromText,
  fromValue,
  type KeyRangeQuery,
  type Operation,
  type PartValue,
  State,
  type StateValue,
} from '../support/core.js'
import { MemoryLog, START_MS } from './memory-log.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

/** The layers of a state, its listings, its values and its checkpoint. */

const NOW = START_MS
const ALL = { prefix: '', after: undefined }
const set = (key: string, value: unknown, expires?: number): Operation => ({
  kind: 'set',
  key,
  value: fromValue('', value),
  expires,
})
const remove = (key: string): Operation => ({ kind: 'delete', key })
const clear = (prefix: string): Operation => ({ kind: 'clear', prefix })
const keysOf = (source: State | FrozenState, nowMs = NOW) => source.page(ALL, 100, nowMs).map(([key]) => key)

const pairs = (...keys: string[]): PartValue[] => keys.map((key) => ({ key, value: fromValue('', `old ${key}`) }))

/** Without a cache, so that all values are read from the file. */
const logOf = (state: readonly PartValue[], isTimed = false) => MemoryLog.of(state, { cacheBytes: 0, isTimed })

describe('a newer layer hides older ones', () => {
  const hide: [what: string, operation: Operation, hidden: string[]][] = [
    ['a tombstone', remove('a:1'), ['a:1']],
    ['a tombstone in a batch', { kind: 'batch', operations: [{ kind: 'delete', key: 'a:1' }] }, ['a:1']],
    ['a cleared prefix', clear('a:'), ['a:1', 'a:2']],
    ['clearing everything', clear(''), ['a:1', 'a:2', 'b']],
    ['replacing everything', { kind: 'replace', data: [] }, ['a:1', 'a:2', 'b']],
    ['a value that has expired', set('b', 'new', NOW), ['b']],
  ]

  it.each(hide)('by %s, whichever layers are frozen', async (_what, operation, hidden) => {
    const expected = ['a:1', 'a:2', 'b'].filter((key) => !hidden.includes(key))
    const checks = ({ state }: MemoryLog) => {
      expect(keysOf(state)).toEqual(expected)
      expect(state.pageOfKeys(ALL, 100, NOW)).toEqual(expected)
      for (const key of hidden) expect([state.get(key, NOW), state.has(key, NOW)]).toEqual([undefined, false])
    }
    for (const end of ['settle', 'thaw'] as const) {
      // In the tail; in a frozen tail; above a frozen tail that has the keys; after settling or thawing.
      const log = await logOf(pairs('a:1', 'a:2', 'b'))
      log.run(operation)
      checks(log)
      log.freeze()
      checks(log)
      log.run(set('z', 1), remove('z'))
      checks(log)
      await log[end]()
      checks(log)

      const above = await logOf([])
      above.run(...['a:1', 'a:2', 'b'].map((key) => set(key, 1)))
      above.freeze()
      above.run(operation)
      checks(above)
      await above[end]()
      checks(above)
      await above.compact()
      checks(above)
    }
  })

  it('by an expired value, before and after a checkpoint', async () => {
    const log = await logOf(pairs('a'))
    log.run(set('a', 'new', NOW + 50))
    const look = (nowMs: number) => [
      log.state.get('a', nowMs)?.text,
      log.state.has('a', nowMs),
      keysOf(log.state, nowMs),
    ]
    expect(look(NOW + 49)).toEqual(['"new"', true, ['a']])
    expect(look(NOW + 50)).toEqual([undefined, false, []])
    await log.compact()
    expect(look(NOW + 49)).toEqual(['"new"', true, ['a']])
    expect(look(NOW + 50)).toEqual([undefined, false, []])
    log.nowMs = NOW + 50
    expect((await log.compact()).written).toMatchObject({ parts: [], inlineState: [] })
    expect(look(NOW + 50)).toEqual([undefined, false, []])
  })

  it('by a clear, after which a key can be set again, and is missing again once that is undone', async () => {
    const log = await logOf(pairs('a:1'))
    log.run(clear('a:'))
    log.apply(set('a:1', 'again'))
    expect(keysOf(log.state)).toEqual(['a:1'])
    log.undo(1)
    expect(keysOf(log.state)).toEqual([])
  })

  it('but not by an undone clear, whose number another record gets', async () => {
    const log = await logOf(pairs('a:1', 'b'))
    log.run(set('a:2', 1), set('c', 1))
    for (const prefix of ['a:', '']) {
      log.apply(clear(prefix))
      log.undo(1)
      log.apply(set('a:3', 1))
      expect(keysOf(log.state)).toEqual(['a:1', 'a:2', 'a:3', 'b', 'c'])
      log.undo(1)
    }
  })

  it('after several failed compactions in a row, wherever they failed', async () => {
    for (const pieces of [0, 1, 100]) {
      const log = await logOf(pairs('a:1', 'b'))
      let round = 0
      const giveUp = (operation: Operation) => {
        log.freeze()
        log.run(operation, set('again', ++round))
        log.compactOn(pieces)
        log.thaw()
      }
      const operations = [set('a:2', 1), clear('a:'), set('c', 1), remove('b'), set('a:3', 1), clear('c'), set('d', 1)]
      const check = () => {
        expect(log.state.get('again', NOW)?.text).toBe(String(round))
        expect(keysOf(log.state)).toEqual(['a:3', 'again', 'd'])
      }
      for (const operation of operations) {
        giveUp(operation)
        expect(log.state.get('again', NOW)?.text).toBe(String(round))
      }
      check()
      await log.compact()
      check()
      await log.reopen()
      check()
    }
  })

  it('by records that were found in another file, whose values stay in memory', async () => {
    const log = await logOf(pairs('a', 'b'))
    const { state } = log
    const operation: Operation = { kind: 'batch', operations: [set('b', 'new'), set('c', 'new')] as never }
    state.replay({ kind: 'record', timestamp: '', seq: 8, operation, crc: '' }, 5, undefined)
    const { reads } = log.file
    expect([state.get('b', NOW), state.get('c', NOW)]).toMatchObject([
      { text: '"new"', time: 5 },
      { text: '"new"', time: 5 },
    ])
    expect([log.file.reads, state.cachedBytes]).toEqual([reads, 0])
    await log.compact()
    expect(keysOf(state)).toEqual(['a', 'b', 'c'])
    expect(state.get('c', NOW)?.text).toBe('"new"')
  })

  it('in a state that is only in memory', () => {
    const state = State.inMemory(pairs('b', 'a:2', 'a:1'))
    state.apply(set('c', 1), 1, undefined)
    state.apply(clear('a:'), 2, 90)
    const change = state.apply(set('a:2', 'new', NOW + 1), 3, 90)
    expect(keysOf(state)).toEqual(['a:2', 'b', 'c'])
    expect(state.get('a:2', NOW)).toEqual({ text: '"new"', encoding: undefined, expires: NOW + 1, time: 90 })
    change.undo()
    expect(keysOf(state)).toEqual(['b', 'c'])
  })
})

describe('listing', () => {
  it('lists keys after a key, with a prefix, up to a limit', async () => {
    const log = await logOf(pairs('a:1', 'a:3', 'b', 'a'))
    log.run(...['a:2', 'a:4', 'c'].map((key) => set(key, 1)), remove('a:3'))
    const page = (prefix: string, after: string | undefined, limit: number) => {
      const keys = log.state.page({ prefix, after }, limit, NOW).map(([key]) => key)
      expect(log.state.pageOfKeys({ prefix, after }, limit, NOW)).toEqual(keys)
      return keys
    }
    expect(page('', undefined, 100)).toEqual(['a', 'a:1', 'a:2', 'a:4', 'b', 'c'])
    expect(page('a:', undefined, 2)).toEqual(['a:1', 'a:2'])
    expect(page('a:', 'a:2', 2)).toEqual(['a:4'])
    expect(page('a:', 'a:3', 100)).toEqual(['a:4'])
    expect(page('a:', 'a:21', 100)).toEqual(['a:4'])
    // After a key before the prefix, and after a key after it.
    expect(page('a:', '', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'a', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'b', 100)).toEqual([])
    expect(page('b', 'b', 100)).toEqual([])
    expect(page('', 'b', 100)).toEqual(['c'])
    expect(page('x', undefined, 100)).toEqual([])
    expect(page('', undefined, 0)).toEqual([])
  })

  it('lists every key once, page by page', async () => {
    const log = await logOf([])
    const keys = Array.from({ length: 1000 }, (_, number) => `k${String((number * 7919) % 1000).padStart(3, '0')}`)
    const walk = () => {
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = log.state.page({ prefix: 'k', after }, 7, NOW)
        seen.push(...page.map(([key]) => key))
        if (page.length < 7) return seen
        after = page.at(-1)?.[0]
      }
    }
    log.run(...keys.slice(0, 600).map((key) => set(key, 1)))
    await log.compact()
    log.run(...keys.slice(300).map((key) => set(key, 2)))
    expect(walk()).toEqual([...keys].sort())
    await log.compact()
    expect(walk()).toEqual([...keys].sort())
  })

  it('ends a page with the value that makes it long, and never returns an empty page', async () => {
    const long = (length: number) => ({ text: JSON.stringify('x'.repeat(length)) })
    const lengths = [100, 200_000, 100_000, 100_000, 300_000, 300_000, 10, 10]
    const state = lengths.map((length, number) => ({ key: `k${number}`, value: long(length) }))
    const log = await logOf(state.slice(0, 4))
    log.run(...state.slice(4).map(({ key, value }): Operation => ({ kind: 'set', key, value })))
    const pages: string[][] = []
    for (let after: string | undefined; ; ) {
      const keys = log.state.page({ prefix: '', after }, 100, NOW).map(([key]) => key)
      if (keys.length === 0) break
      pages.push(keys)
      after = keys.at(-1)
    }
    expect(pages).toEqual([['k0', 'k1', 'k2'], ['k3', 'k4'], ['k5'], ['k6', 'k7']])
    expect(log.state.pageOfKeys(ALL, 100, NOW)).toHaveLength(8)
  })

  it('skips cleared keys without reading them', async () => {
    const many = Array.from({ length: 300 }, (_, number) => `a:${String(number).padStart(3, '0')}`)
    const log = await logOf(pairs('Z', ...many, 'b'))
    log.run(clear('a:'), set('a:100', 'again'))
    const before = log.file.reads
    expect(log.state.pageOfKeys(ALL, 100, NOW)).toEqual(['Z', 'a:100', 'b'])
    expect(log.file.reads - before).toBeLessThan(5)
  })

  it('reads only parts that may have keys with the prefix', async () => {
    const log = await logOf(inPartsOfTwo(...Array.from({ length: 10 }, () => [undefined, undefined] as const)))
    const reads = (query: KeyRangeQuery) => {
      const before = log.file.reads
      log.state.page(query, 100, NOW)
      return log.file.reads - before
    }
    // The prefix itself may be a key, which would be in the part before.
    expect(reads({ prefix: 'c', after: undefined })).toBe(2)
    expect(reads({ prefix: 'c0', after: undefined })).toBe(1)
    expect(reads({ prefix: 'c', after: 'c0' })).toBe(1)
    expect(reads({ prefix: 'j0', after: undefined })).toBe(1)
    expect(reads({ prefix: '', after: undefined })).toBe(10)
    log.run(clear(''))
    expect(reads({ prefix: '', after: undefined })).toBe(0)
  })

  it('reads no values if only keys are listed', async () => {
    const log = await logOf([])
    log.run(...Array.from({ length: 50 }, (_, number) => set(`k${number}`, number)))
    expect(log.state.cachedBytes).toBe(0)
    const before = log.file.reads
    expect(log.state.pageOfKeys(ALL, 100, NOW)).toHaveLength(50)
    expect(log.state.has('k1', NOW)).toBe(true)
    expect(log.file.reads).toBe(before)
    log.state.get('k1', NOW)
    expect(log.file.reads).toBe(before + 1)
  })
})

describe('a value that is read often', () => {
  const keys = Array.from({ length: 20 }, (_, number) => `k${String(number).padStart(2, '0')}`)
  const cacheBytes = 5 * (130 + 200)

  const logOfMany = async (where: string) => {
    const log = await MemoryLog.of([], { cacheBytes })
    log.run(...keys.map((key) => set(key, 'x'.repeat(130))))
    if (where === 'a checkpoint') await log.compact()
    return log
  }

  it.each(['a checkpoint', 'records'])('from %s stays in the cache while others are dropped', async (where) => {
    const log = await logOfMany(where)
    const readsOf = (key: string) => {
      const before = log.file.reads
      expect(log.state.get(key, NOW)?.text).toHaveLength(132)
      return log.file.reads - before
    }
    // A full cache admits a value that is read twice.
    for (let time = 0; time < 2; time++) readsOf('k00')
    for (const key of keys.slice(1)) {
      readsOf(key)
      expect(readsOf('k00')).toBe(0)
    }
    // All others were dropped, except for the last few.
    expect(keys.slice(1).filter((key) => readsOf(key) === 1).length).toBeGreaterThan(12)
    expect(log.state.cachedBytes).toBeLessThanOrEqual(cacheBytes)
  })

  it('counts once, even if many records of its key are written together', async () => {
    const log = await MemoryLog.of([], { cacheBytes: Number.POSITIVE_INFINITY })
    log.run(set('a', 'x'.repeat(100)))
    const { cachedBytes } = log.state
    expect(cachedBytes).toBeGreaterThan(100)
    log.run(...Array.from({ length: 50 }, (_, number) => set('a', 'x'.repeat(51 + number))))
    expect(log.state.cachedBytes).toBe(cachedBytes)
    log.run({ kind: 'delete', key: 'a' })
    expect(log.state.cachedBytes).toBe(0)
  })

  it('counts two bytes per character unless it is ASCII, from records and from a checkpoint', async () => {
    const cachedFor = async (value: string) => {
      const log = await MemoryLog.of([], { cacheBytes: Number.POSITIVE_INFINITY })
      log.run(set('a', value))
      const written = log.state.cachedBytes
      await log.reopen()
      log.state.get('a', NOW)
      const replayed = log.state.cachedBytes
      log.run(set('b', 'no state for a header', NOW + 1))
      await log.compact()
      await log.reopen()
      log.state.get('a', NOW)
      return [written, replayed, log.state.cachedBytes]
    }
    const ascii = await cachedFor('x'.repeat(1000))
    const other = await cachedFor('日'.repeat(1000))
    expect(other.map((bytes, at) => bytes - ascii[at]!)).toEqual([1002, 1002, 1002])
  })

  it('does not include values that only a listing or a compaction has read', async () => {
    for (const where of ['records', 'a checkpoint']) {
      const log = await logOfMany(where)
      await log.reopen({ cacheBytes })
      expect(log.state.page(ALL, 100, NOW)).toHaveLength(20)
      expect(log.state.cachedBytes).toBe(0)
    }
    const log = await logOfMany('records')
    log.freeze()
    expect(log.state.page(ALL, 100, NOW)).toHaveLength(20)
    while (log.compactOn(1)) {}
    log.thaw()
    // The last values are in the cache, and the next one replaces the first of them.
    const { reads } = log.file
    log.run(set('z', 'x'.repeat(130)))
    log.state.get('z', NOW)
    expect(log.file.reads).toBe(reads)
    log.state.get('k15', NOW)
    expect(log.file.reads).toBe(reads + 1)
  })
})

/** Keys `a0`, `a1`, `b0`, `b1`, …, two in each part. */
function inPartsOfTwo(...expiries: (readonly [first: number | undefined, second: number | undefined])[]): PartValue[] {
  return expiries.flatMap((expires, part) =>
    expires.map((each, number) => ({
      key: `${String.fromCharCode(97 + part)}${number}`,
      value: fromValue('', 'x'.repeat(130)),
      expires: each,
    })),
  )
}

describe('the expired keys of a checkpoint', () => {
  it('depend on the given time, and not on later records', async () => {
    const log = await logOf(inPartsOfTwo([undefined, undefined], [NOW + 50, undefined]))
    const holds = (...times: number[]) => times.map((time) => log.state.holdsExpired(NOW + time))
    expect(holds(49, 50, 51, 49)).toEqual([false, true, true, false])
    // Otherwise the same records could start one compaction after another.
    log.run(set('c', 1, NOW), set('b0', 1), clear('b'))
    expect(holds(49, 50)).toEqual([false, true])
    await log.compact()
    expect(holds(49, 50, 1e9)).toEqual([false, false, false])
  })

  it('are gone after a compaction', async () => {
    const log = await logOf(inPartsOfTwo([undefined, NOW + 50], [NOW + 60, undefined]))
    log.nowMs = NOW + 55
    expect(log.state.holdsExpired(log.nowMs)).toBe(true)
    await log.compact()
    expect([log.state.holdsExpired(log.nowMs), log.state.holdsExpired(NOW + 60)]).toEqual([false, true])
    expect(log.state.pageOfKeys(ALL, 100, NOW)).toEqual(['a0', 'b0', 'b1'])
  })

  it('are known for a state in memory', () => {
    const state = State.inMemory([{ key: 'a', value: fromValue('', 1), expires: 50 }])
    expect([49, 50].map((nowMs) => state.holdsExpired(nowMs))).toEqual([false, true])
    expect(state.halfExpiredMs).toBe(50)
  })

  it('show when half of the keys will have expired', async () => {
    const half = async (...expiries: [number | undefined, number | undefined][]) =>
      (await logOf(inPartsOfTwo(...expiries))).state.halfExpiredMs
    expect(await half()).toBeUndefined()
    expect(await half([undefined, undefined])).toBeUndefined()
    // A part counts when its last key expires.
    expect(await half([NOW + 10, NOW + 20], [NOW + 5, undefined])).toBeUndefined()
    expect(await half([NOW + 10, NOW + 20], [NOW + 5, undefined], [NOW + 30, NOW + 1])).toBe(NOW + 30)
    expect(await half([NOW + 90, NOW + 90], [NOW + 20, NOW + 10], [NOW + 30, NOW + 1])).toBe(NOW + 30)
  })
})

describe('the dead share of a checkpoint', () => {
  it('counts parts whose keys have all expired, and cleared parts', async () => {
    const parts = inPartsOfTwo(
      [undefined, undefined],
      [NOW + 5, NOW + 10],
      [NOW + 5, undefined],
      [undefined, undefined],
    )
    const log = await logOf(parts)
    const share = (time = 0) => log.state.deadShare(NOW + time)
    expect([share(9), share(10), share(1e9)]).toEqual([0, 0.25, 0.25])
    log.run(set('d0', 1), remove('d1'))
    expect(share()).toBe(0)
    log.run(clear('d'))
    const dead = share()
    expect(dead).toBeGreaterThan(0)
    log.run(clear('d'), clear('d0'))
    expect(share()).toBe(dead)
    expect(share(10)).toBe(dead + 0.25)
    log.apply(clear(''))
    expect([share(), share(10)]).toEqual([1, 1])
    log.undo(1)
    expect(share()).toBe(dead)
    log.run(clear(''))
    await log.compact()
    expect([share(), log.state.tailKeys]).toEqual([0, 0])
    expect(keysOf(log.state)).toEqual([])
  })

  it('does not count parts after the cleared ones, and starts again with the next checkpoint', async () => {
    const log = await logOf(inPartsOfTwo(...Array.from({ length: 8 }, () => [undefined, undefined] as const)))
    const share = () => log.state.deadShare(NOW)
    log.run(clear('a'))
    expect(share()).toBe(1 / 8)
    await log.compact()
    // The prefix itself may be a key in the part before.
    log.run(clear('c'))
    expect(share()).toBe(2 / 7)
    log.freeze()
    expect(share()).toBe(2 / 7)
    log.run(clear('f0'))
    expect(share()).toBe(3 / 7)
    await log.settle()
    expect(share()).toBeLessThan(2 / 7)
  })

  it('of an empty checkpoint is zero', async () => {
    const log = await logOf([])
    log.run(set('a', 1), clear(''))
    expect(log.state.deadShare(NOW)).toBe(0)
  })

  it('is right if a clear from before the end of a compaction is undone', async () => {
    const log = await logOf(pairs('a', 'b', 'c', 'd'))
    log.run(remove('a'))
    log.freeze()
    log.apply(clear(''))
    expect(log.state.deadShare(NOW)).toBe(1)
    await log.settle()
    expect(log.state.deadShare(NOW)).toBe(1)
    log.undo(1)
    expect(log.state.deadShare(NOW)).toBe(0)
    expect(keysOf(log.state)).toEqual(['b', 'c', 'd'])
  })
})

describe('a value', () => {
  it('has its time, expiry and encoding, from records and from a checkpoint', async () => {
    const log = await logOf([], true)
    log.run(set('gone', 1, NOW + 500))
    log.nowMs++
    log.run({ kind: 'replace', data: [['b', fromValue('', 2)]] })
    log.nowMs++
    const bytes = fromBytes('', Buffer.from('c'))
    const text = fromText('', 'no JSON')
    log.run({
      kind: 'batch',
      operations: [
        { kind: 'set', key: 'c', value: bytes, expires: NOW + 90_000 },
        { kind: 'set', key: 'd', value: text },
      ],
    })
    const check = () => {
      const plain = (key: string) => {
        const value = log.state.get(key, NOW + 5) as StateValue
        return [value.text, value.encoding, value.expires, value.time]
      }
      expect(log.state.get('gone', NOW)).toBeUndefined()
      expect(plain('b')).toEqual(['2', undefined, undefined, NOW + 1])
      expect(plain('c')).toEqual([bytes.text, 'base64', NOW + 90_000, NOW + 2])
      expect(plain('d')).toEqual([text.text, 'text', undefined, NOW + 2])
    }
    check()
    await log.reopen()
    check()
    log.nowMs += 10_000
    await log.compact()
    check()
    // One checkpoint later, at a later time.
    log.nowMs += 10_000
    log.run(set('a', 'x'.repeat(300)))
    await log.compact()
    check()
  })

  it('counts in tailKeys if its key was written after the checkpoint', async () => {
    const log = await logOf(pairs('a', 'b'))
    const { state } = log
    expect(state.tailKeys).toBe(0)
    log.run(set('a', 1), remove('x'), clear('b'))
    expect(state.tailKeys).toBe(2)
    log.freeze()
    log.run(set('c', 1))
    expect(state.tailKeys).toBe(3)
    await log.settle()
    expect(state.tailKeys).toBe(1)
    log.apply(set('d', 1))
    log.undo(1)
    expect(state.tailKeys).toBe(1)
  })
})
