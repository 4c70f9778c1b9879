import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import type { Protocol } from '../src/index.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const modules = join(root, 'node_modules')

/** What a project has in `node_modules` that has installed the built packages with that Keyv, and what that brings along. */
function installed(major: Protocol): Record<string, string> {
  return {
    '@flatlog/core': join(root, 'packages', 'core'),
    '@flatlog/keyv': join(root, 'packages', 'keyv-adapter'),
    '@keyv/serialize': join(modules, '@keyv', 'serialize'),
    hookified: join(modules, 'hookified'),
    keyv: join(modules, major === 5 ? 'keyv' : 'keyv6'),
    'keyv-file': join(modules, 'keyv-file'),
  }
}

/** Such a project for the tests of this block: copies, so that nothing is found but what is installed there. */
export function useProject(major: Protocol): () => string {
  let dir = ''
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'flatlog-keyv-project-'))
    for (const [name, from] of Object.entries(installed(major))) {
      const isPublished = (path: string) => !/[\\/](src|test|\.turbo)([\\/]|$)/.test(path.slice(from.length))
      cpSync(from, join(dir, 'node_modules', name), { recursive: true, filter: isPublished })
    }
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  return () => dir
}
