import { describe, expect, test, vi } from 'vitest'
import { crashAtEveryCall, type Scenario } from '../simulation/openings.js'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'
import { checkpoint, del, set } from './files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  return { ...(await original()), READ_CHUNK_BYTES: 1024, PART_BYTES: 256 }
})

/** Importing a store of format 0, crashed at every call. */

const LOG = 'logs/store.log'
const key = (number: number) => `key ${(number * 7) % 100}`
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)

const state = Object.fromEntries(numbers(30).map((number) => [key(number), [number]]))
const changes = numbers(24).map((number) => (number % 4 ? set(key(number), { n: number }) : del(key(number))))
const long = set(key(3), 'long '.repeat(60))

const scenarios: { [name: string]: { main?: string; log?: string } } = {
  'changes over a main file': { main: JSON.stringify(state, null, 2), log: changes.join('') + long },
  'a checkpoint and changes after it': { log: [set(key(99), 1), checkpoint(state), ...changes, long].join('') },
  'only a main file': { main: JSON.stringify({ ...state, long: 'long '.repeat(60) }) },
}

describe.each(Object.entries(scenarios))('%s', (_, { main, log }) => {
  const files = { ...(main && { 'store.json': main }), ...(log && { [LOG]: log }) }
  const scenario: Scenario = {
    arrange: () => files,
    keeps: () => Object.values(files).map((text) => Buffer.from(text)),
    found: (recovery) => expect(recovery).toMatchObject({ source: log ? 'older-log' : 'main-file', damage: [] }),
  }

  test.each(isLong ? (['posix', 'ext4'] as const) : (['posix'] as const))(
    'crashed at every call of the opening (%s)',
    (profile) => withSeed((random) => crashAtEveryCall(scenario, profile, random, rounds(3, 1))),
    rounds(300_000, 3_600_000),
  )
})
