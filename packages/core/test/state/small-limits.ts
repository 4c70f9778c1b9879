/** Limits so small that two or three keys fill a part, and checkpoints are opened in all ways that there are. */
export const SMALL_LIMITS = { PART_BYTES: 300, OPEN_WHOLE_BYTES: 1500, OPEN_CHECKED_BYTES: 4000 } as const
