import type { Operation } from '../format/record.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import type { Recovery } from '../log/damage-report.js'
import type { Proposal } from '../log/group-commit.js'
import type { StoreFiles } from '../log/store-files.js'
import type { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import type { Conditions } from './conditions.js'
import type { Events } from './events.js'

/**
 * The engine or follower that a `Store` calls: an engine writes the log, a follower reads what another process writes.
 *
 * Reading is synchronous. Every write is one call, `propose`. It gives the write its place in the order of writes, so it
 * also decides the write's conditions.
 */
export interface Backend {
  readonly files: StoreFiles
  readonly events: Events
  /** What opening found. */
  readonly recovery: Recovery
  /** Undefined if the key is missing, deleted or expired. */
  get(key: string): StateValue | undefined
  has(key: string): boolean
  /** The next keys in key order with their values: at most `limit`, none at the end. */
  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][]
  pageOfKeys(query: KeyRangeQuery, limit: number): string[]
  propose(operation: Operation, conditions?: Conditions): Proposal
  flush(): Promise<void>
  compact(): Promise<void>
  verify(): Promise<Verification>
  reopen(): Promise<void>
  stats(): Stats
  health(): Health

  // What `changes` reads

  readonly storeId: string | undefined
  readonly checkpoint: CheckpointPlace
  /** The log under the descriptor that the state is read from: its name may refer to another file by now. */
  readonly logFile: OpenFile | undefined
  /** The last record that may be shown to others. */
  readonly acknowledged: RecordPosition
  /** Grows when a record that was shown may no longer count. */
  readonly historyVersion: number
}

export interface RecordPosition {
  readonly seq: number
  readonly crc: string
}

export interface Verification {
  ok: boolean
  damage: Recovery['damage']
  records: number
  parts: number
  bytes: number
}

/** Counters start when the store is opened. */
export interface Stats {
  [figure: string]: unknown
}

export interface Health {
  /** False after a failure, until `reopen`. */
  ok: boolean
  failure?: FlatlogError
  /** The last background failures, the oldest first. */
  problems: { at: string; error: FlatlogError }[]
}
