import { join } from 'node:path'
import { joinEngine } from '../engine/shared-engines.js'
import { checkName, isName } from '../log/names.js'
import { StoreFiles } from '../log/store-files.js'
import { MAX_BACKUPS, resolveOptions, type StoreOptions } from '../options.js'
import { ioError } from '../platform/errors.js'
import { COMPACTION_MIN_BYTES } from '../platform/limits.js'
import type { Machine } from '../platform/machine.js'
import { checkOptions } from '../store/arguments.js'
import type { Store } from '../store/store.js'
import { hasRecordsToCompact, iterateEntries, type LogEntry } from './log-entries.js'

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

/** Opens a store for one piece of work: nobody shares it, and whoever opens the store meanwhile waits. */
export type OpenTransient = (options: StoreOptions) => Promise<Store>

export interface LogsOptions {
  /** @default '.data' */
  dir?: string
}

export function openLogsOn(machine: Machine, openTransient: OpenTransient, options: LogsOptions = {}): Logs {
  checkOptions('openLogs', options, ['dir'])
  const { dir } = resolveOptions({ ...(options.dir !== undefined && { dir: options.dir }) })
  const { fileSystem } = machine
  const filesOf = (name: string) => new StoreFiles(machine, realPath(machine, dir), checkName(name))

  const logs: Logs = {
    dir,
    async names() {
      const directory = join(dir, 'logs')
      return describing('list', directory, () => logNames(machine, directory))
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
      return describing('read', log, () => fileSystem.status(log)?.sizeBytes ?? 0)
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
          // One log that is locked or damaged is no reason to leave the others as they are.
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
 * A log that no store of this process has open. What its owner chose (backups, main file, times) is not known here, so
 * nothing that the owner may have chosen to keep is given up.
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

function describing<T>(what: string, path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw ioError(what, path, error)
  }
}

function realPath(machine: Machine, dir: string): string {
  try {
    return machine.fileSystem.realPath(dir)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return dir
    throw ioError('read', dir, error)
  }
}
