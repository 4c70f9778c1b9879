import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KeyvFile } from 'keyv-file'
import { describe, expect, it } from 'vitest'
import { withoutTimes } from '../../../test-support/logs.js'
import { keyv5, majors } from './helpers.js'
import { useProject } from './project.js'

const here = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(join(here, 'README.md'), 'utf8')
const blocks = [...page.matchAll(/```(js|sh)\n([\s\S]*?)```/g)].map(([, language, code]) => ({ language, code }))

describe.each(majors)('the code of the README with Keyv $major', ({ major }) => {
  const project = useProject(major)

  it.each(blocks)('runs: $code', async ({ language, code }) => {
    const cwd = project()
    const old = new KeyvFile({ filename: join(cwd, 'cache.json'), writeDelay: 0 })
    await keyv5.make(old as never).set('k', 1)
    const options = { cwd, encoding: 'utf8', timeout: 20_000 } as const
    const printed =
      language === 'sh'
        ? execFileSync(code as string, { ...options, shell: '/bin/sh' })
        : execFileSync(process.execPath, ['--input-type=module', '-e', code as string], options)
    // The first import copies the entry, the second one finds it already there.
    if (code?.includes('importKeyv')) expect(printed).toMatch(/\{ found: 1, copied: [01], kept: [01], expired: 0 \}/)
    else expect(printed).toMatch(/user123|abc/)
  })

  it('writes the lines that the README shows', () => {
    const cwd = project()
    execFileSync(process.execPath, ['--input-type=module', '-e', blocks[0]?.code as string], { cwd, timeout: 20_000 })
    const shown = [...page.matchAll(/^\{"timestamp".*$/gm)].map(([line]) => withoutTimes(line))
    expect(shown).toHaveLength(2)
    const log = readFileSync(join(cwd, 'data', 'logs', 'players.log'), 'utf8')
      .split('\n')
      .map(withoutTimes)
    for (const line of shown) expect(log).toContain(line)
  })
})

describe('the README', () => {
  it('has four blocks of code', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['js', 'js', 'sh', 'js'])
  })

  it('lists exactly the options that exist', () => {
    const core = readFileSync(join(here, '../core/src/options.ts'), 'utf8')
    const own = readFileSync(join(here, 'src/options.ts'), 'utf8')
    const optionsOf = (source: string, name: string) => {
      const body = source.slice(source.indexOf(`export interface ${name}`)).split('\n}')[0] as string
      return [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1])
    }
    const wanted = [...optionsOf(core, 'StoreOptions'), ...optionsOf(own, 'KeyvFlatlogOptions')]
    const table = page.slice(page.indexOf('## Options')).split('### ')[0] as string
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1])
    expect(listed.sort()).toEqual(wanted.sort())
  })

  it('names only tests that exist', () => {
    const named = [...page.matchAll(/`(test\/[\w./-]+)`/g)].map((match) => match[1] as string)
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !existsSync(join(here, name)))).toEqual([])
  })
})
