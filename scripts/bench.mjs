// Flatlog beside other stores: `npm run bench -- --help`. The benchmarks are a package of their own outside the
// workspace, since some of the other stores are compiled; what is missing is installed and built first.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const COMPILED = ['sqlite3']
const OLDEST_MAJOR = 24

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

/** node:sqlite and jsonl-db need a newer Node.js than Flatlog does; one for all comes from npm where it is there. */
function nodeFolder() {
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`
  const folder = join(benchmarks, 'node_modules', name)
  return existsSync(folder) ? folder : undefined
}

function install() {
  // Without scripts: what has to be compiled is compiled below, for the Node.js that will load it.
  runOrExit('npm', ['ci', '--ignore-scripts'], { cwd: benchmarks })
  console.log(`Compiling ${COMPILED.join(' and ')}: this takes some minutes, once.`)
  const folder = nodeFolder()
  const env = { ...process.env }
  if (folder) {
    env.PATH = join(folder, 'bin') + delimiter + env.PATH
    // The headers are beside it; nothing needs to be downloaded.
    if (existsSync(join(folder, 'include'))) env.npm_config_nodedir = folder
  }
  const status = run('npm', ['rebuild', ...COMPILED], { cwd: benchmarks, env })
  if (status !== 0) console.log('They do not compile here, and the rows go on without them.')
}

const lockfile = readFileSync(join(benchmarks, 'package-lock.json'))
const wanted = createHash('sha256').update(lockfile).digest('hex')
// Written last, so that an installation which was broken off begins anew.
const ready = join(benchmarks, 'node_modules', '.installed')
if (!existsSync(ready) || readFileSync(ready, 'utf8') !== wanted) {
  install()
  writeFileSync(ready, wanted)
}
runOrExit(process.execPath, [join(root, 'scripts', 'prestart.mjs')], { shell: false })

const folder = nodeFolder()
const node = folder ? join(folder, 'bin', isWindows ? 'node.exe' : 'node') : process.execPath
if (!folder && Number(process.versions.node.split('.')[0]) < OLDEST_MAJOR) {
  console.error(`npm has no Node.js ${OLDEST_MAJOR} for this system: run this with Node.js ${OLDEST_MAJOR} or later.`)
  process.exit(1)
}
// node:sqlite warns that it is experimental.
const flags = ['--disable-warning=ExperimentalWarning']
const status = run(node, [...flags, join(benchmarks, 'run.mjs'), ...process.argv.slice(2)], { cwd: root, shell: false })
process.exit(status ?? 1)
