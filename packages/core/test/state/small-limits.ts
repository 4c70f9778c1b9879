/**
 * Limits that are so small that a few keys meet them: a part holds two or three of them, and a checkpoint is opened in
 * each of the ways in which one is.
 */
export const SMALL_INDEX_LIMITS = { PART_BYTES: 300, OPEN_WHOLE_BYTES: 1500, OPEN_CHECKED_BYTES: 4000 } as const
