type Limits = typeof import('../../src/platform/limits.js')

/**
 * Limits with which an installation of the original system that has a few lines is taken over as one of gigabytes is: its
 * lines and values are longer than what is held, and its keys are more than fit in memory.
 */
export const TINY_LIMITS = {
  READ_CHUNK_BYTES: 64,
  PART_BYTES: 256,
  HELD_LINE_BYTES: 96,
  SORT_BYTES: 2000,
  SORT_BLOCK_BYTES: 64,
  SORT_RUNS: 3,
  SORT_KEYS: 2,
  PROGRESS_BYTES: 100,
} as Partial<Record<keyof Limits, number>> as Partial<Limits>

/** For tests that go through all calls of the file system: as much is written to as many files, more of it at once. */
export const FEWER_CALLS = { READ_CHUNK_BYTES: 4096, SORT_BLOCK_BYTES: 4096 } as const
