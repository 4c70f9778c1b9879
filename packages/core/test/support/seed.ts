const text = process.env.FLATLOG_SEED ?? '20261123'

/**
 * The seed of all random tests. It is fixed, so that a failure is due to a change and not to chance. `FLATLOG_SEED` sets
 * another one: a number, or `random`, which vitest.config.ts replaces by a number that it prints.
 */
export const SEED = Number(text)

if (!Number.isSafeInteger(SEED) || SEED < 0) {
  throw new Error(`FLATLOG_SEED must be "random" or a whole number of at least 0, got ${JSON.stringify(text)}.`)
}
