import type { StoreBackend } from '../engine/backend.js'
import { followChanges } from '../engine/changes.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { Machine } from '../platform/machine.js'
import type { KeyIndex } from '../state/types.js'
import { Follower } from './follower.js'

/** The state on disk, while perhaps another process writes it: no lock, no repair, nothing is written. */
export async function openReadOnly(
  machine: Machine,
  paths: StorePaths,
  options: ResolvedOptions,
): Promise<StoreBackend> {
  let follower: Follower
  try {
    follower = await Follower.open(machine, paths, options)
  } catch (error) {
    throw ioError('read', paths.log, error)
  }
  const { events } = follower
  const refuse = (): never => {
    throw new FlatlogError(
      'FLATLOG_READ_ONLY',
      `The store ${JSON.stringify(paths.name)} was opened with readOnly: true. What to do: open it without, to write.`,
      { path: paths.log },
    )
  }
  const read = <T>(action: (index: KeyIndex, nowMs: number) => T): T => {
    try {
      return action(follower.index, machine.clock.now())
    } catch (error) {
      follower.recheckSoon()
      throw error
    }
  }
  return {
    name: paths.name,
    get recovery() {
      return follower.recovery
    },
    now: () => machine.clock.now(),
    lookUp: (key) => read((index, nowMs) => index.get(key, nowMs)),
    has: (key) => read((index, nowMs) => index.has(key, nowMs)),
    page: (query, limit) => read((index, nowMs) => index.page(query, limit, nowMs)),
    pageOfKeys: (query, limit) => read((index, nowMs) => index.pageOfKeys(query, limit, nowMs)),
    checkWritable: refuse,
    write: async () => refuse(),
    settled: async () => {},
    watch: (listener) => events.watch(listener),
    changes: (since, signal, isClosed) => followChanges(follower, since, signal, isClosed),
    onProblem: (listener) => events.onProblem(listener),
    flush: () => follower.look(),
    compact: async () => refuse(),
    verify: async () => refuse(),
    stats() {
      const { acknowledged, checkpoint, index, logBytes } = follower
      return {
        readOnly: true,
        logBytes,
        checkpointBytes: checkpoint.bytes,
        checkpointSeq: checkpoint.seq,
        lastSeq: acknowledged.seq,
        tailKeys: index.tailKeys,
        stateBytes: index.stateBytes,
        cachedBytes: index.cachedBytes,
        position: `${acknowledged.seq}:${acknowledged.crc}`,
      }
    },
    health() {
      const { failure } = follower
      return { ok: failure === undefined, ...(failure && { failure }), problems: [...events.problems] }
    },
    reopen: () => follower.readAgain(),
    release: () => follower.close(),
  }
}
