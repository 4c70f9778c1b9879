import type { StoreBackend } from './backend.js'
import type { ChangeSource } from './change-source.js'
import { followChanges } from './changes.js'
import type { Engine } from './engine.js'

/** One handle's share of an engine that is open for writing. */
export function engineBackend(engine: Engine, release: () => Promise<void>): StoreBackend {
  const { events, maintenance } = engine
  const source = sourceOf(engine)
  return {
    name: engine.paths.name,
    get recovery() {
      return engine.recovery
    },
    now: () => engine.machine.clock.now(),
    lookUp: (key) => engine.lookUp(key),
    has: (key) => engine.index.has(key, engine.machine.clock.now()),
    page: (query, limit) => engine.page(query, limit),
    pageOfKeys: (query, limit) => engine.index.pageOfKeys(query, limit, engine.machine.clock.now()),
    checkWritable() {
      if (engine.queue.failure) throw engine.queue.failure
    },
    write: (operation, key) => engine.write(operation, key),
    settled: () => engine.queue.settled(),
    watch: (listener) => events.watch(listener),
    changes: (since, signal, isClosed) => followChanges(source, since, signal, isClosed),
    onProblem: (listener) => events.onProblem(listener),
    flush: () => engine.flush(),
    compact: () => maintenance.compact(),
    verify: () => maintenance.verify(),
    stats: () => ({
      logBytes: engine.writer.offset,
      checkpointBytes: engine.checkpoint.bytes,
      checkpointSeq: engine.checkpoint.seq,
      lastSeq: engine.lastSeq,
      acknowledgedSeq: engine.acknowledged.seq,
      syncedSeq: engine.writer.syncedSeq,
      tailKeys: engine.index.tailKeys,
      stateBytes: engine.index.stateBytes,
      cachedBytes: engine.index.cachedBytes,
      writes: engine.queue.writes,
      syncs: engine.writer.syncs,
      bytesWritten: engine.writer.bytesWritten,
      position: `${engine.acknowledged.seq}:${engine.acknowledged.crc}`,
      ...maintenance.stats(),
    }),
    health() {
      const { failure } = engine.queue
      return { ok: failure === undefined, ...(failure && { failure }), problems: [...events.problems] }
    },
    reopen: () => engine.reopen(),
    release() {
      // Followers of this handle wait for the next change; it is over for them.
      events.wakeWaiting()
      return release()
    },
  }
}

function sourceOf(engine: Engine): ChangeSource {
  const { machine, paths, events } = engine
  return {
    machine,
    paths,
    events,
    get storeId() {
      return engine.storeId
    },
    get checkpoint() {
      return engine.checkpoint
    },
    // The writer's own descriptor: the name may stand for another file in the midst of a compaction.
    get logFile() {
      return engine.writer.file
    },
    get acknowledged() {
      return engine.acknowledged
    },
    // What was acknowledged here counts for ever.
    history: 0,
  }
}
