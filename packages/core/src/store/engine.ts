import type { Clock } from '../base/clock.js'
import { FlatlogError, ioError } from '../base/errors.js'
import { CLOCK_STEP_REPORTED_MS, MAX_RECORD_BYTES } from '../base/limits.js'
import type { FileSystem } from '../fs/file-system.js'
import type { Lock } from '../fs/lock.js'
import type { IndexedValue, KeyIndex, KeyRangeQuery } from '../index/key-index.js'
import { CommitQueue, type PendingRecord } from '../log/commit-queue.js'
import { LogWriter } from '../log/log-writer.js'
import type { StorePaths } from '../log/names.js'
import { encodeOperation } from '../record/encode.js'
import type { Operation } from '../record/record.js'
import { tooLarge } from '../record/value.js'
import { Events } from './events.js'
import type { OpenedLog } from './open-log.js'
import type { ResolvedOptions } from './options.js'
import type { Recovery } from './recovery.js'
import type { System } from './system.js'
import type { Verification } from './types.js'
import { Views } from './views.js'

/** What stands in a line beside the operation, at most. */
const LINE_OVERHEAD_BYTES = 128

/** Work on the log that goes on beside reading and writing; the layer above provides it. */
export interface Maintenance {
  /** Some records were acknowledged: perhaps the log wants compacting. */
  afterWrite(): void
  compact(): Promise<void>
  verify(): Promise<Verification>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  /** Starts nothing more and waits for what is under way. */
  stop(): Promise<void>
  /** What there is to say in `stats()`. */
  stats(): Record<string, unknown>
}

export type MaintenanceFactory = (engine: Engine) => Maintenance

/** Where the checkpoint of the log ends and what it covers. */
export interface CheckpointPlace {
  readonly seq: number
  readonly bytes: number
  /** The header's checksum. */
  readonly crc: string
}

/** One log that is open for writing: all handles of one process on it share one engine. */
export class Engine {
  readonly events = new Events()
  readonly maintenance: Maintenance
  readonly #fileSystem: FileSystem
  readonly #clock: Clock
  #index!: KeyIndex
  #writer!: LogWriter
  #queue!: CommitQueue
  #checkpoint!: CheckpointPlace
  #recovery!: Recovery
  #store!: string
  /** The last record that was given a number. */
  #lastSeq = 0
  #acknowledged = { seq: 0, crc: '' }
  #lastTimestampMs = 0
  #timestamp = ''
  #clockReported = false
  #views!: Views
  #closing: Promise<void> | undefined
  #reopening: Promise<void> | undefined

  constructor(
    readonly system: System,
    readonly paths: StorePaths,
    readonly options: ResolvedOptions,
    private readonly lock: Lock,
    opened: OpenedLog,
    createMaintenance: MaintenanceFactory,
  ) {
    this.#fileSystem = system.fileSystem
    this.#clock = system.clock
    this.maintenance = createMaintenance(this)
    this.#adopt(opened)
  }

