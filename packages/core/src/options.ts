import type { Durability } from './log/group-commit.js'
import { checkName } from './log/store-files.js'
import { FlatlogError } from './platform/errors.js'
import {
  COMPACTION_GROWTH,
  COMPACTION_MIN_BYTES,
  DEFAULT_BACKUPS,
  DEFAULT_CACHE_BYTES,
  DEFAULT_LOCK_WAIT_MS,
  DEFAULT_SYNC_INTERVAL_MS,
} from './platform/limits.js'

export interface Progress {
  /**
   * What is being done: `replay`, the reading of the log at opening; or, where a directory of the original system is
   * taken over, `older-log` and `main-file`, the reading of its files, and `write`, the writing of the new log.
   */
  phase: string
  /** Bytes. */
  done: number
  total: number
}

export interface StoreOptions {
  /** The directory; it is made if it is missing. @default '.data' */
  dir?: string
  /** The store's name, a part of its files' names. @default 'store' */
  name?: string
  /**
   * What a resolved write survives. `'always'`: a power cut. `'interval'`: a crash of the process, and a power cut but
   * for the last `syncIntervalMs`. `'os'`: a crash of the process. @default 'always'
   */
  durability?: Durability
  /** With `durability: 'interval'`: how long a write may wait for the disk. 1 to 3,600,000. @default 1000 */
  syncIntervalMs?: number
  /** How much memory values may take that are also on disk. This version keeps all values in memory. @default 67108864 */
  cacheBytes?: number
  /**
   * When the log is rewritten: over `minBytes` (1,048,576), once the records behind the checkpoint are longer than
   * `growth` (1.0) times the checkpoint. `null`, `0` and `NaN` mean the default; `false` leaves it to you.
   */
  compaction?: false | null | { minBytes?: number | null; growth?: number | null }
  /** How many former generations of the log are kept. 0 to 1000. @default 3 */
  backups?: number
  /**
   * Whether `NAME.json` is kept beside the log, the state as plain JSON for people and other programs: `'auto'` up to
   * 16 MiB. It is written at checkpoint and close, and never read back. @default 'auto'
   */
  mainFile?: 'auto' | boolean
  /** `'repair'` goes on from what can be read, with a report; `'strict'` refuses to open a damaged log. @default 'repair' */
  recovery?: 'repair' | 'strict'
  /** Keep through compaction when each key was written (`getMeta().mtime`). Costs some bytes a key. @default false */
  times?: boolean
  /** Without a lock and without writing anything; follows what another process writes. @default false */
  readOnly?: boolean
  /** How long to wait for another process to let go of the store. 0 to 3,600,000. @default 2000 */
  lockWaitMs?: number
  /** Take the lock from whoever holds it. Two processes that write to one log destroy it. @default false */
  takeOver?: boolean
  /** Called now and then during work that takes long. */
  onProgress?: (progress: Progress) => void
}

export interface CompactionLimits {
  readonly minBytes: number
  readonly growth: number
}

/** Options with every default in its place. */
export interface ResolvedOptions {
  readonly dir: string
  readonly name: string
  readonly durability: Durability
  readonly syncIntervalMs: number
  readonly cacheBytes: number
  readonly compaction: CompactionLimits | false
  readonly backups: number
  readonly mainFile: 'auto' | boolean
  readonly recovery: 'repair' | 'strict'
  readonly times: boolean
  readonly readOnly: boolean
  readonly lockWaitMs: number
  readonly takeOver: boolean
  readonly onProgress: (progress: Progress) => void
}

const HOUR_MS = 3_600_000
export const MAX_BACKUPS = 1000
const KNOWN = new Set([
  ...['dir', 'name', 'durability', 'syncIntervalMs', 'cacheBytes', 'compaction', 'backups', 'mainFile', 'recovery'],
  ...['times', 'readOnly', 'lockWaitMs', 'takeOver', 'onProgress'],
])

export function resolveOptions(options: StoreOptions = {}): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  // A misspelt option would silently be its default.
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) throw invalid(key, (options as Record<string, unknown>)[key], 'no option of openStore')
  }
  const { dir = '.data', onProgress = () => {} } = options
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) throw invalid('dir', dir, 'the path of a directory')
  if (typeof onProgress !== 'function') throw invalid('onProgress', onProgress, 'a function')
  return {
    dir,
    name: checkName(options.name === undefined ? 'store' : options.name),
    durability: oneOf('durability', options.durability, ['always', 'interval', 'os']),
    syncIntervalMs: whole('syncIntervalMs', options.syncIntervalMs, DEFAULT_SYNC_INTERVAL_MS, 1, HOUR_MS),
    cacheBytes: whole('cacheBytes', options.cacheBytes, DEFAULT_CACHE_BYTES, 0, Number.MAX_SAFE_INTEGER),
    compaction: compactionLimits(options.compaction),
    backups: whole('backups', options.backups, DEFAULT_BACKUPS, 0, MAX_BACKUPS),
    mainFile: oneOf('mainFile', options.mainFile, ['auto', true, false]),
    recovery: oneOf('recovery', options.recovery, ['repair', 'strict']),
    times: oneOf('times', options.times, [false, true]),
    readOnly: oneOf('readOnly', options.readOnly, [false, true]),
    lockWaitMs: whole('lockWaitMs', options.lockWaitMs, DEFAULT_LOCK_WAIT_MS, 0, HOUR_MS),
    takeOver: oneOf('takeOver', options.takeOver, [false, true]),
    onProgress,
  }
}

function invalid(option: string, given: unknown, wanted: string): FlatlogError {
  const spelled = typeof given === 'string' ? JSON.stringify(given) : String(given)
  return new FlatlogError(
    'FLATLOG_INVALID_OPTION',
    `The option ${option} is ${spelled}; what is expected is ${wanted}. What to do: correct it or leave it out.`,
  )
}

/** The first of the values is the default. */
function oneOf<T>(option: string, given: T | undefined, values: readonly [T, ...T[]]): T {
  if (given === undefined) return values[0]
  if (!values.includes(given)) throw invalid(option, given, values.map((value) => JSON.stringify(value)).join(' or '))
  return given
}

function whole(option: string, given: number | undefined, byDefault: number, min: number, max: number): number {
  if (given === undefined) return byDefault
  if (!Number.isSafeInteger(given) || given < min || given > max) {
    throw invalid(option, given, `a whole number from ${min} to ${max}`)
  }
  return given
}

/** Nothing that means "not set" somewhere may switch compaction off or let the log grow without bound. */
function compactionLimits(given: StoreOptions['compaction']): CompactionLimits | false {
  if (given === false) return false
  const { minBytes, growth } = given ?? {}
  if (given !== undefined && typeof given !== 'object') {
    throw invalid('compaction', given, 'false, or an object with minBytes and growth')
  }
  for (const key of Object.keys(given ?? {})) {
    if (key !== 'minBytes' && key !== 'growth') throw invalid(`compaction.${key}`, 'there', 'minBytes or growth')
  }
  return {
    minBytes: limit('compaction.minBytes', minBytes, COMPACTION_MIN_BYTES),
    growth: limit('compaction.growth', growth, COMPACTION_GROWTH),
  }
}

function limit(option: string, given: number | null | undefined, byDefault: number): number {
  if (given === undefined || given === null || given === 0 || Number.isNaN(given)) return byDefault
  if (typeof given !== 'number' || given < 0 || !Number.isFinite(given))
    throw invalid(option, given, 'a number above 0')
  return given
}
