import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { installPacked } from '../../../scripts/packed-packages.mjs'
import type { Protocol } from '../src/index.js'

const installed = fileURLToPath(new URL('../../../node_modules', import.meta.url))

/** Keyv and its dependencies by name, with the directory of each in the workspace. */
function dependencies(major: Protocol): Record<string, string> {
  return {
    '@keyv/serialize': '@keyv/serialize',
    hookified: 'hookified',
    keyv: major === 5 ? 'keyv' : 'keyv6',
    'keyv-file': 'keyv-file',
  }
}

/**
 * Creates a project that has installed the packed packages and this version of Keyv, for the tests of one block.
 *
 * Everything is copied, so that the project cannot load packages of the workspace that it has not installed.
 */
export function useProject(major: Protocol): () => string {
  let dir = ''
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'flatlog-keyv-project-'))
    const nodeModules = join(dir, 'node_modules')
    installPacked(['@flatlog/core', '@flatlog/keyv'], nodeModules)
    for (const [name, from] of Object.entries(dependencies(major))) {
      cpSync(join(installed, from), join(nodeModules, name), { recursive: true })
    }
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  return () => dir
}
