import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installPacked } from '../../../scripts/packed-packages.mjs'
import { withoutTimes } from '../../../test-support/logs.js'
import { records, tempDir } from './helpers.js'

/** Tests the packages from their tarballs, in a project that has only unstorage besides. */

const root = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
/**
 * The examples of the README that can be run.
 * Its configuration files are marked as TypeScript.
 */
const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code as string)

const REQUIRE = `
  const { createStorage } = require('unstorage')
  const { default: flatlogDriver, DRIVER_NAME, flatlogDriver: named, importStorage } = require('@flatlog/unstorage')
  const storage = createStorage({ driver: flatlogDriver({ base: 'data' }) })
  storage.setItem('a/b', { score: 1 }).then(async () => {
    console.log(await storage.getItem('a:b'), DRIVER_NAME, named === flatlogDriver, typeof importStorage)
    await storage.dispose()
  })
`

const TYPED = `
import { createStorage, type Driver } from 'unstorage'
import flatlogDriver, { DRIVER_NAME, type FlatlogDriverOptions, importStorage, flatlogDriver as named } from '@flatlog/unstorage'

const options: FlatlogDriverOptions = { base: 'data', name: 'app', durability: 'interval', noClear: true }
export const driver: Driver = flatlogDriver(options)
export const name: 'flatlog' = DRIVER_NAME
const storage = createStorage({ driver: named() })
export const written = storage.setItem('k', 1, { ttl: 60, ifNoneMatch: '*' })
export const moved = importStorage(storage, createStorage({ driver })).then(({ copied }): number => copied)
export const etag = named().setItem('k', 'v', { ifMatch: '*' }).then((result): string | undefined => result?.etag)
// @ts-expect-error The option for the directory is called base.
flatlogDriver({ dir: 'data' })
`

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  // The declarations of unstorage's other drivers import packages that are not installed.
  skipLibCheck: true,
  target: 'ES2022',
  lib: ['ES2024', 'ESNext.Disposable', 'DOM'],
  module: 'NodeNext',
  types: ['node'],
  typeRoots: [join(root, '@types')],
  noEmit: true,
}

describe('the published package', () => {
  let project = ''
  let packed = ''

  beforeAll(() => {
    packed = mkdtempSync(join(tmpdir(), 'flatlog-packed-'))
    installPacked(['@flatlog/core', '@flatlog/unstorage'], packed)
  })

  afterAll(() => rmSync(packed, { recursive: true, force: true }))

  function makeProjectWith(unstorage: string): void {
    project = tempDir()
    const nodeModules = join(project, 'node_modules')
    mkdirSync(nodeModules)
    cpSync(packed, nodeModules, { recursive: true })
    symlinkSync(realpathSync(join(root, unstorage)), join(nodeModules, 'unstorage'), 'junction')
  }

  function run(code: string, file: string): string {
    writeFileSync(join(project, file), code)
    return execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
      cwd: project,
      encoding: 'utf8',
      timeout: 20_000,
    })
  }

  it('can be loaded with require, for unstorage 1', () => {
    makeProjectWith('unstorage')
    expect(run(REQUIRE, 'app.cjs')).toBe('{ score: 1 } flatlog true function\n')
    expect(records(join(project, 'data')).map(({ key }) => key)).toEqual(['a:b'])
  })

  it.each(['unstorage', 'unstorage2'])('runs the examples of the README with %s', (unstorage) => {
    expect(examples.length).toBeGreaterThanOrEqual(4)
    for (const example of examples) {
      makeProjectWith(unstorage)
      expect(run(example, 'example.mjs')).toBe(expectedOutput(example))
    }
  })

  it.each(['unstorage', 'unstorage2'])(
    'has types that compile strictly with %s, with import and with require',
    (unstorage) => {
      makeProjectWith(unstorage)
      const files = ['app.mts', ...(unstorage === 'unstorage' ? ['app.cts'] : [])]
      for (const file of files) writeFileSync(join(project, file), TYPED)
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
      const compiler = join(root, 'typescript', 'bin', 'tsc')
      const { stdout } = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' })
      expect(stdout).toBe('')
    },
    60_000,
  )

  it('writes the lines that the README shows', () => {
    makeProjectWith('unstorage')
    run(examples[0] as string, 'example.mjs')
    const shown = [...readme.matchAll(/^\{"timestamp".*$/gm)].map(([line]) => withoutTimes(line))
    expect(shown).toHaveLength(3)
    const log = readFileSync(join(project, 'data', 'logs', 'app.log'), 'utf8')
      .trimEnd()
      .split('\n')
    expect(log.slice(1).map(withoutTimes)).toEqual(shown)
  })
})

/**
 * The output of an example according to its comments.
 * They are at the end of a line that prints, or on a line of their own.
 */
function expectedOutput(example: string): string {
  const lines: string[] = []
  for (const line of example.split('\n')) {
    const [, printed] = /^(?:console\.log\(.*\) )?\/\/ (.*)$/.exec(line) ?? []
    if (printed !== undefined) lines.push(printed)
  }
  return lines.map((line) => `${line}\n`).join('')
}