  #adopt(opened: OpenedLog): void {
    const { durability, syncIntervalMs } = this.options
    // The one step that can fail comes first, so that nothing is half adopted.
    this.#views = new Views(this.system, this.paths, this.options, opened)
    this.#index = opened.index
    this.#recovery = opened.recovery
    this.#store = opened.store
    const { checkpointSeq: seq, checkpointBytes: bytes, checkpointCrc: crc } = opened
    this.#checkpoint = { seq, bytes, crc }
    this.#lastSeq = opened.lastSeq
    this.#acknowledged = { seq: opened.lastSeq, crc: opened.lastCrc }
    this.#lastTimestampMs = Date.parse(opened.lastTimestamp) || 0
    this.#timestamp = ''
    this.#writer = new LogWriter(this.paths.log, opened.file, opened.endOffset, opened.lastSeq)
    this.#queue = new CommitQueue(this.#writer, this.#clock, durability, syncIntervalMs, {
      acknowledged: (records) => this.#onAcknowledged(records),
      failed: (error) => this.#onFailed(error),
      undone: (firstSeq) => {
        this.#lastSeq = firstSeq - 1
      },
      ownsLog: () => this.ownsLog(),
    })
  }

  get index(): KeyIndex {
    return this.#index
  }
  get writer(): LogWriter {
    return this.#writer
  }
  get queue(): CommitQueue {
    return this.#queue
  }
  get views(): Views {
    return this.#views
  }
  get recovery(): Recovery {
    return this.#recovery
  }
  get storeId(): string {
    return this.#store
  }
  get checkpoint(): CheckpointPlace {
    return this.#checkpoint
  }
  get lastSeq(): number {
    return this.#lastSeq
  }
  /** The last record that a caller was told is durable, as far as was asked for. */
  get acknowledged(): { readonly seq: number; readonly crc: string } {
    return this.#acknowledged
  }

  lookUp(key: string): IndexedValue | undefined {
    return this.#index.get(key, this.#clock.now())
  }

  page(query: KeyRangeQuery, limit: number): [key: string, value: IndexedValue][] {
    return this.#index.page(query, limit, this.#clock.now())
  }

  /** The write path: operation → line → memory → commit queue → file → acknowledgement. */
  write(operation: Operation, key: string): Promise<void> {
    const { failure } = this.#queue
    if (failure) return rejected(failure)
    const encoded = encodeOperation(operation)
    if (encoded.length * 3 + LINE_OVERHEAD_BYTES > MAX_RECORD_BYTES) {
      const bytes = Buffer.byteLength(encoded) + LINE_OVERHEAD_BYTES
      if (bytes > MAX_RECORD_BYTES) return rejected(tooLarge(key, bytes))
    }
    const timestamp = this.stamp()
    const seq = ++this.#lastSeq
    const time = this.options.times ? this.#lastTimestampMs : undefined
    const undo = this.#index.apply(operation, seq, time)
    return this.#queue.add({ seq, timestamp, operation, encoded, undo })
  }

  /** The wall clock, or the last timestamp where the clock stands before that: times in the log never go back. */
  stamp(): string {
    const now = this.#clock.now()
    if (now > this.#lastTimestampMs) {
      this.#lastTimestampMs = now
      this.#timestamp = new Date(now).toISOString()
    } else if (this.#timestamp === '') {
      this.#timestamp = new Date(this.#lastTimestampMs).toISOString()
    }
    if (this.#lastTimestampMs - now > CLOCK_STEP_REPORTED_MS && !this.#clockReported) {
      this.#clockReported = true
      this.events.problem(clockStep(this.paths.log, now, this.#timestamp), new Date(now).toISOString())
    }
    return this.#timestamp
  }

  #onAcknowledged(records: readonly PendingRecord[]): void {
    const last = records.at(-1) as PendingRecord
    this.#acknowledged = { seq: last.seq, crc: last.crc as string }
    this.events.acknowledged(records)
    this.maintenance.afterWrite()
  }

  #onFailed(error: FlatlogError): void {
    try {
      this.lock.noteFailure(error.message)
    } catch {
      // The disk may refuse this too; the failure itself is what everyone hears of.
    }
    this.report(error)
  }

  report(error: unknown): void {
    const known = error instanceof FlatlogError ? error : ioError('maintain', this.paths.log, error)
    this.events.problem(known, new Date(this.#clock.now()).toISOString())
  }

  /** A compaction has put a new generation in the log's place. */
  checkpointed(place: CheckpointPlace): void {
    this.#checkpoint = place
  }

  flush(): Promise<void> {
    return this.#queue.flush()
  }

  /** False when somebody took the log over by force: then nothing may be written to its files any more. */
  ownsLog(): boolean {
    try {
      return this.lock.stillOurs()
    } catch {
      // A lock file that cannot be read just now says nothing against us.
      return true
    }
  }

  /** Writes what can be derived from the log: the main file, and the mark of what is on disk. */
  async writeViews(): Promise<void> {
    if (!this.ownsLog()) return
    const { syncedSeq } = this.#writer
    const state = { store: this.#store, lastSeq: this.#lastSeq, syncedSeq }
    await this.#views.write(this.#index, state, this.stamp(), () => this.flush())
  }

  /** After a failure: reads the log again, copies what is whole to a new file, and goes on there. */
  reopen(open: (isSuspect: boolean) => Promise<OpenedLog>): Promise<void> {
    if (!this.#queue.failure) return Promise.resolve()
    this.#reopening ??= this.#reopen(open).finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  async #reopen(open: (isSuspect: boolean) => Promise<OpenedLog>): Promise<void> {
    // A compaction of the failed log gives up at its next step; it must not meet the new one.
    await this.maintenance.idle()
    if (!this.ownsLog()) throw this.#queue.failure
    this.#queue.stop()
    const former = this.#writer
    if (!this.#fileSystem.renamesOpenFiles) former.close()
    const opened = await open(true)
    try {
      this.#adopt(opened)
    } catch (error) {
      opened.file.close()
      throw error
    }
    former.close()
    this.lock.clearFailure()
    this.events.wakeWaiting()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#reopening?.catch(() => {})
    try {
      await this.maintenance.stop()
      if (!this.#queue.failure) {
        await this.flush()
        await this.writeViews().catch((error: unknown) => this.report(error))
      }
    } finally {
      // Whatever fails here has been synced before, and must not keep the lock from being released.
      this.#queue.stop()
      this.#writer.close()
      this.events.wakeWaiting()
      try {
        this.lock.release()
      } catch (error) {
        this.report(error)
      }
    }
  }
}

export function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error)
  // Whoever does not wait for a write must not be brought down by it.
  promise.catch(() => {})
  return promise
}

function clockStep(path: string, now: number, timestamp: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CLOCK',
    `The clock says ${new Date(now).toISOString()}, but ${path} has records of ${timestamp}. They keep their order; new ` +
      'ones bear the later time until the clock has passed it. What to do: see that the clock is right.',
    { path },
  )
}
