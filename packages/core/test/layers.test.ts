import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/**
 * The folders of `src`, the lowest first.
 * A file imports only from its own folder or an earlier one.
 */
const LAYERS = [
  'platform',
  'lock',
  'format',
  'log',
  'options.ts',
  'state',
  'legacy',
  'recovery',
  'engine',
  'follow',
  'store',
  'logs',
]
/** Modules of Node that only compute. */
const PURE = ['node:path', 'node:buffer']
/** The only files that use the machine; all others get it as a parameter. */
const MACHINE: Record<string, string[]> = {
  'node:fs': ['platform/node-file-system.ts'],
  'node:net': ['platform/processes.ts'],
  'node:child_process': ['platform/processes.ts'],
  'node:os': ['platform/processes.ts'],
  'node:worker_threads': ['platform/processes.ts'],
  'node:crypto': ['platform/processes.ts'],
  'node:zlib': ['format/checksum.ts'],
}
const CLOCK = ['platform/clock.ts', 'platform/node-file-system.ts', 'platform/processes.ts']
const MAX_LINES = 400
/** A file shorter than this that only one other file imports probably belongs in that file. */
const SLIVER_LINES = 60
/** Short files that should stay separate, and why. */
const SMALL_IDEAS: Record<string, string> = {
  'engine/timestamps.ts': 'a clock that never goes back is a rule of its own, with its own report',
  'log/background-sync.ts': 'a failed sync must not be tried again, which has nothing to do with what is written',
  'state/checkpoint/expiry.ts': 'when a checkpoint expires is worked out once, and only if someone asks',
}

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8')
  return [...text.matchAll(/(?:from|import) '([^']+)'|import\('([^']+)'\)/g)].map(
    (match) => (match[1] ?? match[2]) as string,
  )
}

function layerOf(file: string): number {
  return LAYERS.indexOf(file.split(/[\\/]/)[0] as string)
}

function importedFile(file: string, specifier: string): string {
  return relative(source, resolve(source, dirname(file), specifier)).replace(/\.js$/, '.ts')
}

describe('the structure of the engine', () => {
  it('has every file except index.ts in a layer', () => {
    expect(files.filter((file) => layerOf(file) === -1)).toEqual(['index.ts'])
  })

  it('imports only downward', () => {
    const upward = files
      .filter((file) => file !== 'index.ts')
      .flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => importedFile(file, specifier))
          .filter((imported) => layerOf(imported) === -1 || layerOf(imported) > layerOf(file))
          .map((imported) => `${file} imports ${imported}`),
      )
    expect(upward).toEqual([])
  })

  it('has no cycles', () => {
    const imports = new Map(
      files.map((file) => [
        file,
        importsOf(file)
          .filter((each) => each.startsWith('.'))
          .map((each) => importedFile(file, each)),
      ]),
    )
    const cycles: string[] = []
    const visit = (file: string, path: string[]) => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      else if (!done.has(file)) {
        for (const next of imports.get(file) ?? []) visit(next, [...path, file])
        done.add(file)
      }
    }
    const done = new Set<string>()
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('uses the machine only in a few named files, and depends on no package', () => {
    const found = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith('.') && !PURE.includes(specifier))
        .filter((specifier) => !MACHINE[specifier]?.includes(file))
        .map((specifier) => `${file} imports ${specifier}`),
    )
    expect(found).toEqual([])
  })

  it('uses only the given clock for the time and for timers', () => {
    const found = files
      .filter((file) => !CLOCK.includes(file))
      .filter((file) =>
        /Date\.now\(|new Date\(\)|performance\.now|\bset(Timeout|Interval|Immediate)\(|nextTick/.test(
          readFileSync(join(source, file), 'utf8'),
        ),
      )
    expect(found).toEqual([])
  })

  it('keeps its files small', () => {
    const long = files.filter((file) => readFileSync(join(source, file), 'utf8').split('\n').length > MAX_LINES)
    expect(long).toEqual([])
  })

  it('has a reason for each short file that only one file imports', () => {
    const importers = new Map<string, Set<string>>()
    for (const file of files) {
      for (const specifier of importsOf(file).filter((each) => each.startsWith('.'))) {
        const imported = importedFile(file, specifier)
        importers.set(imported, (importers.get(imported) ?? new Set()).add(file))
      }
    }
    const small = files
      .filter((file) => readFileSync(join(source, file), 'utf8').split('\n').length < SLIVER_LINES)
      .filter((file) => importers.get(file)?.size === 1)
    expect(small.sort()).toEqual(Object.keys(SMALL_IDEAS).sort())
  })
})
