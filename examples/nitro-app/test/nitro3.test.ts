import { describe } from 'vitest'
import { describeBuiltApp } from './helpers/built-app'

// One build is enough for every run of the tests; this one is part of `npm run test:long`.
describe.runIf(process.env.FLATLOG_LONG)('at length', () => {
  describeBuiltApp({
    name: 'Nitro 3',
    command: 'nitro/dist/cli/index.mjs',
    args: ['build', '--dir', 'nitro3'],
    output: 'nitro3/.output',
  })
})
