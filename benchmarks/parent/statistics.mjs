export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Returns the median, the minimum and the maximum of each figure. */
export function summarize(runs) {
  const figures = {}
  for (const key of new Set(runs.flatMap((run) => Object.keys(run)))) {
    const values = runs.map((run) => run[key]).filter((value) => Number.isFinite(value))
    if (values.length > 0) figures[key] = { median: median(values), min: Math.min(...values), max: Math.max(...values) }
  }
  return figures
}
