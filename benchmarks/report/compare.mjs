/** Flatlog against the others of one row. */

/**
 * @returns {{ own?: object, best?: object, ratio?: number, goal?: { text: string, isReached?: boolean } }}
 */
export function compare({ row, outcomes }) {
  const measured = outcomes.filter(({ figures, failure }) => !failure && figures[row.main.key])
  const [first] = outcomes
  const own = measured.find((outcome) => outcome === first)
  if (!own) return {}
  const peers = measured.filter(({ peer }) => peer !== own.peer && !peer.isLimit)
  // What hands out the object that it keeps does less; it is shown, and is the measure only where nothing else is.
  const answering = row.work === 'get' ? peers.filter(({ peer }) => !peer.handsOutItsOwn || row.as === 'text') : peers
  const best = bestOf(row, answering.length > 0 ? answering : peers)
  const ratio = best && ratioOf(row, own, best)
  return { own, best, ratio, goal: goalOf(row, own, best, peers) }
}

function bestOf({ main }, outcomes) {
  const value = ({ figures }) => figures[main.key].median
  return [...outcomes].sort((a, b) => (main.isMoreBetter ? value(b) - value(a) : value(a) - value(b)))[0]
}

/** Above 1 the first is better, whichever way better is. */
export function ratioOf({ main }, one, other) {
  const a = one.figures[main.key]?.median
  const b = other.figures[main.key]?.median
  // Differences, as of memory, can come out below nothing where there is little to measure.
  if (!(a > 0 && b > 0)) return undefined
  return main.isMoreBetter ? a / b : b / a
}

function goalOf(row, own, best, peers) {
  const { goal } = row
  if (!goal) return undefined
  if (goal.below !== undefined) {
    const value = own.figures[goal.key ?? row.main.key]?.median
    return { text: `below ${goal.below} ${goal.label ?? row.main.unit}`, isReached: value < goal.below }
  }
  const other = goal.against ? peers.find(({ peer }) => peer.id === goal.against) : best
  const text = `${goal.ratio} × ${goal.against ?? 'the best'}`
  return other ? { text, isReached: ratioOf(row, own, other) >= goal.ratio } : { text }
}
