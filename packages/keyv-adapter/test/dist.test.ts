import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { records, tempDir } from './helpers.js'

/** Loads the built package by its name in another process, as an application does. */
const cwd = fileURLToPath(new URL('..', import.meta.url))

const BODY = `
  const isAsync = ['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany', 'clear', 'disconnect']
    .every((name) => KeyvFlatlog.prototype[name].constructor.name === 'AsyncFunction')
  const keyv = new Keyv({ store: new KeyvFlatlog({ dir: process.argv[1] }), namespace: 'n' })
  const other = createKeyvFlatlog({ dir: process.argv[1], namespace: 'm' })
  void (async () => {
    await keyv.set('k', { score: 1 })
    await other.set('k', 2)
    const got = [await keyv.get('k'), await other.get('k')]
    await keyv.disconnect()
    await other.disconnect()
    console.log(JSON.stringify({ isAsync, got, same: KeyvFlatlog === Named }))
  })()
`

function imports(keyv: string): string {
  return `import { Keyv } from '${keyv}'; import KeyvFlatlog, { createKeyvFlatlog, KeyvFlatlog as Named } from '@flatlog/keyv'`
}

function requires(keyv: string): string {
  return `const { Keyv } = require('${keyv}'); const { default: KeyvFlatlog, createKeyvFlatlog, KeyvFlatlog: Named } = require('@flatlog/keyv')`
}

describe.each(['keyv', 'keyv6'])('the built package with %s', (keyv) => {
  it.each([
    ['import', 'module', imports(keyv)],
    ['require', 'commonjs', requires(keyv)],
  ])('loads with %s', (_how, type, head) => {
    const dir = tempDir()
    const args = [`--input-type=${type}`, '-e', `${head}\n${BODY}`, dir]
    const printed = execFileSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 20_000 })
    expect(JSON.parse(printed)).toEqual({ isAsync: true, got: [{ score: 1 }, 2], same: true })
    expect(records(dir).map((line) => line.key)).toEqual(['n:k', 'm:k'])
  })
})
