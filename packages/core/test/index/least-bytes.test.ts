import { describe, expect, test } from 'vitest'
import { leastBytes, Part, Parts } from '../support/core.js'
import { type Random, withSeed } from '../support/random.js'

const NOW = 1000

interface Pairs {
  readonly lengths: readonly number[]
  readonly expires: number | null
}

/** A part with a little beside its pairs, as every line has. `isKnown`: whoever wrote it has seen them. */
function partOf({ lengths, expires }: Pairs, at: number, isKnown: boolean): Part {
  const bytes = lengths.reduce((sum, length) => sum + length, 100)
  const row = { firstKey: `part ${at}`, offset: 0, keys: lengths.length, crc: '0', bytes }
  const longest = isKnown ? { longestPair: Math.max(...lengths) } : {}
  return new Part({ ...row, minExpires: expires, maxExpires: expires, ...longest })
}

function pairsAtRandom(random: Random): Pairs {
  const most = random.pick([20, 300, 100_000])
  const lengths = Array.from({ length: 1 + random.below(40) }, () => 1 + random.below(most))
  return { lengths, expires: random.below(4) === 0 ? NOW + random.pick([-1, 1]) : null }
}

describe('what is left of a checkpoint at the least', () => {
  test('is never more than what is left where the longest pairs are gone', async () => {
    await withSeed(async (random) => {
      for (let round = 0; round < 500; round++) {
        const all = Array.from({ length: 1 + random.below(30) }, () => pairsAtRandom(random))
        const parts = new Parts(all.map((pairs, at) => partOf(pairs, at, random.below(3) > 0)))
        const alive = all.filter(({ expires }) => expires === null || expires > NOW)
        const lengths = alive.flatMap((pairs) => pairs.lengths).sort((a, b) => b - a)
        const gone = random.below(lengths.length + 2)
        const left = lengths.slice(gone).reduce((sum, length) => sum + length, 0)
        expect(leastBytes(parts, gone, NOW)).toBeLessThanOrEqual(left + 100 * alive.length)
      }
    })
  })

  test('is nearly all of it where many keys of many short ones are gone', () => {
    const short: Pairs = { lengths: Array.from({ length: 60 }, (_, n) => 120 + (n % 20)), expires: null }
    const all = Array.from({ length: 8000 }, (_, at) => partOf(short, at, true))
    const bytes = 8000 * (all[0] as Part).bytes
    expect(leastBytes(new Parts(all), 0, NOW)).toBe(bytes)
    expect(leastBytes(new Parts(all), 48_000, NOW)).toBeGreaterThan(0.85 * bytes)
  })

  test('is little where any key may be nearly all of its part', () => {
    const one: Pairs = { lengths: [8000, 5, 5, 5], expires: null }
    const known = Array.from({ length: 100 }, (_, at) => partOf(one, at, true))
    expect(leastBytes(new Parts(known), 100, NOW)).toBeLessThan(100 * 120)
    const unknown = Array.from({ length: 100 }, (_, at) => partOf({ ...one, lengths: [2000, 2000, 2000] }, at, false))
    expect(leastBytes(new Parts(unknown), 100, NOW)).toBe(0)
  })
})
