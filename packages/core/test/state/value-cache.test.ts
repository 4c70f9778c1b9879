import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdmissionFilter, type CachedText, type CacheState, fingerprint, ValueCache } from '../support/core.js'

/** The overhead of each text in bytes. */
const OVERHEAD = 160

class Text implements CachedText {
  cacheState: CacheState = 'outside'
  cachedBytes = 0
  isThere = true
  drops = 0

  constructor(readonly bytes = 100) {}

  get isCached(): boolean {
    return this.cacheState === 'cached' || this.cacheState === 'used'
  }

  dropText(): void {
    this.isThere = false
    this.drops++
  }
}

/** A cache with space for this many texts of 100 bytes. */
const withSpaceFor = (texts: number) => new ValueCache(texts * (100 + OVERHEAD))

function addAll(cache: ValueCache, texts: readonly Text[]): void {
  for (const text of texts) cache.add(text, text.bytes)
}

const there = (texts: readonly Text[]) => texts.map(({ isThere }) => isThere)

describe('a full cache', () => {
  it('drops the text that was added first', () => {
    const cache = withSpaceFor(2)
    const texts = [new Text(), new Text(), new Text()]
    addAll(cache, texts)
    expect(there(texts)).toEqual([false, true, true])
    expect(cache.bytes).toBe(2 * (100 + OVERHEAD))
  })

  it('gives a text that was read a second chance, but no third until it is read again', () => {
    const cache = withSpaceFor(3)
    const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => new Text()) as [Text, Text, Text, Text, Text, Text]
    addAll(cache, [a, b, c])
    cache.use(a)
    addAll(cache, [d])
    expect(there([a, b, c, d])).toEqual([true, false, true, true])
    addAll(cache, [e])
    expect(there([a, c, d, e])).toEqual([true, false, true, true])
    addAll(cache, [f])
    expect(there([a, d, e, f])).toEqual([true, false, true, true])
    addAll(cache, [new Text()])
    expect(there([a, e, f])).toEqual([false, true, true])
  })

  it('drops the new text if all others were read, and next the oldest', () => {
    const cache = withSpaceFor(3)
    const [a, b, c, d, e] = Array.from({ length: 5 }, () => new Text()) as [Text, Text, Text, Text, Text]
    addAll(cache, [a, b, c])
    for (const text of [a, b, c]) cache.use(text)
    addAll(cache, [d])
    expect(there([a, b, c, d])).toEqual([true, true, true, false])
    addAll(cache, [e])
    expect(there([a, b, c, e])).toEqual([false, true, true, true])
  })

  it('accepts a dropped text again', () => {
    const cache = withSpaceFor(1)
    const [a, b] = [new Text(), new Text()]
    addAll(cache, [a, b])
    a.isThere = true
    addAll(cache, [a])
    expect([a, b].map(({ isThere, drops }) => [isThere, drops])).toEqual([
      [true, 1],
      [false, 1],
    ])
  })

  it('with a limit of zero keeps nothing', () => {
    const cache = new ValueCache(0)
    const text = new Text(0)
    addAll(cache, [text])
    expect([text.isThere, text.cacheState, cache.bytes]).toEqual([false, 'outside', 0])
  })

  it('does not keep a text that is larger than the whole cache', () => {
    const cache = withSpaceFor(2)
    const [small, large] = [new Text(), new Text(10_000)]
    addAll(cache, [small, large])
    expect([small.isThere, large.isThere, cache.bytes]).toEqual([false, false, 0])
  })
})

