/** Writes `results.md`: the ratios, then each row with all its peers. */
import { markdownTable } from 'markdown-table'
import { versionOf } from '../parent/versions.mjs'
import { COLUMNS } from '../rows/columns.mjs'
import { ratioOf } from './compare.mjs'
import { digits, figure, times } from './figures.mjs'

export function ratioTable(compared) {
  const head = ['row', 'work', 'Flatlog', 'best peer', 'ratio', 'goal', 'reached']
  const lines = compared.map(({ row, comparison: { own, best, ratio, goal } }) => [
    row.id,
    row.title,
    own ? figure(own.figures[row.main.key].median, row.main) : 'failed',
    best ? `${best.peer.label}: ${figure(best.figures[row.main.key].median, row.main)}` : '',
    times(ratio),
    goal?.text ?? '',
    goal?.isReached === undefined ? '' : goal.isReached ? 'yes' : 'no',
  ])
  return markdownTable([head, ...lines], { align: ['l', 'l', 'r', 'l', 'r', 'l', 'l'] })
}

export function markdownOf(compared, about) {
  return [
    '# Results',
    introduction(about),
    '## Ratios',
    'Above 1 × Flatlog is better. The best peer is the best one of this run. In rows of gets, a peer that returns the object that it keeps is compared only for texts.',
    ratioTable(compared),
    ...compared.filter(({ row }) => !row.sameRunAs).flatMap(rowSection),
    '## The peers',
    peerTable(compared, about),
    '',
  ].join('\n\n')
}

function introduction({ settings, machine, minutes }) {
  const { runs, durationMs, seed, isFull } = settings
  return [
    ...(isFull
      ? []
      : ['**This is not a full run: it has smaller sizes, or fewer runs or rows. Do not quote its figures.**\n']),
    `- Machine: ${machine.processor}, ${machine.memoryGiB} GiB; ${machine.system}; ${machine.fileSystem}`,
    `- Node.js ${machine.node} for every peer; Flatlog at ${machine.commit}; ${machine.date}; load average ${machine.loadAverage} at the start; ${minutes.toFixed(0)} minutes`,
    `- Each figure is the median of ${runs} ${runs === 1 ? 'run' : 'runs'}, each in a new process and directory, with the peers taking turns. Operations are repeated for ${durationMs} ms after a warm-up. Seed ${seed}`,
    '- Keys have 20 bytes, values are 100 bytes of JSON. The page cache is warm. Every store is synced to disk before the measurement',
    '- After each run another process opens the store and compares a checksum over all keys and values. Runs that write end with SIGKILL instead of closing the store, so acknowledged writes must have survived a crash of the process',
    '- CPU time includes all threads of the process. “Bytes to disk” are the bytes that the kernel wrote for the process (Linux only)',
  ].join('\n')
}

function rowSection({ row, outcomes, leftOut, comparison: { own } }) {
  const head = ['peer', 'against Flatlog', ...row.columns.map((key) => COLUMNS[key]), 'lowest to highest']
  const lines = outcomes.map((outcome) => {
    const { peer, figures, failure, isSlow } = outcome
    const main = figures[row.main.key]
    if (failure || !main) return [peer.label, `failed: ${failure?.split('\n')[0]}`]
    return [
      peer.label + (peer.returnsItsOwnObject && row.work === 'get' ? ' (its own object)' : ''),
      outcome === own || !own ? '' : times(ratioOf(row, outcome, own)),
      ...row.columns.map((key) => digits(figures[key]?.median)),
      isSlow ? 'one run, because it is slow' : `${digits(main.min)} – ${digits(main.max)}`,
    ]
  })
  return [
    `## ${row.id}: ${row.title}`,
    markdownTable([head, ...lines], { align: ['l', ...head.slice(1).map(() => 'r')] }),
    ...(leftOut.length === 0
      ? []
      : [`Left out: ${leftOut.map(({ peer, reason }) => `${peer.label} (${reason})`).join('; ')}.`]),
  ]
}

function peerTable(compared, { versions, machine }) {
  const peers = new Map()
  for (const { outcomes } of compared) for (const { peer } of outcomes) peers.set(peer.id, peer)
  const lines = [...peers.values()].map((peer) => [
    peer.label,
    (peer.package && versionOf(peer.package)) ?? (peer.id === 'node-sqlite' ? machine.node : ''),
    peer.settings,
  ])
  const hosts = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${markdownTable([['peer', 'version', 'settings'], ...lines])}\n\nThe adapters run on ${hosts.join(', ')}.`
}
