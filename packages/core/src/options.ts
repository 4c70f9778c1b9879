import { DURABILITIES, type Durability } from './log/group-commit.js'
import { checkName } from './log/names.js'
import { FlatlogError, invalidOption, unknownOption } from './platform/errors.js'
import {
  COMPACTION_GROWTH,
  COMPACTION_MIN_BYTES,
  DEFAULT_BACKUPS,
  DEFAULT_CACHE_BYTES,
  DEFAULT_LOCK_WAIT_MS,
  DEFAULT_SYNC_INTERVAL_MS,
} from './platform/limits.js'

/** How far a long piece of work has come. */
export interface Progress {
  /**
   * The work. `'replay'`: the log is read at opening. `'older-log'`, `'main-file'` and `'write'`: a format 0 log or
   * its main file is read, and the new log is written.
   */
  phase: string
  /** Bytes done so far. */
  done: number
  /** Bytes in all. */
  total: number
}

/**
 * Options of `openStore`. An unknown option or a bad value is `FLATLOG_INVALID_OPTION`. If a process opens a store
 * more than once, `durability`, `recovery`, `times` and `compaction` must agree (`FLATLOG_OPTIONS_CONFLICT`).
 */
export interface StoreOptions {
  /** The directory of the store. Created if it is missing. @default '.data' */
  dir?: string
  /**
   * The name of the store, from which the names of its files are made: 1 to 100 of `A-Z a-z 0-9 . _ -`. A name that
   * cannot be used is `FLATLOG_INVALID_NAME`. @default 'store'
   */
  name?: string
  /**
   * What a resolved write survives. `'always'`: a power cut; the write waits for the disk, and writes that are made
   * together share one sync. `'interval'`: a crash of the process; a power cut may take the writes of the last
   * `syncIntervalMs`. `'os'`: a crash of the process; the operating system decides when to write to the disk.
   * @default 'always'
   */
  durability?: Durability
  /** With `durability: 'interval'`, the time between syncs in ms: 1 to 3,600,000. @default 1000 */
  syncIntervalMs?: number
  /**
   * About how many bytes of memory cached values may take, counting 160 bytes for each beside its text. Values that
   * are not cached are read from the log. `0` caches nothing. @default 67108864
   */
  cacheBytes?: number
  /**
   * When the log is compacted: once it is longer than `minBytes` (default 1,048,576) and the records after its
   * checkpoint are longer than `growth` (default 1) times the checkpoint or name more than 250,000 keys. Writing goes
   * on meanwhile. `null`, `0` and `NaN` mean the default; `false` leaves it to `compact()`.
   */
  compaction?: false | null | { minBytes?: number | null; growth?: number | null }
  /**
   * How many former generations of the log are kept, each about as long as the log was: 0 to 1000. Damage is healed
   * from them, and `changes()` reads them. @default 3
   */
  backups?: number
  /**
   * Whether to keep `NAME.json` beside the log: the state as plain JSON for people and other programs, written at
   * checkpoint and close and never read back. `'auto'`: while it is at most 16 MiB long. @default 'auto'
   */
  mainFile?: 'auto' | boolean
  /**
   * What to do with a damaged log. `'repair'`: heal it from the backups, and report what is lost in `store.recovery`.
   * `'strict'`: change nothing and throw `FLATLOG_CORRUPT`. @default 'repair'
   */
  recovery?: 'repair' | 'strict'
  /** Keep the time of each write through compaction, for `getMeta(key).mtime`; a few bytes a key. @default false */
  times?: boolean
  /**
   * Open without a lock and write nothing. The store follows what another process writes, about 100 ms later; writing
   * throws `FLATLOG_READ_ONLY`. @default false
   */
  readOnly?: boolean
  /**
   * How long to wait for another process to close the store, in ms: 0 to 3,600,000. After that, opening throws
   * `FLATLOG_LOCKED`. @default 2000
   */
  lockWaitMs?: number
  /**
   * Take the lock even if another process holds it. Use it only if that process is certainly gone: two processes that
   * write to one log destroy it. @default false
   */
  takeOver?: boolean
  /** Called now and then while a log is read or converted. */
  onProgress?: (progress: Progress) => void
}

export interface CompactionLimits {
  readonly minBytes: number
  readonly growth: number
}

