// Runs the long versions of tests with a new seed, or with that of `npm run test:long -- --seed N`.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const CORE = [
  ...['simulation', 'planted', 'damage', 'disk-full', 'crash'],
  ...['lock', 'memory', 'legacy', 'read-only', 'state'],
]
const KEYV = ['iteration']
const APP = ['nitro3', 'dev']

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' } },
  // Without arguments, all of the above. Otherwise their names, or other folders or files of packages/core/test.
  allowPositionals: true,
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error(`--seed must be a whole number of at least 0, got ${JSON.stringify(values.seed)}.`)
  process.exit(2)
}

const wanted = positionals.length ? positionals : [...CORE, ...KEYV, ...APP]
console.log(`Long tests of ${wanted.join(', ')} with seed ${seed}. On two cores all of them take more than an hour.`)

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
    : `Failed with seed ${seed}. Each failed test names its own seed above. To repeat: npm run test:long -- --seed ${seed}`,
)
process.exit(status)
