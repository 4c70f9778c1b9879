/**
 * Limits so small that a small log reaches them: a line is longer than a read, a checkpoint has several parts and is
 * not always read whole, and the records of one turn take several writes.
 */
export const SMALL_LIMITS = {
  READ_CHUNK_BYTES: 4096,
  PART_BYTES: 1024,
  MAX_WRITE_BYTES: 8192,
  OPEN_WHOLE_BYTES: 3000,
  OPEN_CHECKED_BYTES: 6000,
} as const