describe('a superseded text', () => {
  it('frees its space at once and is not dropped', () => {
    const cache = withSpaceFor(2)
    const [a, b, c] = [new Text(), new Text(), new Text()]
    addAll(cache, [a, b])
    cache.remove(a)
    expect(cache.bytes).toBe(100 + OVERHEAD)
    addAll(cache, [c])
    expect([there([a, b, c]), a.drops]).toEqual([[true, true, true], 0])
  })

  it('can be added again, before it has left the queue and after', () => {
    for (const others of [0, 500]) {
      const cache = withSpaceFor(600)
      const text = new Text()
      addAll(cache, [text])
      cache.remove(text)
      addAll(
        cache,
        Array.from({ length: others }, () => new Text()),
      )
      addAll(cache, [text])
      expect(cache.bytes).toBe((others + 1) * (100 + OVERHEAD))
      cache.remove(text)
      expect(cache.bytes).toBe(others * (100 + OVERHEAD))
    }
  })

  it('counts once, however often it is added or removed', () => {
    const cache = withSpaceFor(5)
    const text = new Text()
    addAll(cache, [text, text])
    expect(cache.bytes).toBe(100 + OVERHEAD)
    cache.remove(text)
    cache.remove(text)
    expect(cache.bytes).toBe(0)
    addAll(cache, [text, text])
    expect(cache.bytes).toBe(100 + OVERHEAD)
  })

  it('leaves the queue soon: of a hundred thousand versions of ten keys few are kept', () => {
    for (const bytes of [10, 50_000]) {
      const cache = new ValueCache(64 * 1024 * 1024)
      const versions: Text[] = []
      const current: Text[] = []
      const total = 100_000
      for (let number = 0; number < total; number++) {
        const before = current[number % 10]
        if (before) cache.remove(before)
        const text = new Text(bytes)
        current[number % 10] = text
        versions.push(text)
        cache.add(text, bytes)
      }
      expect(cache.bytes).toBe(10 * (bytes + OVERHEAD))
      const held = versions.filter(({ cacheState }) => cacheState !== 'outside')
      expect(held.length).toBeLessThan(100)
      // Removed texts take little more than the others.
      expect(held.reduce((sum, text) => sum + text.bytes, 0)).toBeLessThan(20 * (bytes + OVERHEAD) + (2 << 20))
    }
  })
})

describe('any sequence of adding, reading and removing', () => {
  it('keeps the cache below its limit, counts the cached texts exactly and drops no others', () => {
    const anyStep = fc.record({
      do: fc.constantFrom('add' as const, 'add' as const, 'add' as const, 'use' as const, 'remove' as const),
      text: fc.nat({ max: 29 }),
    })
    const anySizes = fc.array(fc.nat({ max: 400 }), { minLength: 30, maxLength: 30 })
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 300, size: 'max' }),
        anySizes,
        fc.nat({ max: 6000 }),
        (steps, sizes, maxBytes) => {
          const cache = new ValueCache(maxBytes)
          const texts = sizes.map((bytes) => new Text(bytes))
          const superseded = new Set<Text>()
          for (const step of steps) {
            const text = texts[step.text] as Text
            if (step.do === 'use') cache.use(text)
            else if (step.do === 'remove') {
              cache.remove(text)
              superseded.add(text)
            } else {
              text.isThere = true
              superseded.delete(text)
              cache.add(text, text.bytes)
            }
            const cached = texts.filter(({ isCached }) => isCached)
            const bytes = cached.reduce((sum, each) => sum + each.bytes + OVERHEAD, 0)
            if (cache.bytes !== bytes || bytes > maxBytes) expect([cache.bytes, maxBytes]).toEqual([bytes, bytes])
            for (const each of cached) if (!each.isThere || superseded.has(each)) expect(each).toBe('not cached')
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('the admission filter', () => {
  it('admits a key that it has seen before, unless that was long ago', () => {
    const filter = new AdmissionFilter(0)
    const first = fingerprint('first')
    expect(filter.admits(first)).toBe(false)
    expect(filter.admits(first)).toBe(true)
    expect(filter.admits(first)).toBe(true)
    // Enough others for one of them to replace it.
    for (let n = 0; n < 50_000; n++) filter.admits(fingerprint(`other ${n}`))
    expect(filter.admits(first)).toBe(false)
  })

  it('admits few of many keys that it sees once, and most of few keys that it sees often', () => {
    for (const cacheBytes of [0, 8 * 1024 * 1024, Number.POSITIVE_INFINITY]) {
      const filter = new AdmissionFilter(cacheBytes)
      const count = (keys: number, rounds: number) => {
        let admitted = 0
        for (let n = 0; n < keys * rounds; n++) if (filter.admits(fingerprint(`key${n % keys}`))) admitted++
        return admitted
      }
      expect(count(1_000_000, 1)).toBeLessThan(1000)
      expect(count(100, 10)).toBeGreaterThan(700)
    }
  })
})
