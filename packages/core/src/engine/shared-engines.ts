import type { ResolvedOptions } from '../options.js'
import { FlatlogError } from '../platform/errors.js'
import type { Engine } from './engine.js'

/**
 * An engine of this process and its handles. All calls that open the same log share one engine, also after a hot reload,
 * from two adapters, and from both builds of this package (ES module and CommonJS).
 */
interface Shared {
  readonly engine: Promise<Engine>
  readonly options: ResolvedOptions
  /** Opened for a single task with its own options. It is not shared: others wait until it is gone. */
  readonly isTransient: boolean
  handles: number
  /** Set while the engine closes. A new one is opened after that. */
  closing?: Promise<void>
  /** Resolved by `leave`, when the engine is closed or could not be opened. */
  readonly gone: Promise<void>
  readonly leave: () => void
}

/** Increase the number when engines of two versions cannot be shared; the lock file then separates them. */
const TABLE = Symbol.for('flatlog.engines.1')

/** The engines of this process, by the real path of their log. */
function table(): Map<string, Shared> {
  const holder = globalThis as { [TABLE]?: Map<string, Shared> }
  holder[TABLE] ??= new Map()
  return holder[TABLE]
}

/** Options of the engine itself, which all handles share. */
const SHARED_OPTIONS = ['durability', 'recovery', 'times', 'compaction'] as const

export interface SharedEngine {
  readonly engine: Engine
  /** Releases this handle. The last one closes the engine. Idempotent. */
  release(): Promise<void>
}

/** Returns a handle of the engine that is open at this path, or of a new one. */
export async function shareEngine(
  path: string,
  options: ResolvedOptions,
  isTransient: boolean,
  open: () => Promise<Engine>,
): Promise<SharedEngine> {
  const engines = table()
  let shared = engines.get(path)
  while (shared && isLeaving(shared)) {
    await shared.gone
    shared = engines.get(path)
  }
  // No await before the handle is counted: the engine could close meanwhile.
  if (shared) {
    // A single task takes the engine as it is.
    if (!isTransient) checkConflict(path, shared.options, options)
  } else {
    let leave!: () => void
    const gone = new Promise<void>((resolve) => {
      leave = resolve
    })
    const opened: Shared = { engine: open(), options, isTransient, handles: 0, gone, leave }
    engines.set(path, opened)
    // After a failed open, the next call tries again.
    opened.engine.catch(() => forget(path, opened))
    shared = opened
  }
  return share(path, shared)
}

/** Returns a handle of the engine that is open at this path in this process, if there is one. */
export async function joinEngine(path: string): Promise<SharedEngine | undefined> {
  let shared = table().get(path)
  while (shared && isLeaving(shared)) {
    await shared.gone
    shared = table().get(path)
  }
  return shared && (await share(path, shared).catch(() => undefined))
}

/** True if the engine takes no more handles, so that others wait until it is gone. */
function isLeaving({ closing, isTransient }: Shared): boolean {
  return closing !== undefined || isTransient
}

async function share(path: string, shared: Shared): Promise<SharedEngine> {
  shared.handles++
  const engine = await shared.engine
  let released: Promise<void> | undefined
  const release = () => {
    shared.handles--
    // A failed store has nothing to flush.
    if (shared.handles > 0) return engine.failure ? Promise.resolve() : engine.flush()
    shared.closing = engine.close().finally(() => forget(path, shared))
    return shared.closing
  }
  return {
    engine,
    release() {
      released ??= release()
      return released
    },
  }
}

function forget(path: string, shared: Shared): void {
  const engines = table()
  if (engines.get(path) === shared) engines.delete(path)
  shared.leave()
}

function checkConflict(path: string, there: ResolvedOptions, wanted: ResolvedOptions): void {
  const differing = SHARED_OPTIONS.filter((name) => JSON.stringify(there[name]) !== JSON.stringify(wanted[name]))
  if (differing.length === 0) return
  const differences = differing.map(
    (name) => `${name} is ${JSON.stringify(there[name])} there and ${JSON.stringify(wanted[name])} here`,
  )
  throw new FlatlogError(
    'FLATLOG_OPTIONS_CONFLICT',
    `${path} is open in this process with other options: ${differences.join(', ')}. What to do: open it with the same options ` +
      'everywhere, or close it first.',
    { path },
  )
}
