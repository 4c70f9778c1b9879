// The tests of crashes, damage and full disks at full length: `npm run test:long -- --seed N`.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const CORE = ['simulation', 'planted', 'damage', 'disk-full', 'crash', 'lock', 'memory', 'recovery', 'legacy']
const KEYV = ['iteration']
/** Of examples/nitro-app. */
const APP = ['nitro3', 'dev']

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' } },
  // Folders or files of packages/core/test, or those of the others that are named here, instead of all.
  allowPositionals: true,
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error(`--seed is ${JSON.stringify(values.seed)}; it must be a whole number from 0.`)
  process.exit(2)
}

const wanted = positionals.length ? positionals : [...CORE, ...KEYV, ...APP]
console.log(`Long tests of ${wanted.join(', ')} with seed ${seed}: this takes an hour and more on two cores.`)

function run(folder, tests) {
  if (tests.length === 0) return 0
  const { status } = spawnSync('npx', ['vitest', 'run', ...tests.map((name) => `test/${name}`)], {
    cwd: fileURLToPath(new URL(`../${folder}/`, import.meta.url)),
    env: { ...process.env, FLATLOG_LONG: '1', FLATLOG_SEED: String(seed) },
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  return status ?? 1
}

const inCore = wanted.filter((name) => ![...KEYV, ...APP].includes(name))
const inKeyv = wanted.filter((name) => KEYV.includes(name))
const inApp = wanted.filter((name) => APP.includes(name))
const status = run('packages/core', inCore) || run('packages/keyv-adapter', inKeyv) || run('examples/nitro-app', inApp)
console.log(
  status === 0
    ? `All passed with seed ${seed}.`
    : `Failed with seed ${seed}. What failed names its own seed above; again: npm run test:long -- --seed ${seed}`,
)
process.exit(status)