/** The options of a store with all defaults filled in. */
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
/** The compiler reports an option that is missing here. */
const KNOWN: Readonly<Record<keyof StoreOptions, true>> = {
  dir: true,
  name: true,
  durability: true,
  syncIntervalMs: true,
  cacheBytes: true,
  compaction: true,
  backups: true,
  mainFile: true,
  recovery: true,
  times: true,
  readOnly: true,
  lockWaitMs: true,
  takeOver: true,
  onProgress: true,
}

/** Checks the options and fills in the defaults. Throws FLATLOG_INVALID_OPTION or FLATLOG_INVALID_NAME. */
export function resolveOptions(options: StoreOptions = {}): ResolvedOptions {
  if (typeof options !== 'object' || options === null) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      'The options of openStore must be an object. What to do: pass one, for instance { dir: "data", name: "players" }.',
    )
  }
  // A misspelled option would silently have its default.
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name)) throw unknownOption(name, Object.keys(KNOWN))
  }
  const { dir = '.data', onProgress = () => {} } = options
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) {
    throw invalidOption('dir', dir, 'the path of a directory')
  }
  if (typeof onProgress !== 'function') throw invalidOption('onProgress', onProgress, 'a function')
  return {
    dir,
    name: checkName(options.name === undefined ? 'store' : options.name),
    durability: oneOf('durability', options.durability, DURABILITIES),
    syncIntervalMs: wholeNumber('syncIntervalMs', options.syncIntervalMs, DEFAULT_SYNC_INTERVAL_MS, 1, HOUR_MS),
    cacheBytes: wholeNumber('cacheBytes', options.cacheBytes, DEFAULT_CACHE_BYTES, 0, Number.MAX_SAFE_INTEGER),
    compaction: compactionLimits(options.compaction),
    backups: wholeNumber('backups', options.backups, DEFAULT_BACKUPS, 0, MAX_BACKUPS),
    mainFile: oneOf('mainFile', options.mainFile, ['auto', true, false]),
    recovery: oneOf('recovery', options.recovery, ['repair', 'strict']),
    times: oneOf('times', options.times, [false, true]),
    readOnly: oneOf('readOnly', options.readOnly, [false, true]),
    lockWaitMs: wholeNumber('lockWaitMs', options.lockWaitMs, DEFAULT_LOCK_WAIT_MS, 0, HOUR_MS),
    takeOver: oneOf('takeOver', options.takeOver, [false, true]),
    onProgress,
  }
}

/** The first value is the default. */
function oneOf<T>(option: string, given: T | undefined, values: readonly [T, ...T[]]): T {
  if (given === undefined) return values[0]
  if (!values.includes(given)) {
    throw invalidOption(option, given, values.map((value) => JSON.stringify(value)).join(' or '))
  }
  return given
}

function wholeNumber(option: string, given: number | undefined, byDefault: number, min: number, max: number): number {
  if (given === undefined) return byDefault
  if (!Number.isSafeInteger(given) || given < min || given > max) {
    throw invalidOption(option, given, `a whole number from ${min} to ${max}`)
  }
  return given
}

/** Only `false` turns compaction off. A limit that is not set must not let the log grow without bound. */
function compactionLimits(given: StoreOptions['compaction']): CompactionLimits | false {
  if (given === false) return false
  if (given !== undefined && typeof given !== 'object') {
    throw invalidOption('compaction', given, 'false, or an object with minBytes and growth')
  }
  for (const name of Object.keys(given ?? {})) {
    if (name !== 'minBytes' && name !== 'growth') {
      throw unknownOption(`compaction.${name}`, ['compaction.minBytes', 'compaction.growth'])
    }
  }
  const { minBytes, growth } = given ?? {}
  return {
    minBytes: limit('compaction.minBytes', minBytes, COMPACTION_MIN_BYTES),
    growth: limit('compaction.growth', growth, COMPACTION_GROWTH),
  }
}

function limit(option: string, given: number | null | undefined, byDefault: number): number {
  if (given === undefined || given === null || given === 0 || Number.isNaN(given)) return byDefault
  if (typeof given !== 'number' || given < 0 || !Number.isFinite(given)) {
    throw invalidOption(option, given, 'a number above 0')
  }
  return given
}
