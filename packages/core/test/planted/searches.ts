/** How the tests look for one planted bug: with this seed, and for at most so many runs of the model test. */
export interface Search {
  readonly seed: number
  readonly withFaults: boolean
  readonly runs: number
  /** It takes many runs to find with most seeds, so only the long tests look for it. */
  readonly isRare?: boolean
}

/** For a bug that is not in the table yet. */
export const DEFAULT_SEARCH: Search = { seed: 1, withFaults: true, runs: 200 }

/** Written by `node scripts/find-seeds.mjs`; run it again when a planted bug or the simulation changes. */
export const searches: { readonly [bug: string]: Search } = {
  'acknowledge before sync': { seed: 6, withFaults: false, runs: 70 },
  'short write ignored': { seed: 4, withFaults: true, runs: 170 },
  'no sync of the directory behind a first log': { seed: 1, withFaults: true, runs: 4220, isRare: true },
  'a robbed owner goes on with the names': { seed: 3, withFaults: true, runs: 1340, isRare: true },
  'a record that is taken back leaves its key behind': { seed: 2, withFaults: true, runs: 150 },
  'unproven records are not written again': { seed: 1, withFaults: true, runs: 2000, isRare: true },
}
