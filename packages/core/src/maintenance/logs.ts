import { join } from 'node:path'
import { ioError } from '../base/errors.js'
import { checkName, storePaths } from '../log/names.js'
import { resolveOptions, type StoreOptions } from '../store/options.js'
import { engineOpenAt } from '../store/registry.js'
import type { Store } from '../store/store.js'
import type { System } from '../store/system.js'
import { iterateEntries, type LogEntry } from './log-entries.js'
import { DEFAULT_NEEDS_COMPACTION_BYTES } from './maintainer.js'

export interface CompactedLog {
  bytesBefore: number
  bytesAfter: number
}

/** The original system's functions, on the logs of one directory. */
export interface Logs {
  readonly dir: string
  /** The names of the logs in the directory, in order. */
  names(): Promise<string[]>
  /** All records; a checkpoint, also one in parts, is one of them with its whole state. */
  readLogEntries(name: string): Promise<LogEntry[]>
  /** The same one by one, for logs that are larger than memory. */
  iterateLogEntries(name: string): AsyncGenerator<LogEntry, void, undefined>
  /** Bytes; 0 where there is no such log. */
  getLogSize(name: string): Promise<number>
  /** True when the log is larger than `minBytes` and has records behind its checkpoint. @default 1048576 */
  needsCompaction(name: string, minBytes?: number): Promise<boolean>
  /** Through the engine that is open in this process, else opening one for as long as it takes. */
  compactLog(name: string): Promise<CompactedLog>
  compactAllLogs(): Promise<(CompactedLog & { name: string })[]>
}

type OpenStore = (options: StoreOptions) => Promise<Store>

export function openLogsOn(system: System, openStore: OpenStore, options: { dir?: string } = {}): Logs {
  const { dir } = resolveOptions({ ...(options.dir !== undefined && { dir: options.dir }) })
  const { fileSystem } = system
  const pathsOf = (name: string) => storePaths(realPath(system, dir), checkName(name))

  const logs: Logs = {
    dir,
    async names() {
      const directory = join(dir, 'logs')
      if (!fileSystem.status(directory)) return []
      return fileSystem
        .list(directory)
        .filter((fileName) => fileName.endsWith('.log'))
        .map((fileName) => fileName.slice(0, -'.log'.length))
        .sort()
    },
    async readLogEntries(name) {
      const entries: LogEntry[] = []
      for await (const entry of logs.iterateLogEntries(name)) entries.push(entry)
      return entries
    },
    async *iterateLogEntries(name) {
      yield* iterateEntries(system, pathsOf(name))
    },
    async getLogSize(name) {
      const { log } = pathsOf(name)
      try {
        return fileSystem.status(log)?.sizeBytes ?? 0
      } catch (error) {
        throw ioError('read', log, error)
      }
    },
    async needsCompaction(name, minBytes = DEFAULT_NEEDS_COMPACTION_BYTES) {
      if ((await logs.getLogSize(name)) <= minBytes) return false
      let isFirst = true
      for await (const entry of logs.iterateLogEntries(name)) {
        // A checkpoint is the first of a log's entries; anything else, or anything behind it, can be compacted.
        if (!isFirst || entry.op !== 'CHECKPOINT') return true
        isFirst = false
      }
      return false
    },
    async compactLog(name) {
      const bytesBefore = await logs.getLogSize(name)
      if (bytesBefore === 0) return { bytesBefore, bytesAfter: 0 }
      const open = await engineOpenAt(pathsOf(name).log)
      if (open) await open.maintenance.compact()
      else {
        // Nothing may start by itself in a store that is open for this one call.
        const store = await openStore({ dir, name, compaction: false })
        try {
          await store.compact()
        } finally {
          await store.close()
        }
      }
      return { bytesBefore, bytesAfter: await logs.getLogSize(name) }
    },
    async compactAllLogs() {
      const results: (CompactedLog & { name: string })[] = []
      for (const name of await logs.names()) results.push({ name, ...(await logs.compactLog(name)) })
      return results
    },
  }
  return logs
}

function realPath(system: System, dir: string): string {
  try {
    return system.fileSystem.realPath(dir)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return dir
    throw ioError('read', dir, error)
  }
}
