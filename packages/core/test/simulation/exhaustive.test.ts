import { describe, expect, test } from 'vitest'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { countCalls, crashAtEveryCall, type Exhaustive, killInsideWrites, withFault } from './exhaustive.js'
import type { Fault, FaultCode } from './faults.js'

const TIMEOUT_MS = rounds(400_000, 3_600_000)
const SEEDS = rounds(1, 5)

type Variant = Omit<Exhaustive, 'seed'>
const posix = { profile: 'posix' } as const
const byHand = { compaction: false } as const
const oneByOne: Variant = { ...posix, options: { ...byHand, durability: 'always', mainFile: false }, inFlight: 1 }
const inGroups: Variant = { ...posix, options: { ...byHand, durability: 'always', mainFile: 'auto' }, inFlight: 8 }
const onExt4: Variant = { ...inGroups, profile: 'ext4' }
const notSynced: Variant = { ...posix, options: { ...byHand, durability: 'os', mainFile: false }, inFlight: 8 }
const syncedLater: Variant = { ...notSynced, options: { ...notSynced.options, durability: 'interval', times: true } }

/** Every seed in turn; what fails says which. */
async function forSeeds(work: (seed: number) => Promise<void>): Promise<void> {
  await withSeed(async (random) => {
    for (let round = 0; round < SEEDS; round++) await work(round === 0 ? random.seed : random.below(2 ** 31))
  })
}

describe('200 writes and two compactions, crashed at every call', () => {
  test.each([
    ['always, one by one', oneByOne, 1],
    ['always, in groups', inGroups, 2],
    ['always, in groups, on ext4', onExt4, 1],
    ['os', notSynced, 2],
    ['interval', syncedLater, 1],
  ] as const)(
    '%s',
    async (_, variant, powerCuts) => {
      await forSeeds(async (seed) => {
        const calls = await crashAtEveryCall({ ...variant, seed }, powerCuts * rounds(1, 5))
        expect(calls).toBeGreaterThan(150)
      })
    },
    TIMEOUT_MS,
  )
})

/** All of them, or those near both ends and some between. */
function* someBytes(length: number, isLast: boolean): Generator<number> {
  const isAll = isLong || isLast || length <= 120
  const step = isAll ? 1 : Math.ceil(length / 12)
  for (let bytes = 0; bytes < length; bytes += bytes < 3 || bytes > length - 4 ? 1 : step) yield bytes
  if (!isAll) yield length - 1
}

test(
  'killed inside every write, and behind every byte of the last one',
  async () => {
    await forSeeds(async (seed) => {
      expect(await killInsideWrites({ ...inGroups, seed }, someBytes)).toBeGreaterThan(500)
    })
  },
  TIMEOUT_MS,
)

describe('every single call fails', () => {
  const codes: readonly FaultCode[] = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES', 'EDQUOT', 'short']

  test.each([
    ['once', inGroups, 1],
    ['for ever', inGroups, 1_000_000],
    ['once (os)', notSynced, 1],
    ['for ever (os)', notSynced, 1_000_000],
  ] as const)(
    '%s',
    async (_, variant, times) => {
      await forSeeds(async (seed) => {
        const exhaustive = { ...variant, seed }
        const calls = await countCalls(exhaustive)
        for (let nth = 1; nth <= calls; nth++) {
          // In turn, beginning elsewhere with each seed; the long test takes all of them at every call.
          const wanted = isLong ? codes : [codes[(seed + nth) % codes.length] as FaultCode]
          for (const code of wanted) {
            const fault: Fault = { kind: 'any', on: /./, nth, times, code, happens: (seed + nth) % 3 === 0 }
            await withFault(exhaustive, fault)
          }
        }
      })
    },
    TIMEOUT_MS,
  )
})
