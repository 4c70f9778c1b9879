import { describe, expect, test } from 'vitest'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { bugs } from './bugs.js'
import { bundle } from './bundle.js'
import { check } from './check.js'
import { DEFAULT_SEARCH, searches } from './searches.js'

/** Each of these engines is broken in one place: the model test must find every bug. */

const directory = useTempDirectory()
const CONTROL_RUNS = rounds(15, 1500)
/**
 * The long tests allow this many times the runs.
 * They draw a new seed, which may need more runs than the stored one, the best of several.
 */
const TIMES_RUNS = rounds(1, 3)
const hangMs = (runs: number) => 60_000 + runs * 3000

test.each([
  ['without', false],
  ['with', true],
])(
  'the unbroken engine passes %s faults',
  async (_, withFaults) => {
    await withSeed(async ({ seed }) => {
      const path = await bundle([], directory(), 'control')
      const { failure, runs } = await check(path, { seed, withFaults, runs: CONTROL_RUNS })
      if (failure) throw new Error(failure)
      expect(runs).toBe(CONTROL_RUNS)
    })
  },
  hangMs(CONTROL_RUNS),
)

describe('the model test finds the planted bug:', () => {
  for (const bug of bugs) {
    const search = searches[bug.name] ?? DEFAULT_SEARCH
    const runs = search.runs * TIMES_RUNS
    test.runIf(isLong || !search.isRare)(bug.name, { timeout: hangMs(runs) }, async ({ signal }) => {
      await withSeed(async (random) => {
        const path = await bundle(bug.edits, directory(), 'broken')
        const seed = isLong ? random.seed : search.seed
        const found = await check(path, { seed, withFaults: search.withFaults, runs, focus: bug.focus }, signal)
        expect(found.message, `not found within ${runs} runs: ${bug.what}`).toBeDefined()
        // A bug that merely makes the engine throw would be found by any test.
        expect(found.message).not.toMatch(/^(Type|Reference|Syntax)Error/)
      })
    })
  }
})
