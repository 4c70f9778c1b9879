import { describe } from 'vitest'
import { describeBuiltApp } from './helpers/built-app'

// Part of `npm run test:long`. The normal tests build the app only with Nitro 2.
describe.runIf(process.env.FLATLOG_LONG)('in the long tests', () => {
  describeBuiltApp({
    name: 'Nitro 3',
    command: 'nitro/dist/cli/index.mjs',
    args: ['build', '--dir', 'nitro3'],
    output: 'nitro3/.output',
  })
})
