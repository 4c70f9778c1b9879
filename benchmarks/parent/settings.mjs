/** What is run, how often and how large: the command line. */
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
 * @property {number} tail records behind the checkpoint
 * @property {number} fullTail as many as there are just before a compaction begins
 */

export const HERE = fileURLToPath(new URL('../', import.meta.url))
const FULL = { runs: 3, scale: 1, durationMs: 1200 }
const QUICK = { runs: 1, scale: 0.1, durationMs: 300 }

export const USAGE = `npm run bench -- [options]
  --quick            one run of each at a tenth of the size, to see that all works: 2 to 3 minutes
  --only ROW,…       only the row of that id, or where there is none, those whose ids begin with it
  --peers PEER,…     only these peers beside Flatlog
  --runs N           runs of each (default 3); the median is printed
  --duration-ms N    for how long what can be repeated is repeated (default 1200)
  --scale F          all numbers of keys times F (default 1)
  --seed N           for keys, values and orders (default: drawn, and printed)
  --dir DIR          where the stores are made: this decides which disk is measured (default benchmarks/.data)
  --out DIR          where results.md and results.svg go (default benchmarks/ for a full run, benchmarks/.data/partial/
                     for any other); the figures of each single run are in benchmarks/.data/runs.json
  --keep             keep what was stored
  --list             only say which rows and peers would run`

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
  // A folder of its own, since what is in it is removed.
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
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is ${given}; a number is expected.\n\n${USAGE}`)
  return value
}

/** @returns {Sizes} */
function sizesAt(scale) {
  // Whole hundreds, so that groups come out even, and so many that 1000 writers in flight do not meet at one key.
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
