import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KeyvFile } from 'keyv-file'
import { describe, expect, it } from 'vitest'
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
    // The second one finds what the first one has copied.
    if (code?.includes('importKeyv')) expect(printed).toMatch(/\{ found: 1, copied: [01], kept: [01], expired: 0 \}/)
    else expect(printed).toMatch(/user123|abc/)
  })

  it('leaves the lines in the log that the README shows', () => {
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

/** What differs from one time to the next. */
function withoutTimes(line: string): string {
  return line.replace(/"(timestamp|crc)":"[^"]*"/g, '"$1":"…"').replace(/"expires":\d+/, '"expires":0')
}

describe('the README', () => {
  it('has code to run', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['js', 'js', 'sh', 'js'])
  })

  it('lists every option, and none that is not there', () => {
    const ofFile = readFileSync(join(here, '../core/src/options.ts'), 'utf8')
    const own = readFileSync(join(here, 'src/options.ts'), 'utf8')
    const optionsOf = (source: string, name: string) => {
      const body = source.slice(source.indexOf(`export interface ${name}`)).split('\n}')[0] as string
      return [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1])
    }
    const wanted = [...optionsOf(ofFile, 'StoreOptions'), ...optionsOf(own, 'KeyvFlatlogOptions')]
    const table = page.slice(page.indexOf('## Options')).split('### ')[0] as string
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1])
    expect(listed.sort()).toEqual(wanted.sort())
  })

  it('names tests that are there', () => {
    const named = [...page.matchAll(/`(test\/[\w./-]+)`/g)].map((match) => match[1] as string)
    expect(named.length).toBeGreaterThan(10)
    for (const name of named) expect(readFileSync(join(here, name))).toBeTruthy()
  })
})
