import fc from 'fast-check'
import { SEED } from './seed.js'

// Before each test file. fast-check draws a new seed for every run otherwise. It prints the seed of what fails.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED })
