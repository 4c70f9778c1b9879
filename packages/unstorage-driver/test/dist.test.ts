import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { records, tempDir } from './helpers.js'

/** What is published, loaded by its name as an app would, in a process of its own. */
const cwd = fileURLToPath(new URL('..', import.meta.url))

const BODY = `
  const storage = createStorage({ driver: flatlogDriver({ base: process.argv[1] }) })
  void (async () => {
    await storage.setItem('a/b', { score: 1 })
    const got = await storage.getItem('a:b')
    await storage.dispose()
    console.log(JSON.stringify({ got, name: DRIVER_NAME, same: flatlogDriver === named }))
  })()
`

function imports(unstorage: string): string {
  return `import { createStorage } from '${unstorage}'; import flatlogDriver, { DRIVER_NAME, flatlogDriver as named } from '@flatlog/unstorage'`
}

const REQUIRES =
  "const { createStorage } = require('unstorage'); const { default: flatlogDriver, DRIVER_NAME, flatlogDriver: named } = require('@flatlog/unstorage')"

describe('the built package', () => {
  it.each([
    ['import, with unstorage 1', 'module', imports('unstorage')],
    ['import, with unstorage 2', 'module', imports('unstorage2')],
    ['require, with unstorage 1', 'commonjs', REQUIRES],
  ])('loads by %s', (_how, type, head) => {
    const dir = tempDir()
    const args = [`--input-type=${type}`, '-e', `${head}\n${BODY}`, dir]
    const printed = execFileSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 20_000 })
    expect(JSON.parse(printed)).toEqual({ got: { score: 1 }, name: 'flatlog', same: true })
    expect(records(dir).map((line) => line.key)).toEqual(['a:b'])
  })
})
