/** Which peers take part in which rows, and why the others do not. */
import { FAMILIES } from '../peers/peer.mjs'
import { allRows } from '../rows/rows.mjs'
import { runJob } from './job.mjs'

export async function makePlan({ sizes, only, peers: wanted }) {
  const known = allRows(sizes)
  const rows = only.length === 0 ? known : only.flatMap((each) => rowsNamed(each, known))
  // A row that reads the figures of another one's runs needs that one.
  const needed = rows.flatMap(({ sameRunAs }) =>
    sameRunAs && !rows.some(({ id }) => id === sameRunAs) ? [sameRunAs] : [],
  )
  const complete = known.filter((row) => rows.includes(row) || needed.includes(row.id))

  const peers = {}
  for (const [family, ids] of Object.entries(FAMILIES)) {
    for (const each of wanted) {
      if (!Object.values(FAMILIES).flat().includes(each)) throw new Error(`There is no peer ${each}.`)
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
  if (found.length === 0) throw new Error(`There is no row ${name}. There are ${rows.map(({ id }) => id).join(', ')}.`)
  return found
}

/**
 * A peer that does not load here, say because it is not compiled for this system, is left out and not the end. It is
 * tried in a process of its own, since such a one may end the whole process.
 */
async function describe(id) {
  try {
    return await runJob({ kind: 'describe', peer: id, seed: 0 })
  } catch (error) {
    if (id.endsWith('flatlog')) throw error
    const reason = /^\w*Error.*$/m.exec(error.printed)?.[0] ?? error.message
    return { id, label: id, settings: '', missing: `does not load here: ${reason}` }
  }
}
