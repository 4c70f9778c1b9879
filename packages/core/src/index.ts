/** The public API: runs the layers on this machine's file system, clock and processes. */

import { type Logs, type LogsOptions, openLogsOn } from './logs/logs.js'
import type { StoreOptions } from './options.js'
import { thisMachine } from './platform/machine.js'
import { openStoreOn } from './store/open-store.js'
import type { Store } from './store/store.js'

/** Opens a store, and creates it if it is missing. Calls that open the same store in one process share it. */
export function openStore(options?: StoreOptions): Promise<Store> {
  return openStoreOn(thisMachine(), options)
}

/** Lists, reads and compacts the logs of a directory. */
export function openLogs(options?: LogsOptions): Logs {
  const openTransient = (own: StoreOptions) => openStoreOn(thisMachine(), own, true)
  return openLogsOn(thisMachine(), openTransient, options)
}

export type { Health, Stats, Verification } from './engine/backend.js'
export type { Change, ChangeOperation, Unsubscribe } from './engine/events.js'
export type { Damage, Recovery, RecoverySource } from './log/damage-report.js'
export type { Durability } from './log/group-commit.js'
export type { LogEntry } from './logs/log-entries.js'
export type { CompactedLog, Logs, LogsOptions } from './logs/logs.js'
export { CompactionScheduler, type SchedulerOptions } from './logs/scheduler.js'
export type { Progress, StoreOptions } from './options.js'
export { FlatlogError, type FlatlogErrorCode } from './platform/errors.js'
export type { WriteOptions } from './store/arguments.js'
export type { Store } from './store/store.js'
export type { BatchOperation, ListOptions, Meta, StoredForm, TextOptions } from './store/types.js'
export type { UpdateOptions } from './store/updates.js'
