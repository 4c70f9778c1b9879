import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bug } from './bug.js'
import { bugs } from './bugs.js'
import { bundle } from './bundle.js'
import { check } from './check.js'
import { type Search, searches } from './searches.js'

/**
 * Finds a seed for each planted bug and writes the table in searches.ts.
 * Counts runs, not time.
 */

const SEEDS = 5
/** The limit for five seeds together, with faults or without. */
const MAX_RUNS = 400
/** The limit for one more search if they find nothing. */
const LAST_RUNS = 3000
/** If a bug takes more runs than this on average, only the long tests look for it. */
const RARE_RUNS = 50
/**
 * A change of the engine shuffles the runs.
 * With ten times the average, a bug is missed with a probability of e^-10.
 */
const MARGIN = 10
const LEAST_RUNS = 30

interface Tried {
  readonly withFaults: boolean
  readonly best: { readonly seed: number; readonly runs: number } | undefined
  /** How many runs one find took on average. */
  readonly averageRuns: number
}

interface Found extends Tried {
  readonly best: { readonly seed: number; readonly runs: number }
}

async function tryOut(path: string, bug: Bug, withFaults: boolean, seeds: number, maxRuns: number): Promise<Tried> {
  let [best, total, finds]: [Tried['best'], number, number] = [undefined, 0, 0]
  for (let seed = 1; seed <= seeds && total < maxRuns; seed++) {
    const { runs, message } = await check(path, {
      seed,
      withFaults,
      runs: Math.ceil(maxRuns - total),
      focus: bug.focus,
    })
    total += runs
    if (message === undefined) continue
    if (/^(Type|Reference|Syntax)Error/.test(message)) throw new Error(`${bug.name}: ${message}`)
    finds++
    if (!best || runs < best.runs) best = { seed, runs }
  }
  return { withFaults, best, averageRuns: total / finds }
}

async function search(bug: Bug, directory: string): Promise<Found | undefined> {
  const path = await bundle(bug.edits, directory, bug.name.replaceAll(/\W+/g, '-'))
  const without = bug.focus.faults ? undefined : await tryOut(path, bug, false, SEEDS, MAX_RUNS)
  // Searching with faults is useful only if it takes fewer runs.
  const mostRuns = without?.best ? Math.min(MAX_RUNS, SEEDS * without.averageRuns) : MAX_RUNS
  const withFaults = await tryOut(path, bug, true, SEEDS, mostRuns)
  const [first] = [without, withFaults].filter(isFound).sort((a, b) => a.averageRuns - b.averageRuns)
  if (first) return first
  const last = await tryOut(path, bug, true, 1, LAST_RUNS)
  return isFound(last) ? last : undefined
}

function isFound(tried: Tried | undefined): tried is Found {
  return tried?.best !== undefined
}

function searchOf({ withFaults, best, averageRuns }: Found): Search {
  const runs = Math.max(LEAST_RUNS, Math.ceil((averageRuns * MARGIN) / 10) * 10)
  return { seed: best.seed, withFaults, runs, ...(averageRuns > RARE_RUNS && { isRare: true }) }
}

function write(table: ReadonlyMap<string, Search>): void {
  const path = fileURLToPath(new URL('./searches.ts', import.meta.url))
  const lines = bugs.flatMap(({ name }) => {
    const found = table.get(name)
    const fields = found && Object.entries(found).map(([field, value]) => `${field}: ${value}`)
    return fields ? [`  '${name}': { ${fields.join(', ')} },\n`] : []
  })
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf('= {\n', text.indexOf('const searches')) + '= {\n'.length
  writeFileSync(path, `${text.slice(0, start)}${lines.join('')}}\n`)
}

/**
 * `names`: parts of the names of the bugs to search for; all if there are none.
 * Returns false if one is not found.
 */
export async function findSeeds(names: readonly string[]): Promise<boolean> {
  const table = new Map(Object.entries(searches))
  const wanted = bugs.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
  const directory = mkdtempSync(join(tmpdir(), 'flatlog-planted-'))
  const missing: string[] = []
  const queue = [...wanted]
  const work = async () => {
    for (let bug = queue.shift(); bug; bug = queue.shift()) {
      const found = await search(bug, directory).catch((error: Error) => console.error(`${bug.name}: ${error.message}`))
      if (found) table.set(bug.name, searchOf(found))
      else missing.push(bug.name)
      const how =
        found && `seed ${found.best.seed} in ${found.best.runs} runs, on average in ${found.averageRuns.toFixed(1)}`
      console.log(`${bug.name}: ${how ? `${how}, ${found.withFaults ? 'with' : 'without'} faults` : 'NOT FOUND'}`)
      write(table)
    }
  }
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  if (missing.length > 0) console.error(`Not found: ${missing.join(', ')}. Give them a focus, or check their edits.`)
  return missing.length === 0
}
