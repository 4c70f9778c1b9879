import { join } from 'node:path'
import { joinEngine } from '../engine/shared-engines.js'
import { checkName, isName } from '../log/names.js'
import { StoreFiles } from '../log/store-files.js'
import { MAX_BACKUPS, resolveOptions, type StoreOptions } from '../options.js'
import { ioError, withPath } from '../platform/errors.js'
import { COMPACTION_MIN_BYTES } from '../platform/limits.js'
import type { Machine } from '../platform/machine.js'
import { checkOptions } from '../store/arguments.js'
import type { Store } from '../store/store.js'
import { hasRecordsToCompact, iterateEntries, type LogEntry } from './log-entries.js'

export interface CompactedLog {
  bytesBefore: number
  bytesAfter: number
}

/** Lists, reads and compacts the logs of one directory. */
export interface Logs {
  readonly dir: string
  /** The names of the logs in the directory, sorted. */
  names(): Promise<string[]>
  /** The checkpoint with the whole state, and all records after it. */
  readLogEntries(name: string): Promise<LogEntry[]>
  /** Yields the same entries one by one. Only the first, the checkpoint with the whole state, must fit into memory. */
  iterateLogEntries(name: string): AsyncGenerator<LogEntry, void, undefined>
  /** Length in bytes; 0 if there is no such log. */
  getLogSize(name: string): Promise<number>
  /** True if the log is larger than `minBytes` and has records after its checkpoint. @default 1048576 */
  needsCompaction(name: string, minBytes?: number): Promise<boolean>
  /** Compacts a log. If its store is not open in this process, opens it for that long. */
  compactLog(name: string): Promise<CompactedLog>
  /** Compacts every log of the directory, and then throws the first error if one failed. */
  compactAllLogs(): Promise<(CompactedLog & { name: string })[]>
}

/** Opens a store for a single task. It is not shared: other calls that open the store wait until it is closed. */
export type OpenTransient = (options: StoreOptions) => Promise<Store>

export interface LogsOptions {
  /** @default '.data' */
  dir?: string
}

/** The logs of a directory, on a machine of its own for tests. Its functions need no `this`: callers may take them apart. */
export function openLogsOn(machine: Machine, openTransient: OpenTransient, options: LogsOptions = {}): Logs {
  checkOptions('openLogs', options, ['dir'])
  const { dir } = resolveOptions({ ...(options.dir !== undefined && { dir: options.dir }) })
  const { fileSystem } = machine
  const filesOf = (name: string) => new StoreFiles(machine, realPath(machine, dir), checkName(name))

  const logs: Logs = {
    dir,
    async names() {
      const directory = join(dir, 'logs')
      return withPath('list', directory, () => logNames(machine, directory))
    },
    async readLogEntries(name) {
      const entries: LogEntry[] = []
      for await (const entry of logs.iterateLogEntries(name)) entries.push(entry)
      return entries
    },
    async *iterateLogEntries(name) {
      yield* iterateEntries(filesOf(name))
    },
    async getLogSize(name) {
      const { log } = filesOf(name)
      return withPath('read', log, () => fileSystem.status(log)?.sizeBytes ?? 0)
    },
    async needsCompaction(name, minBytes = COMPACTION_MIN_BYTES) {
      if ((await logs.getLogSize(name)) <= minBytes) return false
      const files = filesOf(name)
      const open = await joinEngine(files.log)
      if (!open) return await hasRecordsToCompact(files)
      try {
        return open.engine.hasTail
      } finally {
        await open.release()
      }
    },
    async compactLog(name) {
      const bytesBefore = await logs.getLogSize(name)
      if (bytesBefore === 0) return { bytesBefore, bytesAfter: 0 }
      const files = filesOf(name)
      const open = await joinEngine(files.log)
      if (open) await open.engine.compact().finally(() => open.release())
      else await compactClosed(files, openTransient)
      return { bytesBefore, bytesAfter: await logs.getLogSize(name) }
    },
    async compactAllLogs() {
      const results: (CompactedLog & { name: string })[] = []
      let failure: unknown
      for (const name of await logs.names()) {
        try {
          results.push({ name, ...(await logs.compactLog(name)) })
        } catch (error) {
          // A locked or damaged log must not prevent the compaction of the others.
          failure ??= error
        }
      }
      if (failure) throw failure
      return results
    },
  }
  return logs
}

/**
 * Compacts a log whose store is not open in this process. The options of its owner are not known here, so this keeps
 * all backups, the times, and the main file if there is one.
 */
async function compactClosed(files: StoreFiles, openTransient: OpenTransient): Promise<void> {
  const { directory: dir, name } = files
  const mainFile = files.status(files.main) ? 'auto' : false
  const store = await openTransient({ dir, name, mainFile, compaction: false, backups: MAX_BACKUPS, times: true })
  try {
    await store.compact()
  } finally {
    await store.close()
  }
}

function logNames({ fileSystem }: Machine, directory: string): string[] {
  if (!fileSystem.status(directory)) return []
  return fileSystem
    .list(directory)
    .filter((fileName) => fileName.endsWith('.log'))
    .map((fileName) => fileName.slice(0, -'.log'.length))
    .filter((name) => isName(name) && fileSystem.status(join(directory, `${name}.log`))?.kind === 'file')
    .sort()
}

function realPath(machine: Machine, dir: string): string {
  try {
    return machine.fileSystem.realPath(dir)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return dir
    throw ioError('read', dir, error)
  }
}
