import { execFile } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installPacked } from '../../../../scripts/packed-packages.mjs'

const app = fileURLToPath(new URL('../../', import.meta.url))
const installed = fileURLToPath(new URL('../../../../node_modules', import.meta.url))
const noNetwork = fileURLToPath(new URL('no-network.cjs', import.meta.url))

const SOURCES = ['app', 'routes', 'nitro3', 'nitro.config.mjs']
/**
 * Packages of the workspace and caches, which are not linked.
 * The packages are installed from their tarballs instead.
 */
const NOT_LINKED = ['@flatlog', 'name-that-artist', 'nitro-app', '.cache', '.package-lock.json']

/** Creates a project with the app and the packed driver, without a download. */
export function makeProject(directory: string): void {
  mkdirSync(directory, { recursive: true })
  for (const source of SOURCES) cpSync(join(app, source), join(directory, source), { recursive: true })
  const manifest = { name: 'guestbook', private: true, type: 'module', dependencies: { '@flatlog/unstorage': '*' } }
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest))
  const nodeModules = join(directory, 'node_modules')
  linkTree(installed, nodeModules, NOT_LINKED)
  installPacked(['@flatlog/core', '@flatlog/unstorage'], nodeModules)
}

/**
 * Copies a directory tree, with hard links to its files.
 *
 * A symbolic link to the directory would not do: Nitro resolves a driver from its own real path, which would then be in
 * the workspace.
 */
function linkTree(from: string, to: string, except: readonly string[] = []): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (except.includes(entry.name)) continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(source, target)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else linkFile(source, target)
  }
}

function linkFile(source: string, target: string): void {
  try {
    linkSync(source, target)
  } catch {
    // The temporary directory is on another file system.
    copyFileSync(source, target)
  }
}

/** Runs a script of an installed package without network access. Returns what it printed. */
export async function runTool(directory: string, script: string, args: readonly string[]): Promise<string> {
  const path = join(directory, 'node_modules', script)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, ...args], {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: `--require=${noNetwork}`, CI: '1', NODE_ENV: 'production' },
    timeout: 120_000,
  })
  return stdout + stderr
}
