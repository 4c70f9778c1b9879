import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { decodeLine } from './support/core.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
  'packages/core/test/README.md',
  ...readdirSync(join(root, 'examples')).map((name) => `examples/${name}/README.md`),
].filter((page) => page.endsWith('.md'))

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const core = read('packages/core/README.md')

function allSource(): string {
  const source = join(root, 'packages/core/src')
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(source, file), 'utf8'))
    .join('\n')
}

/** The first column of the table under a heading. */
function tableUnder(markdown: string, heading: string): string[] {
  const section = markdown.slice(markdown.indexOf(`## ${heading}`)).split('\n## ')[0] as string
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => (line.split('|')[1] as string).trim())
}

describe('the documentation', () => {
  it.each(pages)('%s links only to files that exist', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1] as string)
    expect(links.filter((link) => !existsSync(resolve(root, dirname(page), link)))).toEqual([])
  })

  it.each(pages)('%s names npm scripts that exist', (page) => {
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)
    const own = existsSync(join(root, dirname(page), 'package.json'))
      ? Object.keys((JSON.parse(read(`${dirname(page)}/package.json`)) as { scripts?: object }).scripts ?? {})
      : []
    const named = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] as string)
    expect(named.filter((name) => ![...scripts, ...own].includes(name))).toEqual([])
  })

  it.each(pages)('%s names no line numbers of the code', (page) => {
    expect(read(page)).not.toMatch(/\.ts:\d+/)
  })

  it('test:long runs every folder whose tests have a long version', () => {
    const tests = join(root, 'packages/core/test')
    const long = readdirSync(tests, { recursive: true, encoding: 'utf8' })
      .filter((file) => /^(?!support|docs).*\.ts$/.test(file))
      .filter((file) => /\b(rounds\(|isLong\b)/.test(readFileSync(join(tests, file), 'utf8')))
      .map((file) => file.split(sep)[0] as string)
    const list = /const CORE = \[(.*?)\n\]/s.exec(read('scripts/test-long.mjs'))?.[1] ?? ''
    const run = [...list.matchAll(/'([\w-]+)'/g)].map((match) => match[1] as string)
    expect([...new Set(long)].sort()).toEqual(run.sort())
  })

  it('lists exactly the options that exist', () => {
    const source = read('packages/core/src/options.ts')
    const body = source.slice(
      source.indexOf('export interface StoreOptions'),
      source.indexOf('export interface CompactionLimits'),
    )
    const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1] as string)
    const listed = tableUnder(core, 'Options').map((cell) => cell.replaceAll('`', ''))
    expect(listed.sort()).toEqual(options.sort())
  })

  it('lists exactly the error codes that exist', () => {
    const codes = [...read('packages/core/src/platform/errors.ts').matchAll(/\| '(FLATLOG_\w+)'/g)].map(
      (match) => match[1] as string,
    )
    const listed = tableUnder(core, 'Errors').flatMap((cell) =>
      [...cell.matchAll(/`(FLATLOG)?(_\w+)`/g)].map((match) => `FLATLOG${match[2]}`),
    )
    // `_VALUE` is short for FLATLOG_INVALID_VALUE, after the first code of its family.
    const whole = listed.map((code) => (codes.includes(code) ? code : code.replace('FLATLOG_', 'FLATLOG_INVALID_')))
    expect(whole.sort()).toEqual(codes.sort())
  })

  it('shows records with valid checksums', () => {
    const lines = [...(read('README.md') + read('docs/format.md')).matchAll(/^\{"timestamp":"2025.*$/gm)].map(
      ([line]) => line,
    )
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.filter((line) => decodeLine(Buffer.from(line)).kind !== 'record')).toEqual([])
  })

  it('names functions and classes that exist', () => {
    const source = allSource()
    const text = read('docs/durability.md') + read('docs/format.md')
    const names = [...text.matchAll(/\(`([A-Za-z]+)`\)/g)].map((match) => match[1] as string)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !new RegExp(`(class|function) ${name}\\b`).test(source))).toEqual([])
  })

  it('names tests that exist', () => {
    const text = read('docs/testing.md') + read('packages/core/test/README.md')
    const paths = [...text.matchAll(/[\w./-]+\.ts\b/g)].map(([path]) => path)
    expect(paths.length).toBeGreaterThan(10)
    const folders = ['packages/core/test', 'packages/core', '.']
    expect(paths.filter((path) => !folders.some((folder) => existsSync(join(root, folder, path))))).toEqual([])
  })

  it('names files and symbols of the architecture that exist', () => {
    const text = read('docs/architecture.md')
    const files = [...text.matchAll(/[\w./-]+\.ts\b/g)].map(([path]) => path)
    expect(files.length).toBeGreaterThan(20)
    const isThere = (path: string) =>
      existsSync(join(root, path.startsWith('packages/') ? '' : 'packages/core/src', path))
    expect(files.filter((path) => !isThere(path))).toEqual([])

    const names = [...text.matchAll(/`([A-Za-z]\w*(?:\.[a-z]\w*)?)`/g)]
      .map((match) => match[1] as string)
      .filter((name) => !name.endsWith('.ts') && !name.startsWith('FLATLOG_'))
    expect(names.length).toBeGreaterThan(20)
    const source = allSource()
    expect(names.filter((name) => !isDeclared(source, name))).toEqual([])
  })
})

/** True for a folder of the engine, a declared name, a field, or `Class.method`. */
function isDeclared(source: string, name: string): boolean {
  const [owner, method] = name.split('.') as [string, string | undefined]
  if (method === undefined && existsSync(join(root, 'packages/core/src', name))) return true
  const declaration = new RegExp(`\\b(class|function|interface|type|const) ${owner}\\b`)
  if (method === undefined && (declaration.test(source) || new RegExp(`\\b${owner}\\??:`).test(source))) return true
  const start = source.search(new RegExp(`\\b(class|interface) ${owner}\\b`))
  if (method === undefined || start === -1) return false
  // The body of a class ends at the first brace that begins a line.
  const body = source.slice(start, source.indexOf('\n}', start))
  return new RegExp(`^  (static |async |get |\\*)*${method}[(<]`, 'm').test(body)
}
