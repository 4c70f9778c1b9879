/** Compares Flatlog to the other peers of a row. */

/**
 * @returns {{ own?: object, best?: object, ratio?: number, goal?: { text: string, isReached?: boolean } }}
 */
export function compare({ row, outcomes }) {
  const measured = outcomes.filter(({ figures, failure }) => !failure && figures[row.main.key])
  const [first] = outcomes
  const own = measured.find((outcome) => outcome === first)
  if (!own) return {}
  const peers = measured.filter(({ peer }) => peer !== own.peer && !peer.isLimit)
  // A peer that returns the object that it keeps does less work. It is compared only if there is no other peer.
  const comparable =
    row.work === 'get' ? peers.filter(({ peer }) => !peer.returnsItsOwnObject || row.as === 'text') : peers
  const best = bestOf(row, comparable.length > 0 ? comparable : peers)
  const ratio = best && ratioOf(row, own, best)
  return { own, best, ratio, goal: goalOf(row, own, best, peers) }
}

function bestOf({ main }, outcomes) {
  const value = ({ figures }) => figures[main.key].median
  return [...outcomes].sort((a, b) => (main.isMoreBetter ? value(b) - value(a) : value(a) - value(b)))[0]
}

/** Returns the ratio of two outcomes, which is above 1 if the first is better. */
export function ratioOf({ main }, one, other) {
  const a = one.figures[main.key]?.median
  const b = other.figures[main.key]?.median
  // Figures that are differences, such as memory, may be negative if they are small.
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
