import { expect, test, vi } from 'vitest'
import { rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { modelTest } from './model.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('./small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const RUNS = rounds(120, 10_000)

test.each([
  ['after crashes', false],
  ['after crashes and failed calls', true],
])(
  '%s, a store has the state after a prefix of the writes that includes every acknowledged one',
  async (_, withFaults) => {
    await withSeed(async ({ seed }) => {
      const { runs, failure } = await modelTest({ seed, withFaults, runs: RUNS })
      if (failure) throw new Error(failure)
      expect(runs).toBe(RUNS)
    })
  },
  60_000 + RUNS * 3000,
)
