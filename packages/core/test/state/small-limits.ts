/** Limits so small that two or three keys fill a part, and that checkpoints are opened in every possible way. */
export const SMALL_LIMITS = { PART_BYTES: 300, OPEN_WHOLE_BYTES: 1500, OPEN_CHECKED_BYTES: 4000 } as const
