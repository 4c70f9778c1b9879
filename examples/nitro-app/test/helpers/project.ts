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
/** Links into the workspace: what is published takes their place. */
const OF_THE_WORKSPACE = ['@flatlog', 'name-that-artist', 'nitro-app', '.cache', '.package-lock.json']

/** The app as a project of its own that has installed the driver from its tarball. Nothing is downloaded for it. */
export function makeProject(directory: string): void {
  mkdirSync(directory, { recursive: true })
  for (const source of SOURCES) cpSync(join(app, source), join(directory, source), { recursive: true })
  const manifest = { name: 'guestbook', private: true, type: 'module', dependencies: { '@flatlog/unstorage': '*' } }
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest))
  const nodeModules = join(directory, 'node_modules')
  linkTree(installed, nodeModules, OF_THE_WORKSPACE)
  installPacked(['@flatlog/core', '@flatlog/unstorage'], nodeModules)
}

/**
 * The same files in directories of their own: Nitro looks for a driver from where Nitro itself lies, so a link to its
 * directory would lead it back into the workspace.
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
    // The temporary directory is on another disk.
    copyFileSync(source, target)
  }
}

/** Runs a command of a package in the project, cut off from the network. Returns what it printed. */
export async function runTool(directory: string, script: string, args: readonly string[]): Promise<string> {
  const path = join(directory, 'node_modules', script)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, ...args], {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: `--require=${noNetwork}`, CI: '1', NODE_ENV: 'production' },
    timeout: 120_000,
  })
  return stdout + stderr
}
