/** Runs all benchmarks with all stores: `npm run bench` at the root of the repository. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMachine } from './parent/machine.mjs'
import { measureOnce } from './parent/measure.mjs'
import { makePlan } from './parent/plan.mjs'
import { HERE, readSettings, USAGE } from './parent/settings.mjs'
import { summarize } from './parent/statistics.mjs'
import { Stores } from './parent/stores.mjs'
import { packageVersions } from './parent/versions.mjs'
import { chartOf } from './report/chart.mjs'
import { compare } from './report/compare.mjs'
import { figure } from './report/figures.mjs'
import { markdownOf, ratioTable } from './report/markdown.mjs'

/** A peer whose run takes longer is run only once. */
const SLOW_RUN_MS = 45_000

const settings = readSettings()
if (settings.isHelp) {
  console.log(USAGE)
  process.exit(0)
}
const plan = await makePlan(settings)
if (settings.isList) {
  for (const { row, peers, leftOut } of plan) {
    console.log(`${row.id.padEnd(22)} ${peers.map(({ id }) => id).join(', ')}`)
    for (const { peer, reason } of leftOut) console.log(`${' '.repeat(25)}without ${peer.id}: ${reason}`)
  }
  process.exit(0)
}

const started = performance.now()
const machine = describeMachine(settings.dir)
const stores = new Stores(settings)
console.log(`Seed ${settings.seed}. ${machine.processor}; ${machine.fileSystem}; Node ${machine.node}.`)

const results = []
for (const [place, planned] of plan.entries()) {
  results.push(await runRow(planned))
  stores.forgetAllBut(plan.slice(place + 1))
}
report()

/** Runs a row. Peers take turns, each round starting with another one, so that other load affects all of them. */
async function runRow({ row, peers, leftOut }) {
  const { sameRunAs } = row
  if (sameRunAs) return { row, leftOut, outcomes: results.find((each) => each.row.id === sameRunAs).outcomes }
  console.log(`\n${row.id}: ${row.title}`)
  const rowStarted = performance.now()
  const outcomes = peers.map((peer) => ({ peer, runs: [], failure: undefined }))
  for (let run = 0; run < settings.runs; run++) {
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[(i + run) % outcomes.length]
      if (outcome.failure || outcome.isSlow) continue
      const begun = performance.now()
      try {
        const figures = await measureOnce(stores, row, outcome.peer, settings)
        outcome.runs.push(figures)
        // A peer this slow is far from the others. More runs would not change that.
        outcome.isSlow = outcome !== outcomes[0] && performance.now() - begun > SLOW_RUN_MS
        console.log(`  ${outcome.peer.label.padEnd(22)} ${figure(figures[row.main.key], row.main)}`)
      } catch (error) {
        outcome.failure = error.message
        console.log(`  ${outcome.peer.label.padEnd(22)} FAILED: ${error.message}`)
      }
    }
  }
  for (const outcome of outcomes) outcome.figures = summarize(outcome.runs)
  console.log(`  (${((performance.now() - rowStarted) / 1000).toFixed(0)} s)`)
  return { row, leftOut, outcomes }
}

function report() {
  const minutes = (performance.now() - started) / 60_000
  const compared = results.map((result) => ({ ...result, comparison: compare(result) }))
  const about = { settings, machine, versions: packageVersions(), minutes }
  mkdirSync(settings.outDir, { recursive: true })
  mkdirSync(join(HERE, '.data'), { recursive: true })
  const write = (path, content) => {
    writeFileSync(path, content)
    return path
  }
  const files = [
    write(join(settings.outDir, 'results.md'), markdownOf(compared, about)),
    write(join(settings.outDir, 'results.svg'), chartOf(compared, about)),
    write(join(HERE, '.data', 'runs.json'), `${JSON.stringify({ ...about, results }, null, 1)}\n`),
  ]
  console.log(`\n${ratioTable(compared)}\n`)
  console.log(`${minutes.toFixed(1)} minutes. Written: ${files.join(', ')}`)
  const failures = results.flatMap(({ row, outcomes }) =>
    row.sameRunAs ? [] : outcomes.filter(({ failure }) => failure).map(({ peer }) => `${row.id} of ${peer.id}`),
  )
  if (failures.length === 0) return
  console.log(`FAILED: ${failures.join(', ')}`)
  process.exitCode = 1
}
