import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { majors } from './helpers.js'
import { useProject } from './project.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const CODE = `
import Keyv from 'keyv'
import KeyvFlatlog, { createKeyvFlatlog, importKeyv, type KeyvFlatlogOptions, KeyvFlatlog as Named } from '@flatlog/keyv'

const options: KeyvFlatlogOptions = { dir: 'data', name: 'keyv', durability: 'interval' }
const store = new KeyvFlatlog(options)
export const all: Keyv[] = [
  new Keyv({ store }),
  new Keyv(store),
  new Keyv(store, { namespace: 'n' }),
  new Keyv({ store: new Named('data'), ttl: 1000 }),
  createKeyvFlatlog('data'),
]
export const numbers: Keyv<number> = new Keyv<number>({ store })
export const moved = importKeyv(new Keyv({ store }), new Keyv(store)).then(({ copied }): number => copied)
export const movedWhole = importKeyv(store, new KeyvFlatlog())
`

/**
 * As strict as possible.
 * With skipLibCheck off, the declarations of the package are checked too.
 */
const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  skipLibCheck: false,
  target: 'ES2022',
  lib: ['ES2024', 'ESNext.Disposable'],
  module: 'NodeNext',
  types: ['node'],
  typeRoots: [join(root, 'node_modules', '@types')],
  noEmit: true,
}

describe.each(majors)('the published types with Keyv $major', ({ major }) => {
  const project = useProject(major)

  it('compile strictly, with import and with require', () => {
    const cwd = project()
    for (const name of ['esm.mts', 'cjs.cts']) writeFileSync(join(cwd, name), CODE)
    writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['esm.mts', 'cjs.cts'] }))
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', cwd], { encoding: 'utf8' })
    expect(stdout).toBe('')
  }, 60_000)
})
