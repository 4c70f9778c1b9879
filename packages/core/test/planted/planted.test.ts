import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import type { ModelResult, ModelTest } from '../simulation/model.js'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import type { Bug } from './bug.js'
import { commitBugs } from './bugs/commit.js'
import { publishBugs } from './bugs/publish.js'
import { recoveryBugs } from './bugs/recovery.js'
import { bundle } from './bundle.js'

/** A checker that cannot fail proves nothing: each of these engines is broken in one place, and must be found out. */

const directory = useTempDirectory()
const LIMIT_MS = rounds(60_000, 300_000)
const CONTROL_MS = rounds(4_000, 120_000)

function check(path: string, modelTest: Omit<ModelTest, 'runs' | 'shrinks'>): Promise<ModelResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(path, { workerData: { ...modelTest, runs: 1_000_000, shrinks: false } })
    worker.once('message', (result: ModelResult) => {
      resolve(result)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}

/** Without faults and with them, in turn and for longer each time, until the bug is found or the time is up. */
async function findOut(path: string, bug: Bug, seed: number): Promise<ModelResult | undefined> {
  const endMs = performance.now() + LIMIT_MS
  const ways = bug.focus.faults ? [true] : [false, true]
  for (let limitMs = 2000, turn = 0; performance.now() < endMs; turn++, limitMs *= 1.5) {
    const withFaults = ways[turn % ways.length] as boolean
    const result = await check(path, { seed: seed + turn, withFaults, limitMs, focus: bug.focus })
    if (result.failure !== undefined) return result
  }
  return undefined
}

const bugs = [...commitBugs, ...publishBugs, ...recoveryBugs]

test.each([false, true])(
  'nothing is found in the engine as it is (with faults: %s)',
  async (withFaults) => {
    await withSeed(async ({ seed }) => {
      const path = await bundle([], directory(), 'control')
      const { failure, runs } = await check(path, { seed, withFaults, limitMs: CONTROL_MS })
      if (failure) throw new Error(failure)
      expect(runs).toBeGreaterThan(5)
    })
  },
  CONTROL_MS * 10 + 60_000,
)

describe.each(bugs.map((bug) => [bug.name, bug] as const))('%s', (_, bug) => {
  test.runIf(isLong || !bug.isRare)(
    'is found',
    async () => {
      await withSeed(async ({ seed }) => {
        const path = await bundle(bug.edits, directory(), 'broken')
        const found = await findOut(path, bug, seed)
        expect(found, `nothing found: ${bug.what}`).toBeDefined()
        // A bug that merely brings the engine down would be found by anyone.
        expect(found?.message).not.toMatch(/^(Type|Reference|Syntax)Error/)
      })
    },
    LIMIT_MS * 3 + 60_000,
  )
})
