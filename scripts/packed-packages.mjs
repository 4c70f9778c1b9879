// Installs the packages as they would be published, for tests that use them like an application.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDERS = { '@flatlog/core': 'core', '@flatlog/keyv': 'keyv-adapter', '@flatlog/unstorage': 'unstorage-driver' }
const packages = fileURLToPath(new URL('../packages/', import.meta.url))
const shell = process.platform === 'win32'

/** Packs the built packages and unpacks their tarballs into a `node_modules` directory, as `npm install` does. */
export function installPacked(names, nodeModules) {
  mkdirSync(nodeModules, { recursive: true })
  const temporary = mkdtempSync(join(nodeModules, '.packed-'))
  try {
    for (const name of names) {
      const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary]
      const packed = execFileSync('npm', args, { cwd: join(packages, FOLDERS[name]), encoding: 'utf8', shell })
      const [{ filename }] = JSON.parse(packed)
      const target = join(nodeModules, name)
      mkdirSync(target, { recursive: true })
      execFileSync('tar', ['-xzf', join(temporary, filename), '-C', target, '--strip-components=1'])
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
