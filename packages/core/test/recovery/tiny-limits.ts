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
} as const
