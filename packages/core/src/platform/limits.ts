/** Every limit of the engine, in one place. All are checked before memory is allocated for what they limit. */

const KIB = 1024
const MIB = 1024 * KIB

/** The longest line that is written. */
export const MAX_RECORD_BYTES = 64 * MIB
/** The longest line that is read; it leaves room for files that other versions wrote. */
export const MAX_READ_RECORD_BYTES = 256 * MIB
/** A torn tail longer than this is taken for damage: that much is not lost in one crash. */
export const MAX_TAIL_REPAIR_BYTES = 16 * MIB
/** What one call of write hands to the system at most, so that a turn with a lot to write stays a short one. */
export const MAX_WRITE_BYTES = 16 * MIB
/** How much of a file is read at once. */
export const READ_CHUNK_BYTES = 256 * KIB
/** A part of a checkpoint is about this long: short enough to be read for one key, long enough for few of them. */
export const PART_BYTES = 8 * KIB
/** A checkpoint has at most about this many parts; larger checkpoints get larger parts. */
export const MAX_PARTS = 65_536
/** A checkpoint up to this long is read whole when a store is opened, and all that is wrong with it is told then. */
export const OPEN_WHOLE_BYTES = MIB
/** Of one up to this long all parts are checked when it is opened; those of a longer one when they are read. */
export const OPEN_CHECKED_BYTES = 16 * MIB
/** So much of a new generation is brought to disk while more of it is made, so that little is left for the end. */
export const SYNC_STEP_BYTES = 4 * MIB
/** How long the engine works at a stretch before it lets others run. */
export const SLICE_MS = 2
/** How long a compaction does, and how long writers may in their turn, while the log is longer than it should be. */
export const PRESSED_SLICE_MS = 4
export const PRESSED_TURN_MS = 1

/** The longest line or main file of format 0 that is read: as much as fits a JavaScript string. */
export const MAX_LEGACY_TEXT_BYTES = 511 * MIB

export const DEFAULT_SYNC_INTERVAL_MS = 1000
export const DEFAULT_LOCK_WAIT_MS = 2000
export const DEFAULT_CACHE_BYTES = 64 * MIB
export const DEFAULT_BACKUPS = 3
/** So often whoever only reads looks whether the log has grown, or another file is the log … */
export const FOLLOW_MS = 100
/** … and after a look that failed. */
export const FOLLOW_FAILED_MS = 1000
/** `mainFile: 'auto'` writes the main file while the state is at most this long. */
export const AUTO_MAIN_FILE_BYTES = 16 * MIB

/** Compaction starts no earlier than this size of the log … */
export const COMPACTION_MIN_BYTES = MIB
/** … and only when the tail has grown past this many times the checkpoint … */
export const COMPACTION_GROWTH = 1
/** … or past this many keys. */
export const COMPACTION_MAX_TAIL_KEYS = 250_000
/** After a failed compaction the next try waits this long, doubled each time … */
export const COMPACTION_RETRY_MS = 1000
/** … up to this. */
export const COMPACTION_RETRY_MAX_MS = 3_600_000
/** … or up to this for want of space: it costs little to ask, and a log that is not compacted fills the disk again. */
export const COMPACTION_NO_SPACE_RETRY_MAX_MS = 60_000

/** A wall clock that stands further than this behind the log's last timestamp is reported. */
export const CLOCK_STEP_REPORTED_MS = 3_600_000
