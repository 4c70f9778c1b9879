import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { Keyv } from 'keyv'
import * as test from 'vitest'
import { makeStore, tempDir } from './helpers.js'

/** The tests that Keyv's own stores have to pass, with Keyv 5. They share one file in each test, as they expect. */
let dir = ''
test.beforeEach(() => {
  dir = tempDir()
})

test.describe('@keyv/test-suite', () => {
  keyvTestSuite(test as never, Keyv, () => makeStore(dir))
})

test.describe('@keyv/test-suite, iterator', () => {
  keyvIteratorTests(test as never, Keyv, () => makeStore(dir))
})
