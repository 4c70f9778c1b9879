/** The seed and the greatest number of runs with which the tests look for a planted bug. */
export interface Search {
  readonly seed: number
  readonly withFaults: boolean
  readonly runs: number
  /** Most seeds need many runs to find it, so only the long tests look for it. */
  readonly isRare?: boolean
}

/** For a bug that is not in the table yet. */
export const DEFAULT_SEARCH: Search = { seed: 1, withFaults: true, runs: 200 }

/**
 * The searches that `node scripts/find-seeds.mjs` has found.
 * Run it again when a planted bug or the simulation changes.
 */
export const searches: { readonly [bug: string]: Search } = {
  'acknowledge before sync': { seed: 6, withFaults: false, runs: 70 },
  'short write ignored': { seed: 4, withFaults: true, runs: 170 },
  'no sync of the directory after a first log': { seed: 1, withFaults: true, runs: 4220, isRare: true },
  'the mark names unsynced records': { seed: 1, withFaults: false, runs: 1340 },
  'an owner that lost its lock still renames files': { seed: 3, withFaults: true, runs: 1340, isRare: true },
  'an undone record leaves its key': { seed: 2, withFaults: true, runs: 150 },
  'unproven records are not written again': { seed: 1, withFaults: true, runs: 2000, isRare: true },
  'the directory is not synced when the log is opened': { seed: 2, withFaults: false, runs: 450 },
}
