/**
 * Limits so small that two or three keys fill a part.
 * Checkpoints are then opened in every possible way.
 */
export const SMALL_LIMITS = { PART_BYTES: 300, OPEN_WHOLE_BYTES: 1500, OPEN_CHECKED_BYTES: 4000 } as const
