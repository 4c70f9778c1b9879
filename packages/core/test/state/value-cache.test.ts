import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdmissionFilter, type CachedText, fingerprint, ValueCache } from '../support/core.js'

/** What each text takes beside itself. */
const OVERHEAD = 160

class Text implements CachedText {
  cachedBytes = 0
  isUsed = false
  isThere = true
  drops = 0

  constructor(readonly bytes = 100) {}

  dropText(): void {
    this.isThere = false
    this.drops++
  }
}

/** With room for so many texts of 100 bytes. */
const withRoomFor = (texts: number) => new ValueCache(texts * (100 + OVERHEAD))

function addAll(cache: ValueCache, texts: readonly Text[]): void {
  for (const text of texts) cache.add(text, text.bytes)
}

const there = (texts: readonly Text[]) => texts.map(({ isThere }) => isThere)

describe('a cache with too little room', () => {
  it('lets go of what came first', () => {
    const cache = withRoomFor(2)
    const texts = [new Text(), new Text(), new Text()]
    addAll(cache, texts)
    expect(there(texts)).toEqual([false, true, true])
    expect(cache.bytes).toBe(2 * (100 + OVERHEAD))
  })

  it('gives a second chance to what was asked for, and not a third without being asked again', () => {
    const cache = withRoomFor(3)
    const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => new Text()) as [Text, Text, Text, Text, Text, Text]
    addAll(cache, [a, b, c])
    a.isUsed = true
    addAll(cache, [d])
    expect(there([a, b, c, d])).toEqual([true, false, true, true])
    addAll(cache, [e])
    expect(there([a, c, d, e])).toEqual([true, false, true, true])
    addAll(cache, [f])
    expect(there([a, d, e, f])).toEqual([true, false, true, true])
    addAll(cache, [new Text()])
    expect(there([a, e, f])).toEqual([false, true, true])
  })

  it('lets go of the newcomer where all others were asked for, and of the oldest then', () => {
    const cache = withRoomFor(3)
    const [a, b, c, d, e] = Array.from({ length: 5 }, () => new Text()) as [Text, Text, Text, Text, Text]
    addAll(cache, [a, b, c])
    for (const text of [a, b, c]) text.isUsed = true
    addAll(cache, [d])
    expect(there([a, b, c, d])).toEqual([true, true, true, false])
    addAll(cache, [e])
    expect(there([a, b, c, e])).toEqual([false, true, true, true])
  })

  it('takes in again what it let go of', () => {
    const cache = withRoomFor(1)
    const [a, b] = [new Text(), new Text()]
    addAll(cache, [a, b])
    a.isThere = true
    addAll(cache, [a])
    expect([a, b].map(({ isThere, drops }) => [isThere, drops])).toEqual([
      [true, 1],
      [false, 1],
    ])
  })

  it('of none at all keeps nothing', () => {
    const cache = new ValueCache(0)
    const text = new Text(0)
    addAll(cache, [text])
    expect([text.isThere, text.cachedBytes, cache.bytes]).toEqual([false, 0, 0])
  })

  it('does not keep a text that is larger than all of it', () => {
    const cache = withRoomFor(2)
    const [small, large] = [new Text(), new Text(10_000)]
    addAll(cache, [small, large])
    expect([small.isThere, large.isThere, cache.bytes]).toEqual([false, false, 0])
  })
})

describe('what is superseded', () => {
  it('makes room at once, and may stay with whoever holds it', () => {
    const cache = withRoomFor(2)
    const [a, b, c] = [new Text(), new Text(), new Text()]
    addAll(cache, [a, b])
    cache.remove(a)
    expect(cache.bytes).toBe(100 + OVERHEAD)
    addAll(cache, [c])
    expect([there([a, b, c]), a.drops]).toEqual([[true, true, true], 0])
  })

  it('comes back when that is taken back, before its turn has come and after', () => {
    for (const others of [0, 500]) {
      const cache = withRoomFor(600)
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
    const cache = withRoomFor(5)
    const text = new Text()
    addAll(cache, [text, text])
    expect(cache.bytes).toBe(100 + OVERHEAD)
    cache.remove(text)
    cache.remove(text)
    expect(cache.bytes).toBe(0)
    addAll(cache, [text, text])
    expect(cache.bytes).toBe(100 + OVERHEAD)
  })

  it('does not pile up: of a hundred thousand versions of ten keys all but a few are let go', () => {
    for (const bytes of [10, 50_000]) {
      const cache = new ValueCache(64 * 1024 * 1024)
      const versions: Text[] = []
      const present: Text[] = []
      const isHeld = ({ cachedBytes }: Text) => cachedBytes !== 0
      const total = 100_000
      for (let number = 0; number < total; number++) {
        const before = present[number % 10]
        if (before) cache.remove(before)
        const text = new Text(bytes)
        present[number % 10] = text
        versions.push(text)
        cache.add(text, bytes)
      }
      expect(cache.bytes).toBe(10 * (bytes + OVERHEAD))
      const held = versions.filter(isHeld)
      expect(held.length).toBeLessThan(100)
      // What is dead takes no more than what lives, and a little.
      expect(held.reduce((sum, text) => sum + text.bytes, 0)).toBeLessThan(20 * (bytes + OVERHEAD) + (2 << 20))
    }
  })
})

describe('whatever is added, asked for and removed', () => {
  it('never more than the limit is held, what is counted is what is there, and nothing else is let go', () => {
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
            if (step.do === 'use') text.isUsed = true
            else if (step.do === 'remove') {
              cache.remove(text)
              superseded.add(text)
            } else {
              text.isThere = true
              superseded.delete(text)
              cache.add(text, text.bytes)
            }
            const living = texts.filter(({ cachedBytes }) => cachedBytes > 0)
            const bytes = living.reduce((sum, each) => sum + each.bytes + OVERHEAD, 0)
            if (cache.bytes !== bytes || bytes > maxBytes) expect([cache.bytes, maxBytes]).toEqual([bytes, bytes])
            for (const each of living) if (!each.isThere || superseded.has(each)) expect(each).toBe('held in vain')
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('who may come in', () => {
  it('is what came before, not long ago', () => {
    const door = new AdmissionFilter(0)
    const first = fingerprint('first')
    expect(door.admits(first)).toBe(false)
    expect(door.admits(first)).toBe(true)
    expect(door.admits(first)).toBe(true)
    // Enough others to have come to its place.
    for (let n = 0; n < 50_000; n++) door.admits(fingerprint(`other ${n}`))
    expect(door.admits(first)).toBe(false)
  })

  it('are few of many that come once each, and most of few that come again and again', () => {
    for (const cacheBytes of [0, 8 * 1024 * 1024, Number.POSITIVE_INFINITY]) {
      const door = new AdmissionFilter(cacheBytes)
      const count = (keys: number, rounds: number) => {
        let admitted = 0
        for (let n = 0; n < keys * rounds; n++) if (door.admits(fingerprint(`key${n % keys}`))) admitted++
        return admitted
      }
      expect(count(1_000_000, 1)).toBeLessThan(1000)
      expect(count(100, 10)).toBeGreaterThan(700)
    }
  })
})
