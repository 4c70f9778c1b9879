/** All limits of the engine. Each is checked before memory is allocated for what it limits. */

const KIB = 1024
const MIB = 1024 * KIB

/** The longest line that is written. */
export const MAX_RECORD_BYTES = 64 * MIB
/** The longest line that is read; longer than any that this version writes, for files of other versions. */
export const MAX_READ_RECORD_BYTES = 256 * MIB
/** A torn tail longer than this is damage, because one crash does not lose so much. */
export const MAX_TAIL_REPAIR_BYTES = 16 * MIB
/** The most that one write passes to the system, so that a turn with much to write stays short. */
export const MAX_WRITE_BYTES = 16 * MIB
/** How much of a file is read at once. */
export const READ_CHUNK_BYTES = 256 * KIB
/** About the length of a part: short enough to read for one key, long enough that a checkpoint has few. */
export const PART_BYTES = 8 * KIB
/** About the most parts of a checkpoint; a larger checkpoint gets longer parts. */
export const MAX_PARTS = 65_536
/** A checkpoint up to this length is read whole at opening, and all its damage is reported then. */
export const OPEN_WHOLE_BYTES = MIB
/** The parts of a checkpoint up to this length are checked at opening; those of a longer one when they are read. */
export const OPEN_CHECKED_BYTES = 16 * MIB
/** A new generation is synced each time it has grown by this, so that little is left for the end. */
export const SYNC_STEP_BYTES = 4 * MIB
/** How long the engine works before it lets other tasks run. */
export const SLICE_MS = 2
/** The slice of a compaction while the log is longer than it should be. */
export const PRESSED_SLICE_MS = 4
/** The slice of writers meanwhile. */
export const PRESSED_TURN_MS = 1

/** The longest line or main file of format 0 that is read: about the longest that fits a JavaScript string. */
export const MAX_LEGACY_TEXT_BYTES = 511 * MIB

export const DEFAULT_SYNC_INTERVAL_MS = 1000
export const DEFAULT_LOCK_WAIT_MS = 2000
export const DEFAULT_CACHE_BYTES = 64 * MIB
export const DEFAULT_BACKUPS = 3
/** How often a reader looks whether the log has grown or has been replaced. */
export const FOLLOW_MS = 100
/** How long a reader waits after a failed look. */
export const FOLLOW_FAILED_MS = 1000
/** `mainFile: 'auto'` keeps a main file while the state is at most this long. */
export const AUTO_MAIN_FILE_BYTES = 16 * MIB

/** A shorter log is not compacted. */
export const COMPACTION_MIN_BYTES = MIB
/** A log is compacted when its tail is longer than this many times its checkpoint. */
export const COMPACTION_GROWTH = 1
/** A log is also compacted when its tail has more keys than this. */
export const COMPACTION_MAX_TAIL_KEYS = 250_000
/** How long to wait after a compaction failed; doubled after each further failure. */
export const COMPACTION_RETRY_MS = 1000
/** The longest such wait. */
export const COMPACTION_RETRY_MAX_MS = 3_600_000
/**
 * The longest such wait for disk space: looking costs little, and a log that is not compacted fills the disk again.
 */
export const COMPACTION_NO_SPACE_RETRY_MAX_MS = 60_000

/** A wall clock that is earlier than the last timestamp of the log by more than this is reported. */
export const CLOCK_STEP_REPORTED_MS = 3_600_000
