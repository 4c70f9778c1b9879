/**
 * Everything that the tests use from inside the engine.
 * When a file of `src` moves, only this file has to change.
 */

export type { Verification } from '../../src/engine/backend.js'
export type { Change } from '../../src/engine/events.js'
export { CHECKSUM_BYTES, formatChecksum, validChecksum, withChecksum } from '../../src/format/checksum.js'
export { decodeLine, type Line } from '../../src/format/decode.js'
export { PlainRecord } from '../../src/format/decode-fast.js'
export { encodeHeader, encodeOperation, encodePart, encodeRecord, spellPair } from '../../src/format/encode.js'
export { IndexLineWriter, type PartTable, scanIndexLine } from '../../src/format/index-line.js'
export { endOfString, endOfValue, oneLine, quote, sliceObject, unquote } from '../../src/format/json-text.js'
export {
  isAscii,
  keyCount,
  keyStart,
  layOutPart,
  type PartLayout,
  parseMeta,
  positionAt,
  valueEnd,
} from '../../src/format/part.js'
export { expiryRange, metaOf } from '../../src/format/part-meta.js'
export {
  type DeleteOperation,
  type HeaderLine,
  type IndexLine,
  type IndexRow,
  type LogRecord,
  type Operation,
  type PartLine,
  type PartSummary,
  type PartValue,
  type SetOperation,
  valueOffsets,
} from '../../src/format/record.js'
export { fromBytes, fromText, fromValue, toBytes, toText, toValue, type ValueText } from '../../src/format/value.js'
export {
  CompactionScheduler,
  FlatlogError,
  type Logs,
  openLogs,
  openStore,
  type Store,
  type StoreOptions,
} from '../../src/index.js'
export type { LockRecord } from '../../src/lock/lock-file.js'
export { BackgroundSync } from '../../src/log/background-sync.js'
export { openCheckpoint, readBackCheckpoint } from '../../src/log/checkpoint-opener.js'
export {
  type CheckpointFound,
  isInRange,
  type KeyRange,
  readCheckpoint,
  readPartState,
} from '../../src/log/checkpoint-reader.js'
export { type CheckpointStart, CheckpointWriter, type WrittenCheckpoint } from '../../src/log/checkpoint-writer.js'
export { newRecovery, type Recovery } from '../../src/log/damage-report.js'
export { type Durability, encodeLines, type PendingRecord } from '../../src/log/group-commit.js'
export { type LinesOptions, readLines } from '../../src/log/line-reader.js'
export { LineBuffer } from '../../src/log/line-writer.js'
export { checkName } from '../../src/log/names.js'
export { guessKey, readTailRun, type SurveyLine } from '../../src/log/record-reader.js'
export { StoreFiles } from '../../src/log/store-files.js'
export { openLogsOn } from '../../src/logs/logs.js'
export type { Progress } from '../../src/options.js'
export { type Clock, Slices, systemClock, type Timer } from '../../src/platform/clock.js'
export { invalidOption, ioError, isNoSpace, unknownOption } from '../../src/platform/errors.js'
export type { FileStatus, FileSystem, OpenFile, OpenMode } from '../../src/platform/file-system.js'
export {
  AUTO_MAIN_FILE_BYTES,
  COMPACTION_MIN_BYTES,
  MAX_PARTS,
  MAX_RECORD_BYTES,
  PART_BYTES,
  READ_CHUNK_BYTES,
  SLICE_MS,
  SYNC_STEP_BYTES,
} from '../../src/platform/limits.js'
export type { Machine } from '../../src/platform/machine.js'
export { nodeFileSystem } from '../../src/platform/node-file-system.js'
export { type Processes, systemProcesses } from '../../src/platform/processes.js'
export { isLegacyLog } from '../../src/recovery/detect-legacy.js'
/** Loads the code that the engine loads only for a store of format 0. */
export const loadLegacy = () => import('../../src/legacy/read-legacy.js')
export { judgeTail, type TailToJudge, type Verdict } from '../../src/recovery/judge-tail.js'
export { fingerprint } from '../../src/state/checkpoint/known-pairs.js'
export type { FrozenState } from '../../src/state/frozen-state.js'
export { byCodeUnit, endOfPrefix } from '../../src/state/key-order.js'
export { State } from '../../src/state/state.js'
export { ClearedPrefixes } from '../../src/state/tail/cleared-prefixes.js'
export { type Keyed, type SortedCursor, SortedKeys } from '../../src/state/tail/sorted-keys.js'
export { Tail } from '../../src/state/tail/tail.js'
export { type TailChange, type TailValue, TOMBSTONE } from '../../src/state/tail/tail-values.js'
export type { KeyRangeQuery, StatePiece, StateValue } from '../../src/state/types.js'
export { AdmissionFilter, type CachedText, type CacheState, ValueCache } from '../../src/state/value-cache.js'
export { openStoreOn } from '../../src/store/open-store.js'
export type { BatchOperation } from '../../src/store/types.js'
