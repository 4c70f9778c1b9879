// Runs the benchmarks: `npm run bench -- --help`. They are a package outside the workspace, because some of the other
// stores have to be compiled. This script first installs and builds what is missing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const COMPILED = ['sqlite3']
const MIN_NODE_MAJOR = 24

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const benchmarks = join(root, 'benchmarks')
const isWindows = process.platform === 'win32'

function run(command, args, options) {
  return spawnSync(command, args, { stdio: 'inherit', shell: isWindows, ...options }).status
}

function runOrExit(...args) {
  const status = run(...args)
  if (status !== 0) process.exit(status ?? 1)
}

/**
 * Returns the package with Node.js for this system, if npm has one. All stores run with it, because node:sqlite and
 * jsonl-db need a newer Node.js than Flatlog.
 */
function nodeFolder() {
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`
  const folder = join(benchmarks, 'node_modules', name)
  return existsSync(folder) ? folder : undefined
}

function install() {
  // Without scripts: native modules are compiled below, for the Node.js that will load them.
  runOrExit('npm', ['ci', '--ignore-scripts'], { cwd: benchmarks })
  console.log(`Compiling ${COMPILED.join(' and ')}. This takes some minutes the first time.`)
  const folder = nodeFolder()
  const env = { ...process.env }
  if (folder) {
    env.PATH = join(folder, 'bin') + delimiter + env.PATH
    // The package includes the headers, so they need not be downloaded.
    if (existsSync(join(folder, 'include'))) env.npm_config_nodedir = folder
  }
  const status = run('npm', ['rebuild', ...COMPILED], { cwd: benchmarks, env })
  if (status !== 0) console.log('Compiling failed. The benchmarks run without these stores.')
}

const lockfile = readFileSync(join(benchmarks, 'package-lock.json'))
const wanted = createHash('sha256').update(lockfile).digest('hex')
// Written last, so that an interrupted installation is repeated.
const ready = join(benchmarks, 'node_modules', '.installed')
if (!existsSync(ready) || readFileSync(ready, 'utf8') !== wanted) {
  install()
  writeFileSync(ready, wanted)
}
runOrExit(process.execPath, [join(root, 'scripts', 'prestart.mjs')], { shell: false })

const folder = nodeFolder()
const node = folder ? join(folder, 'bin', isWindows ? 'node.exe' : 'node') : process.execPath
if (!folder && Number(process.versions.node.split('.')[0]) < MIN_NODE_MAJOR) {
  console.error(
    `npm has no Node.js ${MIN_NODE_MAJOR} for this system. Run the benchmarks with Node.js ${MIN_NODE_MAJOR} or later.`,
  )
  process.exit(1)
}
// node:sqlite prints a warning that it is experimental.
const flags = ['--disable-warning=ExperimentalWarning']
const status = run(node, [...flags, join(benchmarks, 'run.mjs'), ...process.argv.slice(2)], { cwd: root, shell: false })
process.exit(status ?? 1)
