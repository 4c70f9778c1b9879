import { describe, expect, test } from 'vitest'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { countCalls, crashAtEveryCall, type Exhaustive, killInsideWrites, withFault } from './exhaustive.js'
import type { Fault, FaultCode } from './faults.js'

/** Only the long tests use every call of the script; the others use every n-th one. */

const TIMEOUT_MS = rounds(600_000, 7_200_000)
const SEEDS = rounds(1, 5)

type Variant = Omit<Exhaustive, 'seed'>
const posix = { profile: 'posix' } as const
const byHand = { compaction: false } as const
const oneByOne: Variant = { ...posix, options: { ...byHand, durability: 'always', mainFile: false }, inFlight: 1 }
const inGroups: Variant = { ...posix, options: { ...byHand, durability: 'always', mainFile: 'auto' }, inFlight: 8 }
const onExt4: Variant = { ...inGroups, profile: 'ext4' }
const notSynced: Variant = { ...posix, options: { ...byHand, durability: 'os', mainFile: false }, inFlight: 8 }
const syncedLater: Variant = { ...notSynced, options: { ...notSynced.options, durability: 'interval', times: true } }

async function forSeeds(work: (seed: number) => Promise<void>): Promise<void> {
  await withSeed(async (random) => {
    for (let round = 0; round < SEEDS; round++) await work(round === 0 ? random.seed : random.below(2 ** 31))
  })
}

describe('200 writes and two compactions, with a crash at every call', () => {
  test.each([
    ['always, one by one', oneByOne, 1, 6],
    ['always, in groups', inGroups, 2, 4],
    ['always, in groups, on ext4', onExt4, 1, 3],
    ['os', notSynced, 2, 4],
    ['interval', syncedLater, 1, 3],
  ] as const)(
    '%s',
    async (_, variant, powerCuts, stride) => {
      await forSeeds(async (seed) => {
        const calls = await crashAtEveryCall({ ...variant, seed }, powerCuts * rounds(1, 5), rounds(stride, 1))
        expect(calls).toBeGreaterThan(150)
      })
    },
    TIMEOUT_MS,
  )
})

/** All counts of bytes, or some near both ends and some between. */
function* someBytes(length: number, isLast: boolean): Generator<number> {
  const isAll = isLong || isLast || length <= 20
  const step = isAll ? 1 : Math.ceil(length / 5)
  for (let bytes = 0; bytes < length; bytes += bytes < 2 || bytes > length - 4 ? 1 : step) yield bytes
  if (!isAll) yield length - 1
}

test(
  'a kill inside every write, and after every byte of the last one',
  async () => {
    await forSeeds(async (seed) => {
      expect(await killInsideWrites({ ...inGroups, seed }, someBytes)).toBeGreaterThan(500)
    })
  },
  TIMEOUT_MS,
)

describe('200 writes and two compactions, with a failure of every call', () => {
  const codes: readonly FaultCode[] = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES', 'EDQUOT', 'short']
  const STRIDE = rounds(7, 1)

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
        for (let nth = 1 + (seed % STRIDE); nth <= calls; nth += STRIDE) {
          // The codes take turns; the long tests take all of them for every call.
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
