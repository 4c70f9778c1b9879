// The original system's functions, bound to the bot's data directory.
import { type FlatlogError, type LogEntry, type Logs, openLogs, CompactionScheduler as Scheduler } from '@flatlog/core'
import { dataDir } from './config.js'

const logs = (): Logs => openLogs({ dir: dataDir() })

/** The records of a log, the oldest first. */
export function readLogEntries(name: string): Promise<LogEntry[]> {
  return logs().readLogEntries(name)
}

/** The size of a log in bytes, 0 where there is none. */
export function getLogSize(name: string): Promise<number> {
  return logs().getLogSize(name)
}

/** Whether a log is larger than that and holds records that compaction would fold into its checkpoint. */
export function needsCompaction(name: string, minBytes?: number): Promise<boolean> {
  return logs().needsCompaction(name, minBytes)
}

export function compactLog(name: string): Promise<{ bytesBefore: number; bytesAfter: number }> {
  return logs().compactLog(name)
}

export function compactAllLogs(): Promise<{ name: string; bytesBefore: number; bytesAfter: number }[]> {
  return logs().compactAllLogs()
}

/** Once an interval, compacts whichever of the named logs needs it. */
export class CompactionScheduler extends Scheduler {
  constructor(
    intervalMs = 3_600_000,
    options: { minBytes?: number; onProblem?: (error: FlatlogError, name: string) => void } = {},
  ) {
    super(logs(), intervalMs, options)
  }
}
