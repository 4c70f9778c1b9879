/** The versions of the measured packages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HERE } from './settings.mjs'

const WORKSPACE = {
  '@flatlog/core': '../packages/core',
  '@flatlog/keyv': '../packages/keyv-adapter',
  '@flatlog/unstorage': '../packages/unstorage-driver',
}
const HOSTS = ['keyv', 'unstorage']

export function versionOf(name) {
  const folder = WORKSPACE[name] ?? join('node_modules', name)
  try {
    return JSON.parse(readFileSync(join(HERE, folder, 'package.json'), 'utf8')).version
  } catch {
    return undefined
  }
}

/** The versions of the packages that peers run on. */
export function packageVersions() {
  return Object.fromEntries(HOSTS.map((name) => [name, versionOf(name)]))
}
