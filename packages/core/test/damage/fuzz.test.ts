import { beforeAll, describe, expect, test } from 'vitest'
import { rounds } from '../support/long.js'
import { Random, withSeed } from '../support/random.js'
import { type Damage, damage } from './damages.js'
import { Judge } from './judge.js'
import type { MemoryDisk } from './memory-disk.js'
import { foreignStore, makeSubjects, type Subject } from './subjects.js'

/**
 * Any damage to the bytes or files of a store is found at opening, or by `verify` at the latest. The lines
 * before and after it are kept, values that a backup has are healed, and no wrong value goes unreported.
 */

/** The test stops after so many faults: enough to see what they have in common. */
const MAX_FAULTS = 5

let subjects: Subject[]
let foreign: MemoryDisk

beforeAll(async () => {
  subjects = await makeSubjects()
  foreign = await foreignStore()
})

/** Damages and opens one store; returns the complaints with a description of the case. */
async function judge(random: Random): Promise<string | undefined> {
  const subject = random.pick(subjects)
  const disk = subject.disk.copy()
  const wanted = random.below(100) < 85 ? 1 : 2 + random.below(2)
  const damages: Damage[] = []
  for (let tries = 0; damages.length < wanted && tries < 20; tries++) {
    const done = damage(disk, subject, foreign, random)
    if (done) damages.push(done)
  }
  const judged = new Judge(subject, foreign, disk, damages)
  await judged.run()
  if (random.below(8) === 0) await judged.judgeStrict()
  if (random.below(8) === 0) await judged.judgeReadOnly()
  if (judged.complaints.length === 0) return undefined
  const what = damages.map((each) => each.what).join('; ')
  return `the store "${subject.name}", ${what}\n- ${judged.complaints.join('\n- ')}\n  ${judged.describe()}`
}

describe('a damaged store', () => {
  test('never has an unreported wrong value, wherever and however it is damaged', {
    timeout: rounds(600_000, 7_200_000),
  }, async () => {
    await withSeed(async ({ seed }) => {
      const faults: string[] = []
      const cases = rounds(3000, 100_000)
      for (let number = 0; number < cases && faults.length < MAX_FAULTS; number++) {
        // Each case has its own seed, so that it can be repeated as the first case.
        const fault = await judge(new Random(seed + number))
        if (fault) faults.push(`FLATLOG_SEED=${seed + number}: ${fault}`)
      }
      expect(faults.join('\n\n')).toBe('')
    })
  })
})
