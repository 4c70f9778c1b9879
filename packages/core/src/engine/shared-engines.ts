import type { ResolvedOptions } from '../options.js'
import { FlatlogError } from '../platform/errors.js'
import type { Engine } from './engine.js'

/**
 * The engines of this process, by the real path of their log: whoever opens a store that is open here shares it. Hot
 * reload, two adapters on one file and the two builds of this package (ES module and CommonJS) all meet in one place.
 */
interface Shared {
  readonly engine: Promise<Engine>
  readonly options: ResolvedOptions
  /** Open for one piece of work and with options of its own: nobody joins it, all wait until it is gone. */
  readonly isTransient: boolean
  handles: number
  /** Set while the engine is on its way out; a new one begins when it is gone. */
  closing?: Promise<void>
  readonly gone: Promise<void>
  readonly leave: () => void
}

/** The number goes up with the first version whose engine is another; the lock file keeps those two apart. */
const TABLE = Symbol.for('flatlog.engines.1')

function table(): Map<string, Shared> {
  const holder = globalThis as { [TABLE]?: Map<string, Shared> }
  holder[TABLE] ??= new Map()
  return holder[TABLE]
}

/** Options that say how the one engine works, so that two handles cannot differ in them. */
const SHARED_OPTIONS = ['durability', 'recovery', 'times', 'compaction'] as const

export interface SharedEngine {
  readonly engine: Engine
  /** Gives this share back; the last one closes the engine. Idempotent. */
  release(): Promise<void>
}

export async function shareEngine(
  path: string,
  options: ResolvedOptions,
  isTransient: boolean,
  open: () => Promise<Engine>,
): Promise<SharedEngine> {
  const engines = table()
  await whenSettled(path)
  let shared = engines.get(path)
  if (shared) {
    checkConflict(path, shared.options, options)
  } else {
    let leave!: () => void
    const gone = new Promise<void>((resolve) => {
      leave = resolve
    })
    const opened: Shared = { engine: open(), options, isTransient, handles: 0, gone, leave }
    engines.set(path, opened)
    // A failed open is not remembered: the next one tries again.
    opened.engine.catch(() => forget(path, opened))
    shared = opened
  }
  return share(path, shared)
}

/** A share of the engine that is open in this process, if there is one. */
export async function joinEngine(path: string): Promise<SharedEngine | undefined> {
  await whenSettled(path)
  const shared = table().get(path)
  return shared && (await share(path, shared).catch(() => undefined))
}

/** What is about to leave has left. */
async function whenSettled(path: string): Promise<void> {
  for (;;) {
    const shared = table().get(path)
    if (!shared?.closing && !shared?.isTransient) return
    await shared.gone
  }
}

async function share(path: string, shared: Shared): Promise<SharedEngine> {
  shared.handles++
  const engine = await shared.engine
  let released: Promise<void> | undefined
  const release = () => {
    shared.handles--
    // A store that has failed has nothing more to flush, whichever of its handles is closed.
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
  const spelled = differing.map(
    (name) => `${name} (${JSON.stringify(there[name])} there, ${JSON.stringify(wanted[name])} here)`,
  )
  throw new FlatlogError(
    'FLATLOG_OPTIONS_CONFLICT',
    `${path} is open in this process with other options: ${spelled.join(', ')}. What to do: open it with the same options ` +
      'everywhere, or close it first.',
    { path },
  )
}
