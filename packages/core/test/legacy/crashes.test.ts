import { describe, expect, test, vi } from 'vitest'
import { crashAtEveryCall, type Scenario } from '../simulation/openings.js'
import { isLong, rounds } from '../support/long.js'
import { withSeed } from '../support/random.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS, FEWER_CALLS } = await import('./tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS, ...FEWER_CALLS, SORT_BYTES: 3500 }
})

/** An installation of the original system that does not fit in memory, crashed at every call while it is taken over. */

const LOG = 'logs/store.log'
const key = (number: number) => `key ${(number * 7) % 100}`
const line = (fields: object) => `${JSON.stringify({ timestamp: '2024-05-01T10:00:00.000Z', ...fields })}\n`
const set = (number: number, value: unknown) => line({ op: 'SET', key: key(number), value })
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)

const state = Object.fromEntries(numbers(30).map((number) => [key(number), [number]]))
const changes = numbers(24).map((number) =>
  number % 4 ? set(number, { n: number }) : line({ op: 'DELETE', key: key(number) }),
)
const long = set(3, 'long '.repeat(60))

const scenarios: { [name: string]: { main?: string; log?: string } } = {
  'changes over a main file': { main: JSON.stringify(state, null, 2), log: changes.join('') + long },
  'a state in one line, and changes behind it': {
    log: [set(99, 1), line({ op: 'CHECKPOINT', state }), ...changes, long].join(''),
  },
  'a main file alone': { main: JSON.stringify({ ...state, long: 'long '.repeat(60) }) },
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
    (profile) => withSeed((random) => crashAtEveryCall(scenario, profile, random, rounds(6, 1))),
    rounds(60_000, 600_000),
  )
})
