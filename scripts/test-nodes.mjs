// Runs the tests of a package under each supported major version of Node.js: `npm run test:nodes -- --help`. It installs
// the versions from npm into a directory outside the workspace and keeps them there.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const VERSIONS = ['20', '22', '24', '26']

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isWindows = process.platform === 'win32'
const { values, positionals } = parseArgs({
  options: { package: { type: 'string', default: 'keyv-adapter' }, help: { type: 'boolean' } },
  allowPositionals: true,
})
const folder = join(root, 'packages', values.package)
if (values.help || !existsSync(folder)) {
  console.log(
    `npm run test:nodes -- [--package ${readdirSync(join(root, 'packages')).join(' | ')}] [versions]\n` +
      `Runs the tests of a package (default: keyv-adapter) under these major versions of Node.js (default: ${VERSIONS.join(' ')}).`,
  )
  process.exit(values.help ? 0 : 2)
}

/** The npm package that contains the Node.js executable for this system, and needs no install script. */
const program = `node-${isWindows ? 'win' : process.platform}-${process.arch}`

function nodeOf(version) {
  const home = join(tmpdir(), `flatlog-node-${version}`)
  const bin = join(home, 'node_modules', program, 'bin')
  const node = join(bin, isWindows ? 'node.exe' : 'node')
  if (!existsSync(node)) {
    mkdirSync(home, { recursive: true })
    run('npm', ['install', '--prefix', home, '--no-audit', '--no-fund', `${program}@${version}`], { shell: isWindows })
  }
  return existsSync(node) ? { node, bin } : undefined
}

function run(command, args, options) {
  return spawnSync(command, args, { stdio: 'inherit', ...options }).status === 0
}

if (!run('npm', ['run', 'build'], { cwd: root, shell: isWindows })) process.exit(1)
const outcomes = (positionals.length ? positionals : VERSIONS).map((version) => {
  const found = nodeOf(version)
  if (!found) return { version, outcome: 'not available from npm' }
  const name = spawnSync(found.node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`\n${values.package} under Node.js ${name}`)
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  // Processes that the tests start use the same version.
  const env = { ...process.env, PATH: `${found.bin}${delimiter}${process.env.PATH}` }
  return { version: name, outcome: run(found.node, [vitest, 'run'], { cwd: folder, env }) ? 'passed' : 'FAILED' }
})
console.table(outcomes)
process.exit(outcomes.every(({ outcome }) => outcome === 'passed') ? 0 : 1)
