/** Plans which peers take part in which rows, and why others do not. */
import { FAMILIES } from '../peers/peer.mjs'
import { allRows } from '../rows/rows.mjs'
import { runJob } from './job.mjs'

export async function makePlan({ sizes, only, peers: wanted }) {
  const known = allRows(sizes)
  const rows = only.length === 0 ? known : only.flatMap((each) => rowsNamed(each, known))
  // A row that uses the figures of another row needs that row.
  const needed = rows.flatMap(({ sameRunAs }) =>
    sameRunAs && !rows.some(({ id }) => id === sameRunAs) ? [sameRunAs] : [],
  )
  const complete = known.filter((row) => rows.includes(row) || needed.includes(row.id))

  const peers = {}
  for (const [family, ids] of Object.entries(FAMILIES)) {
    for (const each of wanted) {
      if (!Object.values(FAMILIES).flat().includes(each))
        throw new Error(`There is no peer ${each}. --list shows the peers.`)
    }
    const chosen = ids.filter((id, place) => place === 0 || wanted.length === 0 || wanted.includes(id))
    peers[family] = await Promise.all(chosen.map(describe))
  }

  return complete.map((row) => {
    const all = peers[row.family]
    const source = row.sameRunAs ? complete.find(({ id }) => id === row.sameRunAs) : row
    const leftOut = all.flatMap((peer) => {
      const reason = peer.missing ?? source.needs?.map((need) => peer.cannot?.[need]).find(Boolean)
      return reason ? [{ peer, reason }] : []
    })
    return { row, peers: all.filter((peer) => !leftOut.some((each) => each.peer === peer)), leftOut }
  })
}

function rowsNamed(name, rows) {
  const exact = rows.filter(({ id }) => id === name)
  const found = exact.length > 0 ? exact : rows.filter(({ id }) => id.startsWith(name))
  if (found.length === 0)
    throw new Error(`There is no row ${name}. The rows are ${rows.map(({ id }) => id).join(', ')}.`)
  return found
}

/**
 * Loads a peer in another process, because a native module that fails may crash it. A peer that cannot be loaded, for
 * example because it is not compiled for this system, is left out.
 */
async function describe(id) {
  try {
    return await runJob({ kind: 'describe', peer: id, seed: 0 })
  } catch (error) {
    if (id.endsWith('flatlog')) throw error
    const reason = /^\w*Error.*$/m.exec(error.printed)?.[0] ?? error.message
    return { id, label: id, settings: '', missing: `cannot be loaded: ${reason}` }
  }
}
