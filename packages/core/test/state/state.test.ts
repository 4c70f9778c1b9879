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
  const { SMALL_INDEX_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_INDEX_LIMITS }
})

/** The layers of the index, what a listing gives and what is known of a value. */

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

/** Nothing stays in memory, so that all is read from the file. */
const logOf = (state: readonly PartValue[], isTimed = false) => MemoryLog.of(state, { cacheBytes: 0, isTimed })

describe('an upper layer hides what is below', () => {
  const hide: [what: string, operation: Operation, hidden: string[]][] = [
    ['a tombstone', remove('a:1'), ['a:1']],
    ['a tombstone in a batch', { kind: 'batch', operations: [{ kind: 'delete', key: 'a:1' }] }, ['a:1']],
    ['a cleared prefix', clear('a:'), ['a:1', 'a:2']],
    ['clearing everything', clear(''), ['a:1', 'a:2', 'b']],
    ['replacing everything', { kind: 'replace', data: [] }, ['a:1', 'a:2', 'b']],
    ['a value that has expired', set('b', 'new', NOW), ['b']],
  ]

  it.each(hide)('%s, wherever the layers are frozen', async (_what, operation, hidden) => {
    const expected = ['a:1', 'a:2', 'b'].filter((key) => !hidden.includes(key))
    const checks = ({ index }: MemoryLog) => {
      expect(keysOf(index)).toEqual(expected)
      expect(index.pageOfKeys(ALL, 100, NOW)).toEqual(expected)
      for (const key of hidden) expect([index.get(key, NOW), index.has(key, NOW)]).toEqual([undefined, false])
    }
    for (const end of ['settle', 'thaw'] as const) {
      // In the tail; in the frozen tail; over a frozen tail that holds the keys again; settled or thawed.
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

  it('an expired value does not let the older one below through, also after a checkpoint', async () => {
    const log = await logOf(pairs('a'))
    log.run(set('a', 'new', NOW + 50))
    const look = (nowMs: number) => [
      log.index.get('a', nowMs)?.text,
      log.index.has('a', nowMs),
      keysOf(log.index, nowMs),
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

  it('a key that is set again after a clear is there, and taking the set back hides it again', async () => {
    const log = await logOf(pairs('a:1'))
    log.run(clear('a:'))
    log.apply(set('a:1', 'again'))
    expect(keysOf(log.index)).toEqual(['a:1'])
    log.takeBack(1)
    expect(keysOf(log.index)).toEqual([])
  })

  it('a clear that is taken back gives the number of its record to another, which does not clear', async () => {
    const log = await logOf(pairs('a:1', 'b'))
    log.run(set('a:2', 1), set('c', 1))
    for (const prefix of ['a:', '']) {
      log.apply(clear(prefix))
      log.takeBack(1)
      log.apply(set('a:3', 1))
      expect(keysOf(log.index)).toEqual(['a:1', 'a:2', 'a:3', 'b', 'c'])
      log.takeBack(1)
    }
  })

  it('also after several checkpoints in a row that came to nothing, however much they read of it', async () => {
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
        expect(log.index.get('again', NOW)?.text).toBe(String(round))
        expect(keysOf(log.index)).toEqual(['a:3', 'again', 'd'])
      }
      for (const operation of operations) {
        giveUp(operation)
        expect(log.index.get('again', NOW)?.text).toBe(String(round))
      }
      check()
      await log.compact()
      check()
      await log.reopen()
      check()
    }
  })

  it('also what was found in another file, which stays in memory', async () => {
    const log = await logOf(pairs('a', 'b'))
    const { index } = log
    const operation: Operation = { kind: 'batch', operations: [set('b', 'new'), set('c', 'new')] as never }
    index.replay({ kind: 'record', timestamp: '', seq: 8, operation, crc: '' }, 5, undefined)
    const { reads } = log.file
    expect([index.get('b', NOW), index.get('c', NOW)]).toMatchObject([
      { text: '"new"', time: 5 },
      { text: '"new"', time: 5 },
    ])
    expect([log.file.reads, index.cachedBytes]).toEqual([reads, 0])
    await log.compact()
    expect(keysOf(index)).toEqual(['a', 'b', 'c'])
    expect(index.get('c', NOW)?.text).toBe('"new"')
  })

  it('without a file, in memory alone', () => {
    const index = State.inMemory(pairs('b', 'a:2', 'a:1'))
    index.apply(set('c', 1), 1, undefined)
    index.apply(clear('a:'), 2, 90)
    const effect = index.apply(set('a:2', 'new', NOW + 1), 3, 90)
    expect(keysOf(index)).toEqual(['a:2', 'b', 'c'])
    expect(index.get('a:2', NOW)).toEqual({ text: '"new"', encoding: undefined, expires: NOW + 1, time: 90 })
    effect.undo()
    expect(keysOf(index)).toEqual(['b', 'c'])
  })
})

describe('listing', () => {
  it('goes on behind a key, inside a prefix, up to a limit', async () => {
    const log = await logOf(pairs('a:1', 'a:3', 'b', 'a'))
    log.run(...['a:2', 'a:4', 'c'].map((key) => set(key, 1)), remove('a:3'))
    const page = (prefix: string, after: string | undefined, limit: number) => {
      const keys = log.index.page({ prefix, after }, limit, NOW).map(([key]) => key)
      expect(log.index.pageOfKeys({ prefix, after }, limit, NOW)).toEqual(keys)
      return keys
    }
    expect(page('', undefined, 100)).toEqual(['a', 'a:1', 'a:2', 'a:4', 'b', 'c'])
    expect(page('a:', undefined, 2)).toEqual(['a:1', 'a:2'])
    expect(page('a:', 'a:2', 2)).toEqual(['a:4'])
    expect(page('a:', 'a:3', 100)).toEqual(['a:4'])
    expect(page('a:', 'a:21', 100)).toEqual(['a:4'])
    // Behind a key that stands before the prefix, and behind one that stands after it.
    expect(page('a:', '', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'a', 100)).toEqual(['a:1', 'a:2', 'a:4'])
    expect(page('a:', 'b', 100)).toEqual([])
    expect(page('b', 'b', 100)).toEqual([])
    expect(page('', 'b', 100)).toEqual(['c'])
    expect(page('x', undefined, 100)).toEqual([])
    expect(page('', undefined, 0)).toEqual([])
  })

  it('of a page at a time gives every key once', async () => {
    const log = await logOf([])
    const keys = Array.from({ length: 1000 }, (_, number) => `k${String((number * 7919) % 1000).padStart(3, '0')}`)
    const walk = () => {
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = log.index.page({ prefix: 'k', after }, 7, NOW)
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

  it('of long values ends behind the one that makes it long, and never before there is one', async () => {
    const long = (length: number) => ({ text: JSON.stringify('x'.repeat(length)) })
    const lengths = [100, 200_000, 100_000, 100_000, 300_000, 300_000, 10, 10]
    const state = lengths.map((length, number) => ({ key: `k${number}`, value: long(length) }))
    const log = await logOf(state.slice(0, 4))
    log.run(...state.slice(4).map(({ key, value }): Operation => ({ kind: 'set', key, value })))
    const pages: string[][] = []
    for (let after: string | undefined; ; ) {
      const keys = log.index.page({ prefix: '', after }, 100, NOW).map(([key]) => key)
      if (keys.length === 0) break
      pages.push(keys)
      after = keys.at(-1)
    }
    expect(pages).toEqual([['k0', 'k1', 'k2'], ['k3', 'k4'], ['k5'], ['k6', 'k7']])
    expect(log.index.pageOfKeys(ALL, 100, NOW)).toHaveLength(8)
  })

  it('passes over what was cleared without looking at it', async () => {
    const many = Array.from({ length: 300 }, (_, number) => `a:${String(number).padStart(3, '0')}`)
    const log = await logOf(pairs('Z', ...many, 'b'))
    log.run(clear('a:'), set('a:100', 'again'))
    const before = log.file.reads
    expect(log.index.pageOfKeys(ALL, 100, NOW)).toEqual(['Z', 'a:100', 'b'])
    expect(log.file.reads - before).toBeLessThan(5)
  })

  it('of a prefix reads no part that can have none of its keys', async () => {
    const log = await logOf(inPartsOfTwo(...Array.from({ length: 10 }, () => [undefined, undefined] as const)))
    const reads = (query: KeyRangeQuery) => {
      const before = log.file.reads
      log.index.page(query, 100, NOW)
      return log.file.reads - before
    }
    // The prefix itself may be a key, and would stand in the part ahead.
    expect(reads({ prefix: 'c', after: undefined })).toBe(2)
    expect(reads({ prefix: 'c0', after: undefined })).toBe(1)
    expect(reads({ prefix: 'c', after: 'c0' })).toBe(1)
    expect(reads({ prefix: 'j0', after: undefined })).toBe(1)
    expect(reads({ prefix: '', after: undefined })).toBe(10)
    log.run(clear(''))
    expect(reads({ prefix: '', after: undefined })).toBe(0)
  })

  it('of keys alone reads no value of a record', async () => {
    const log = await logOf([])
    log.run(...Array.from({ length: 50 }, (_, number) => set(`k${number}`, number)))
    expect(log.index.cachedBytes).toBe(0)
    const before = log.file.reads
    expect(log.index.pageOfKeys(ALL, 100, NOW)).toHaveLength(50)
    expect(log.index.has('k1', NOW)).toBe(true)
    expect(log.file.reads).toBe(before)
    log.index.get('k1', NOW)
    expect(log.file.reads).toBe(before + 1)
  })
})

describe('what is asked for again and again', () => {
  const keys = Array.from({ length: 20 }, (_, number) => `k${String(number).padStart(2, '0')}`)
  const cacheBytes = 5 * (130 + 200)

  const logOfMany = async (where: string) => {
    const log = await MemoryLog.of([], { cacheBytes })
    log.run(...keys.map((key) => set(key, 'x'.repeat(130))))
    if (where === 'a checkpoint') await log.compact()
    return log
  }

  it.each(['a checkpoint', 'records'])('stays in memory while others come and go, from %s', async (where) => {
    const log = await logOfMany(where)
    const readsOf = (key: string) => {
      const before = log.file.reads
      expect(log.index.get(key, NOW)?.text).toHaveLength(132)
      return log.file.reads - before
    }
    // Into a full cache comes what is asked for twice.
    for (let time = 0; time < 2; time++) readsOf('k00')
    for (const key of keys.slice(1)) {
      readsOf(key)
      expect(readsOf('k00')).toBe(0)
    }
    // All others have been let go of, except for the last few.
    expect(keys.slice(1).filter((key) => readsOf(key) === 1).length).toBeGreaterThan(12)
    expect(log.index.cachedBytes).toBeLessThanOrEqual(cacheBytes)
  })

  it('counts once, however many records of it go out together', async () => {
    const log = await MemoryLog.of([], { cacheBytes: Number.POSITIVE_INFINITY })
    log.run(set('a', 'x'.repeat(100)))
    const { cachedBytes } = log.index
    expect(cachedBytes).toBeGreaterThan(100)
    log.run(...Array.from({ length: 50 }, (_, number) => set('a', 'x'.repeat(51 + number))))
    expect(log.index.cachedBytes).toBe(cachedBytes)
    log.run({ kind: 'delete', key: 'a' })
    expect(log.index.cachedBytes).toBe(0)
  })

  it('counts two bytes for a character where it has any that are not ASCII, from record and file alike', async () => {
    const cachedFor = async (value: string) => {
      const log = await MemoryLog.of([], { cacheBytes: Number.POSITIVE_INFINITY })
      log.run(set('a', value))
      const written = log.index.cachedBytes
      await log.reopen()
      log.index.get('a', NOW)
      const replayed = log.index.cachedBytes
      log.run(set('b', 'no state for a header', NOW + 1))
      await log.compact()
      await log.reopen()
      log.index.get('a', NOW)
      return [written, replayed, log.index.cachedBytes]
    }
    const ascii = await cachedFor('x'.repeat(1000))
    const other = await cachedFor('日'.repeat(1000))
    expect(other.map((bytes, at) => bytes - ascii[at]!)).toEqual([1002, 1002, 1002])
  })

  it('is not what a listing or a compaction has come by', async () => {
    for (const where of ['records', 'a checkpoint']) {
      const log = await logOfMany(where)
      await log.reopen({ cacheBytes })
      expect(log.index.page(ALL, 100, NOW)).toHaveLength(20)
      expect(log.index.cachedBytes).toBe(0)
    }
    const log = await logOfMany('records')
    log.freeze()
    expect(log.index.page(ALL, 100, NOW)).toHaveLength(20)
    while (log.compactOn(1)) {}
    log.thaw()
    // What came last is in the cache, and the next one takes the place of the first of it.
    const { reads } = log.file
    log.run(set('z', 'x'.repeat(130)))
    log.index.get('z', NOW)
    expect(log.file.reads).toBe(reads)
    log.index.get('k15', NOW)
    expect(log.file.reads).toBe(reads + 1)
  })
})

/** Two keys to a part: `a0` and `a1`, `b0` and `b1`, … */
function inPartsOfTwo(...expiries: (readonly [first: number | undefined, second: number | undefined])[]): PartValue[] {
  return expiries.flatMap((expires, part) =>
    expires.map((each, number) => ({
      key: `${String.fromCharCode(97 + part)}${number}`,
      value: fromValue('', 'x'.repeat(130)),
      expires: each,
    })),
  )
}

describe('whether something has expired', () => {
  it('is asked of the checkpoint alone, by the time that is given', async () => {
    const log = await logOf(inPartsOfTwo([undefined, undefined], [NOW + 50, undefined]))
    const holds = (...times: number[]) => times.map((time) => log.index.holdsExpired(NOW + time))
    expect(holds(49, 50, 51, 49)).toEqual([false, true, true, false])
    // What the records behind it say is not looked at: a compaction that has just been would find the same again.
    log.run(set('c', 1, NOW), set('b0', 1), clear('b'))
    expect(holds(49, 50)).toEqual([false, true])
    await log.compact()
    expect(holds(49, 50, 1e9)).toEqual([false, false, false])
  })

  it('is no longer so when a compaction has removed it', async () => {
    const log = await logOf(inPartsOfTwo([undefined, NOW + 50], [NOW + 60, undefined]))
    log.nowMs = NOW + 55
    expect(log.index.holdsExpired(log.nowMs)).toBe(true)
    await log.compact()
    expect([log.index.holdsExpired(log.nowMs), log.index.holdsExpired(NOW + 60)]).toEqual([false, true])
    expect(log.index.pageOfKeys(ALL, 100, NOW)).toEqual(['a0', 'b0', 'b1'])
  })

  it('is known of a state in memory too', () => {
    const index = State.inMemory([{ key: 'a', value: fromValue('', 1), expires: 50 }])
    expect([49, 50].map((nowMs) => index.holdsExpired(nowMs))).toEqual([false, true])
    expect(index.halfExpiredMs).toBe(50)
  })

  it('and when half of it will have', async () => {
    const half = async (...expiries: [number | undefined, number | undefined][]) =>
      (await logOf(inPartsOfTwo(...expiries))).index.halfExpiredMs
    expect(await half()).toBeUndefined()
    expect(await half([undefined, undefined])).toBeUndefined()
    // Parts count as wholes, when the last of their keys has expired.
    expect(await half([NOW + 10, NOW + 20], [NOW + 5, undefined])).toBeUndefined()
    expect(await half([NOW + 10, NOW + 20], [NOW + 5, undefined], [NOW + 30, NOW + 1])).toBe(NOW + 30)
    expect(await half([NOW + 90, NOW + 90], [NOW + 20, NOW + 10], [NOW + 30, NOW + 1])).toBe(NOW + 30)
  })
})

describe('which share of the checkpoint is dead', () => {
  it('counts parts that have expired as wholes, and those that were cleared', async () => {
    const parts = inPartsOfTwo(
      [undefined, undefined],
      [NOW + 5, NOW + 10],
      [NOW + 5, undefined],
      [undefined, undefined],
    )
    const log = await logOf(parts)
    const share = (time = 0) => log.index.deadShare(NOW + time)
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
    log.takeBack(1)
    expect(share()).toBe(dead)
    log.run(clear(''))
    await log.compact()
    expect([share(), log.index.tailKeys]).toEqual([0, 0])
    expect(keysOf(log.index)).toEqual([])
  })

  it('counts no part behind those that were cleared, and begins anew behind a checkpoint', async () => {
    const log = await logOf(inPartsOfTwo(...Array.from({ length: 8 }, () => [undefined, undefined] as const)))
    const share = () => log.index.deadShare(NOW)
    log.run(clear('a'))
    expect(share()).toBe(1 / 8)
    await log.compact()
    // The part ahead may hold a key that is the prefix.
    log.run(clear('c'))
    expect(share()).toBe(2 / 7)
    log.freeze()
    expect(share()).toBe(2 / 7)
    log.run(clear('f0'))
    expect(share()).toBe(3 / 7)
    await log.settle()
    expect(share()).toBeLessThan(2 / 7)
  })

  it('of none is nothing', async () => {
    const log = await logOf([])
    log.run(set('a', 1), clear(''))
    expect(log.index.deadShare(NOW)).toBe(0)
  })

  it('is right after a clear is taken back behind a checkpoint that changed what it hides', async () => {
    const log = await logOf(pairs('a', 'b', 'c', 'd'))
    log.run(remove('a'))
    log.freeze()
    log.apply(clear(''))
    expect(log.index.deadShare(NOW)).toBe(1)
    await log.settle()
    expect(log.index.deadShare(NOW)).toBe(1)
    log.takeBack(1)
    expect(log.index.deadShare(NOW)).toBe(0)
    expect(keysOf(log.index)).toEqual(['b', 'c', 'd'])
  })
})

describe('what is known of a value', () => {
  it('is when it was written, when it expires and how it is encoded, from record and checkpoint alike', async () => {
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
        const value = log.index.get(key, NOW + 5) as StateValue
        return [value.text, value.encoding, value.expires, value.time]
      }
      expect(log.index.get('gone', NOW)).toBeUndefined()
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
    // A checkpoint later, by a clock that has gone on.
    log.nowMs += 10_000
    log.run(set('a', 'x'.repeat(300)))
    await log.compact()
    check()
  })

  it('how many keys the tails name', async () => {
    const log = await logOf(pairs('a', 'b'))
    const { index } = log
    expect(index.tailKeys).toBe(0)
    log.run(set('a', 1), remove('x'), clear('b'))
    expect(index.tailKeys).toBe(2)
    log.freeze()
    log.run(set('c', 1))
    expect(index.tailKeys).toBe(3)
    await log.settle()
    expect(index.tailKeys).toBe(1)
    log.apply(set('d', 1))
    log.takeBack(1)
    expect(index.tailKeys).toBe(1)
  })
})
