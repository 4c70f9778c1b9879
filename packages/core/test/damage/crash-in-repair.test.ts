import { beforeAll, expect, test } from 'vitest'
import { rounds } from '../support/long.js'
import { Random, withSeed } from '../support/random.js'
import { crashImages } from './crash-images.js'
import { damage } from './damages.js'
import type { MemoryDisk } from './memory-disk.js'
import { openAgain, stateOf } from './opening.js'
import { foreignStore, makeSubjects, type Subject } from './subjects.js'

/** A repair can be killed at any moment: the next open must reach the same state. */

let subjects: Subject[]
let foreign: MemoryDisk

beforeAll(async () => {
  subjects = await makeSubjects()
  foreign = await foreignStore()
})

async function stateFoundIn(disk: MemoryDisk, subject: Subject): Promise<string> {
  try {
    const store = await openAgain(disk, subject.options)
    const state = JSON.stringify([...stateOf(store)])
    await store.close()
    return state
  } catch (error) {
    return `${error}`
  }
}

async function faultsOf(random: Random): Promise<string[]> {
  const subject = random.pick(subjects)
  const damaged = subject.disk.copy()
  const done = damage(damaged, subject, foreign, random)
  if (!done) return []
  const undisturbed = await stateFoundIn(damaged.copy(), subject)
  const disk = damaged.copy()
  const images = await crashImages(disk, async () => {
    await stateFoundIn(disk, subject)
  })
  const faults: string[] = []
  for (const { at, disk: image } of images) {
    const state = await stateFoundIn(image, subject)
    if (state === undisturbed) continue
    faults.push(
      `the store "${subject.name}", ${done.what}, killed before ${at}:\n  ${state}\n  and not\n  ${undisturbed}`,
    )
  }
  return faults
}

test('a crash at any moment of a repair does not change the recovered state', {
  timeout: rounds(300_000, 3_600_000),
}, async () => {
  await withSeed(async ({ seed }) => {
    const cases = rounds(150, 5000)
    for (let number = 0; number < cases; number++) {
      const faults = await faultsOf(new Random(seed + number))
      expect(faults.map((fault) => `FLATLOG_SEED=${seed + number}: ${fault}`).join('\n\n')).toBe('')
    }
  })
})
