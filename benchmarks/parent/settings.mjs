/** Reads the command line: what to run, how often, and at what size. */
import { randomInt } from 'node:crypto'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * @typedef {object} Sizes
 * @property {number} keys
 * @property {number} manyKeys
 * @property {number} compactKeys
 * @property {number} adapterKeys
 * @property {number} tail records after the checkpoint
 * @property {number} fullTail as many as there are just before a compaction starts
 */

export const HERE = fileURLToPath(new URL('../', import.meta.url))
const FULL = { runs: 3, scale: 1, durationMs: 1200 }
const QUICK = { runs: 1, scale: 0.1, durationMs: 300 }

export const USAGE = `npm run bench -- [options]
  --quick            one run each at a tenth of the size, to check that everything works: 2 to 3 minutes
  --only ROW,…       only the rows with these ids, or whose ids begin with these texts
  --peers PEER,…     only Flatlog and these peers
  --runs N           the number of runs (default 3); the median is printed
  --duration-ms N    how long operations are repeated (default 1200)
  --scale F          multiplies all numbers of keys by F (default 1)
  --seed N           the seed for keys, values and orders (default: random, and printed)
  --dir DIR          the directory for the stores, on the disk to measure (default benchmarks/.data)
  --out DIR          the directory for results.md and results.svg (default benchmarks/ for a full run,
                     benchmarks/.data/partial/ for any other); the figures of each single run are always in
                     benchmarks/.data/runs.json
  --keep             keep the stores
  --list             only list the rows and peers`

export function readSettings(args = process.argv.slice(2)) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      peers: { type: 'string', multiple: true, default: [] },
      runs: { type: 'string' },
      'duration-ms': { type: 'string' },
      scale: { type: 'string' },
      seed: { type: 'string' },
      dir: { type: 'string' },
      out: { type: 'string' },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const base = values.quick ? QUICK : FULL
  const runs = Math.max(1, Math.round(number('--runs', values.runs, base.runs)))
  const scale = number('--scale', values.scale, base.scale)
  const durationMs = number('--duration-ms', values['duration-ms'], base.durationMs)
  const only = separated(values.only)
  const peers = separated(values.peers)
  const isFull = only.length === 0 && peers.length === 0 && scale === 1 && runs >= 3
  // A separate subdirectory, because its content is removed.
  const dir = join(resolve(values.dir ?? join(HERE, '.data')), 'flatlog-benchmark-stores')
  return {
    ...{ runs, scale, durationMs, only, peers, isFull, dir },
    warmUpMs: durationMs / 5,
    seed: values.seed === undefined ? randomInt(2 ** 31 - 10) : number('--seed', values.seed, 0),
    sizes: sizesAt(scale),
    outDir: resolve(values.out ?? (isFull ? HERE : join(HERE, '.data', 'partial'))),
    isKept: values.keep,
    isList: values.list,
    isHelp: values.help,
  }
}

function separated(given) {
  return given.flatMap((each) => each.split(',')).filter((each) => each !== '')
}

function number(name, given, byDefault) {
  if (given === undefined) return byDefault
  const value = Number(given)
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`${name} must be a number of at least 0, got ${given}.\n\n${USAGE}`)
  return value
}

/** @returns {Sizes} */
function sizesAt(scale) {
  // Multiples of 100, so that all groups have the same size, and more keys than the 1000 concurrent writers.
  const scaled = (count) => Math.max(2000, Math.round((count * scale) / 100) * 100)
  return {
    keys: scaled(100_000),
    manyKeys: scaled(1_000_000),
    compactKeys: scaled(500_000),
    adapterKeys: scaled(10_000),
    tail: scaled(10_000),
    fullTail: scaled(240_000),
  }
}
