import { expect, test, vi } from 'vitest'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { modelTest } from './model.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

/** The time is the limit, not the number: a machine that is busy tries less, and says how much it has tried. */
const LIMIT_MS = rounds(18_000, 900_000)

test.each([
  ['crashes', false],
  ['crashes and calls that go wrong', true],
])(
  '%s: what is found was written, in order, with all that was acknowledged',
  async (name, withFaults) => {
    await withSeed(async ({ seed }) => {
      const { runs, failure } = await modelTest({ seed, withFaults, runs: 1_000_000, limitMs: LIMIT_MS })
      console.info(`${name}: ${runs} runs, seed ${seed}`)
      if (failure) throw new Error(failure)
      expect(runs).toBeGreaterThan(20)
    })
  },
  LIMIT_MS * 3 + 60_000,
)
