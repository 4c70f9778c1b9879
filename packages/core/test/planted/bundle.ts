import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'tsup'
import { SMALL_LIMITS } from '../simulation/small-limits.js'
import type { Edit } from './bug.js'
import { SOURCES } from './sources.js'

/** Bundles the checker and an edited engine into one file. */

const sources = fileURLToPath(new URL('../../src/', import.meta.url))
const checker = fileURLToPath(new URL('./checker.ts', import.meta.url))
// The bundle is in a temporary directory, where no package can be imported by its name.
const fastCheck = pathToFileURL(createRequire(import.meta.url).resolve('fast-check')).href

/** Writes the limits of the model test into limits.ts: a bundle cannot mock a module. */
function withSmallLimits(text: string): string {
  return Object.entries(SMALL_LIMITS).reduce(
    (edited, [name, value]) => edited.replace(new RegExp(`(export const ${name}) = .*`), `$1 = ${value}`),
    text,
  )
}

/**
 * The edited sources by path.
 * Throws if an edit does not fit the source any more: then adapt the planted bug.
 */
export function editedSources(edits: readonly Edit[]): Map<string, string> {
  const limits = join(sources, SOURCES.limits)
  const texts = new Map([[limits, withSmallLimits(readFileSync(limits, 'utf8'))]])
  for (const { file, from, to } of edits) {
    const path = join(sources, file)
    const text = texts.get(path) ?? readFileSync(path, 'utf8')
    const count = text.split(from).length - 1
    if (count !== 1)
      throw new Error(`src/${file} must contain this text once, but contains it ${count} times:\n${from}`)
    texts.set(
      path,
      text.replace(from, () => to),
    )
  }
  return texts
}

/** Returns the path of the bundle. */
export async function bundle(edits: readonly Edit[], directory: string, name: string): Promise<string> {
  const texts = editedSources(edits)
  const used = new Set<string>()
  await build({
    entry: { [name]: checker },
    outDir: directory,
    outExtension: () => ({ js: '.mjs' }),
    format: ['esm'],
    target: 'node20',
    config: false,
    silent: true,
    dts: false,
    clean: false,
    esbuildPlugins: [
      {
        name: 'plant',
        setup(plugin) {
          plugin.onResolve({ filter: /^fast-check$/ }, () => ({ path: fastCheck, external: true }))
          plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const contents = texts.get(path)
            if (contents === undefined) return undefined
            used.add(path)
            return { contents, loader: 'ts' }
          })
        },
      },
    ],
  })
  if (used.size !== texts.size) throw new Error(`${name}: the checker does not import all of ${[...texts.keys()]}`)
  return join(directory, `${name}.mjs`)
}
