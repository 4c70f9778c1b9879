// The tests of crashes, damage and full disks at full length, and the builds that take long: `npm run test:long -- --seed N`.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const FOLDERS = ['simulation', 'planted', 'damage', 'disk-full', 'crash', 'lock', 'memory', 'recovery']

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' } },
  // Folders or files of packages/core/test to run instead of all.
  allowPositionals: true,
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error(`--seed is ${JSON.stringify(values.seed)}; it must be a whole number from 0.`)
  process.exit(2)
}

function vitest(folder, wanted) {
  const { status } = spawnSync('npx', ['vitest', 'run', ...wanted], {
    cwd: fileURLToPath(new URL(`../${folder}/`, import.meta.url)),
    env: { ...process.env, FLATLOG_LONG: '1', FLATLOG_SEED: String(seed) },
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  return status
}

const wanted = positionals.length ? positionals : FOLDERS
console.log(`Long tests of ${wanted.join(', ')} with seed ${seed}: this takes an hour and more on two cores.`)
const statuses = [
  vitest(
    'packages/core',
    wanted.map((name) => `test/${name}`),
  ),
  // An app built by the next version of Nitro; the packages have to be built.
  positionals.length ? 0 : vitest('examples/nitro-app', ['test/nitro3']),
]
const status = statuses.find((each) => each !== 0) ?? 0
console.log(
  status === 0
    ? `All passed with seed ${seed}.`
    : `Failed with seed ${seed}. What failed names its own seed above; again: npm run test:long -- --seed ${seed}`,
)
process.exit(status)
