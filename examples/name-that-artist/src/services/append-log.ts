// The core's functions for looking after logs, bound to the bot's data directory.
import { type FlatlogError, type LogEntry, type Logs, openLogs, CompactionScheduler as Scheduler } from '@flatlog/core'
import { dataDir } from './config.js'

const logs = (): Logs => openLogs({ dir: dataDir() })

/** Returns the records of a log, oldest first. */
export function readLogEntries(name: string): Promise<LogEntry[]> {
  return logs().readLogEntries(name)
}

/** Returns the size of a log in bytes, or 0 if there is none. */
export function getLogSize(name: string): Promise<number> {
  return logs().getLogSize(name)
}

/** True if a log is larger than `minBytes` and has records after its checkpoint, which compaction would merge into it. */
export function needsCompaction(name: string, minBytes?: number): Promise<boolean> {
  return logs().needsCompaction(name, minBytes)
}

export function compactLog(name: string): Promise<{ bytesBefore: number; bytesAfter: number }> {
  return logs().compactLog(name)
}

export function compactAllLogs(): Promise<{ name: string; bytesBefore: number; bytesAfter: number }[]> {
  return logs().compactAllLogs()
}

/** Compacts, once per interval, those of the given logs that need it. */
export class CompactionScheduler extends Scheduler {
  constructor(
    intervalMs = 3_600_000,
    options: { minBytes?: number; onProblem?: (error: FlatlogError, name: string) => void } = {},
  ) {
    super(logs(), intervalMs, options)
  }
}
