import { encodeOperation } from '../format/encode.js'
import type { Operation } from '../format/record.js'
import { tooLong } from '../format/value.js'
import { holds, type Lock } from '../lock/lock.js'
import type { PendingRecord } from '../log/batch.js'
import type { Recovery } from '../log/damage-report.js'
import { GroupCommit } from '../log/group-commit.js'
import { LogWriter } from '../log/log-writer.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Clock } from '../platform/clock.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { FileSystem } from '../platform/file-system.js'
import { PRESSED_TURN_MS } from '../platform/limits.js'
import type { Machine } from '../platform/machine.js'
import { markHandled } from '../platform/promises.js'
import type { OpenedLog } from '../recovery/opened-log.js'
import type { KeyIndex, KeyRangeQuery, StateValue } from '../state/types.js'
import type { CheckpointPlace } from './change-source.js'
import { Events } from './events.js'
import type { Maintenance } from './maintenance.js'
import { type MainFileStep, SideFiles } from './side-files.js'
import { Timestamps } from './timestamps.js'

export type MaintenanceFactory = (engine: Engine) => Maintenance

/** One log that is open for writing: all handles of one process on it share one engine. */
export class Engine {
  readonly events = new Events()
  readonly maintenance: Maintenance
  readonly #fileSystem: FileSystem
  readonly #clock: Clock
  #index!: KeyIndex
  #writer!: LogWriter
  #queue!: GroupCommit
  #checkpoint!: CheckpointPlace
  #recovery!: Recovery
  #store!: string
  /** The last record that was given a number. */
  #lastSeq = 0
  #acknowledged = { seq: 0, crc: '' }
  readonly #timestamps: Timestamps
  #views!: SideFiles
  #closing: Promise<void> | undefined
  #reopening: Promise<void> | undefined

  constructor(
    readonly machine: Machine,
    readonly paths: StorePaths,
    readonly options: ResolvedOptions,
    private readonly lock: Lock,
    opened: OpenedLog,
    /** Reads the log again, from the files. */
    private readonly openLog: (isSuspect: boolean) => Promise<OpenedLog>,
    createMaintenance: MaintenanceFactory,
  ) {
    this.#fileSystem = machine.fileSystem
    this.#clock = machine.clock
    this.#timestamps = new Timestamps(machine.clock, paths.log, (error) => this.report(error))
    this.maintenance = createMaintenance(this)
    this.#adopt(opened)
  }

  #adopt(opened: OpenedLog): void {
    const { durability, syncIntervalMs } = this.options
    // What can fail comes first, so that nothing is half adopted.
    const views = new SideFiles(this.machine, this.paths, this.options, opened)
    this.lock.clearFailure()
    this.#views = views
    this.#index = opened.index
    this.#index.onBadPart = (part, range, line) => this.maintenance.foundDamaged(part, range, line)
    this.#recovery = opened.recovery
    this.#store = opened.store
    const { checkpointSeq: seq, checkpointBytes: bytes, checkpointCrc: crc } = opened
    this.#checkpoint = { seq, bytes, crc }
    this.#lastSeq = opened.lastSeq
    this.#acknowledged = { seq: opened.lastSeq, crc: opened.lastCrc }
    this.#timestamps.continueAfter(opened.lastTimestamp)
    this.#writer = new LogWriter(this.paths.log, opened.file, opened.endOffset, opened.lastSeq)
    this.#queue = new GroupCommit(this.#writer, this.#clock, durability, syncIntervalMs, {
      acknowledged: (records) => this.#onAcknowledged(records),
      failed: (error) => this.#onFailed(error),
      undone: (firstSeq) => {
        this.#lastSeq = firstSeq - 1
      },
      ownsLog: () => this.ownsLog(),
      delayMs: (lastBytes) => this.maintenance.delayMs(lastBytes),
      turnMs: () => (this.maintenance.isPressed ? PRESSED_TURN_MS : undefined),
    })
    this.lock.keepReserve()
  }

  get index(): KeyIndex {
    return this.#index
  }
  get writer(): LogWriter {
    return this.#writer
  }
  get queue(): GroupCommit {
    return this.#queue
  }
  get views(): SideFiles {
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

  lookUp(key: string): StateValue | undefined {
    return this.#index.get(key, this.#clock.now())
  }

  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][] {
    return this.#index.page(query, limit, this.#clock.now())
  }

  /** The write path: operation → line → memory → commit queue → file → acknowledgement. */
  write(operation: Operation, key: string): Promise<void> {
    const { failure } = this.#queue
    if (failure) return markHandled(Promise.reject(failure))
    const valueStarts = operation.kind === 'batch' || operation.kind === 'replace' ? [] : undefined
    const encoded = encodeOperation(operation, valueStarts)
    const refusal = tooLong(encoded, key)
    if (refusal) return markHandled(Promise.reject(refusal))
    const timestamp = this.stamp()
    const seq = ++this.#lastSeq
    const time = this.options.times ? this.#timestamps.lastMs : undefined
    const effect = this.#index.apply(operation, seq, time)
    const crc = ''
    return this.#queue.add({
      seq,
      timestamp,
      operation,
      encoded,
      valueStarts,
      effect,
      crc,
      encodedEnd: 0,
      isAscii: true,
    })
  }

  stamp(): string {
    return this.#timestamps.next()
  }

  #onAcknowledged(records: readonly PendingRecord[]): void {
    const last = records.at(-1) as PendingRecord
    this.#acknowledged = { seq: last.seq, crc: last.crc }
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
    return holds(this.lock)
  }

  /** Writes what is derived from the log: the main file and the mark. */
  async writeSideFiles(mainFileStep: MainFileStep = 'write'): Promise<void> {
    if (!this.ownsLog()) return
    const { syncedSeq } = this.#writer
    const isToBeChecked = this.maintenance.isDamaged
    const state = { store: this.#store, lastSeq: this.#lastSeq, syncedSeq, isToBeChecked, mainFileStep }
    await this.#views.write(this.#index, state, this.stamp(), () => this.flush())
  }

  /** After a failure: reads the log again, copies what is whole to a new file, and goes on there. */
  reopen(): Promise<void> {
    if (!this.#queue.failure) return Promise.resolve()
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  async #reopen(): Promise<void> {
    // A compaction of the failed log gives up at its next step; it must not meet the new one.
    await this.maintenance.idle()
    if (!this.ownsLog()) throw this.#queue.failure
    this.#queue.stop()
    const former = this.#writer
    if (!this.#fileSystem.renamesOpenFiles) former.close()
    const opened = await this.openLog(true)
    try {
      this.#adopt(opened)
    } catch (error) {
      opened.file.close()
      throw error
    }
    former.close()
    this.events.wakeWaiting()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#reopening?.catch(() => {})
    const hadFailed = this.#queue.failure !== undefined
    try {
      await this.maintenance.stop()
      // What was acknowledged and is not on disk yet will not come there: nobody has heard of that so far.
      if (!hadFailed && this.#queue.failure) throw this.#queue.failure
      if (!this.#queue.failure) {
        await this.flush()
        await this.writeSideFiles().catch((error: unknown) => this.report(error))
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
