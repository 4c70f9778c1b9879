import { describeBuiltApp } from './helpers/built-app'

describeBuiltApp({ name: 'Nitro 2', command: 'nitropack/dist/cli/index.mjs', args: ['build'], output: '.output' })
