import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import * as test from 'vitest'
import { makeStore, tempDir } from './helpers.js'

/** The tests that Keyv's own stores have to pass. They share one file in each test, as they expect. */
let dir = ''
test.beforeEach(() => {
  dir = tempDir()
})

test.describe('@keyv/test-suite with Keyv 5', () => {
  keyvTestSuite(test as never, Keyv5, () => makeStore(dir))
})

test.describe('@keyv/test-suite, iterator, with Keyv 5', () => {
  keyvIteratorTests(test as never, Keyv5, () => makeStore(dir))
})

/** The suite is written for Keyv 5; where Keyv 6 answers otherwise by its own rules, the same is held against those. */
const IN_KEYV_6: Record<string, (t: { expect: typeof test.expect }) => Promise<void>> = {
  '.deleteMany([keys]) with nonexistent keys resolves to false': async ({ expect }) => {
    const keyv = new Keyv6({ store: makeStore(dir) })
    expect(await keyv.delete(['foo', 'foo1', 'foo2'])).toEqual([false, false, false])
  },
}
const replaced = new Set<string>()

const withRulesOfKeyv6 = {
  ...test,
  it(name: string, check: () => void) {
    if (name in IN_KEYV_6) replaced.add(name)
    test.it(name, IN_KEYV_6[name] ?? check)
  },
}

test.describe('@keyv/test-suite with Keyv 6', () => {
  keyvTestSuite(withRulesOfKeyv6 as never, Keyv6 as never, () => makeStore(dir))
})

test.describe('@keyv/test-suite, iterator, with Keyv 6', () => {
  keyvIteratorTests(withRulesOfKeyv6 as never, Keyv6 as never, () => makeStore(dir))
})

test.it('replaces no more of the suite than there is', () => {
  test.expect([...replaced]).toEqual(Object.keys(IN_KEYV_6))
})
