import fc from 'fast-check'
import { SEED } from './seed.js'

// Runs before each test file. Without it, fast-check draws a new seed for every run. It prints the seed of a failed test.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED })
