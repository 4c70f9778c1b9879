import { encodeOperation } from '../format/encode.js'
import type { Operation } from '../format/record.js'
import { tooLong } from '../format/value.js'
import type { Lock } from '../lock/lock.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import type { GroupCommitOwner, PendingRecord, Proposal } from '../log/group-commit.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { type FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { PRESSED_TURN_MS } from '../platform/limits.js'
import { markHandled } from '../platform/promises.js'
import type { OpenedLog } from '../recovery/open-log.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import type { Backend, Health, RecordPosition, Stats, Verification } from './backend.js'
import { type Conditions, checkConditions } from './conditions.js'
import { LiveLog } from './live-log.js'
import { Maintenance } from './maintenance.js'
import { verify } from './verify.js'

/** One log that is open for writing. All handles of one process on it share one engine. */
export class Engine implements Backend, GroupCommitOwner {
  readonly #log: LiveLog
  readonly #maintenance: Maintenance
  #closing: Promise<void> | undefined
  #reopening: Promise<void> | undefined

  constructor(
    readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
    lock: Lock,
    opened: OpenedLog,
    /** Opens the log again after a failure; the bytes of the present file are not trusted. */
    private readonly openAgain: () => Promise<OpenedLog>,
  ) {
    this.#log = new LiveLog(files, options, lock, this, opened)
    this.#maintenance = new Maintenance(this.#log)
    this.#watchParts()
  }

  #watchParts(): void {
    this.#log.state.onBadPart = (part, range, line) => this.#maintenance.foundDamaged(part, range, line)
  }

  // Reading

  get(key: string): StateValue | undefined {
    return this.#log.state.get(key, this.files.clock.now())
  }

  has(key: string): boolean {
    return this.#log.state.has(key, this.files.clock.now())
  }

  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][] {
    return this.#log.state.page(query, limit, this.files.clock.now())
  }

  pageOfKeys(query: KeyRangeQuery, limit: number): string[] {
    return this.#log.state.pageOfKeys(query, limit, this.files.clock.now())
  }

  // Writing

  /** The write path: check, encode, number, apply to memory, hand to group commit. */
  propose(operation: Operation, conditions?: Conditions): Proposal {
    const log = this.#log
    if (log.failure) return this.#refused(log.failure)
    if (conditions !== undefined && 'key' in operation) {
      checkConditions(operation.key, (key) => this.get(key), conditions)
    }
    if (!this.#changesAnything(operation)) return this.#unchanged()

    const valueStarts: number[] = []
    const encoded = encodeOperation(operation, valueStarts)
    const refusal = tooLong(encoded, 'key' in operation ? operation.key : '')
    if (refusal) return this.#refused(refusal)

    const timestamp = log.timestamps.next()
    const seq = ++log.lastSeq
    const change = log.state.apply(operation, seq, this.options.times ? log.timestamps.lastMs : undefined)
    return log.groupCommit.add({ seq, timestamp, operation, encoded, valueStarts, change })
  }

  /** A delete of an absent key, a clear of nothing and an empty batch need no record. */
  #changesAnything(operation: Operation): boolean {
    switch (operation.kind) {
      case 'delete':
        return this.has(operation.key)
      case 'clear':
        return this.pageOfKeys({ prefix: operation.prefix, after: undefined }, 1).length > 0
      case 'batch':
        return operation.operations.length > 0
      case 'set':
      case 'replace':
        return true
    }
  }

  /** A key may be absent because of a record that is not acknowledged yet, so this is as certain as that record. */
  #unchanged(): Proposal {
    const { groupCommit, lastSeq } = this.#log
    return { done: markHandled(groupCommit.settled()), seq: lastSeq, crc: '', wasThere: false }
  }

  #refused(error: FlatlogError): Proposal {
    return { done: markHandled(Promise.reject(error)), seq: this.#log.lastSeq, crc: '', wasThere: false }
  }

  // For group commit

  onAcknowledged(records: readonly PendingRecord[]): void {
    const log = this.#log
    const { seq, crc } = records.at(-1) as PendingRecord
    log.acknowledged = { seq, crc }
    log.events.wakeWaiting()
    log.events.notify(records)
    this.#maintenance.afterWrite()
  }

  onFailed(error: FlatlogError): void {
    this.#log.noteFailure(error)
    this.#log.report(error)
  }

  onUndone(firstSeq: number): void {
    this.#log.lastSeq = firstSeq - 1
  }

  isLockHeld(): boolean {
    return this.#log.isLockHeld()
  }

  takeDelayMs(lastBytes: number): number {
    return this.#maintenance.takeDelayMs(lastBytes)
  }

  turnMs(): number | undefined {
    return this.#maintenance.isPressed ? PRESSED_TURN_MS : undefined
  }

  // Following

  get events() {
    return this.#log.events
  }
  get recovery() {
    return this.#log.recovery
  }
  get storeId(): string {
    return this.#log.storeId
  }
  get checkpoint(): CheckpointPlace {
    return this.#log.checkpoint
  }
  get logFile() {
    return this.#log.writer.file
  }
  get acknowledged(): RecordPosition {
    return this.#log.acknowledged
  }
  /** Always 0: no acknowledged record is taken back here. */
  readonly historyVersion = 0

  // Keeping

  flush(): Promise<void> {
    return this.#log.groupCommit.flush()
  }

  compact(): Promise<void> {
    return this.#maintenance.compact()
  }

  async verify(): Promise<Verification> {
    await this.flush()
    await this.#log.sideFiles.settled()
    // Last: while a compaction publishes, the log's name may refer to a file that is not written to yet.
    await this.#maintenance.idle()
    const { files, storeId, writer, sideFiles } = this.#log
    const { offset: endOffset, writtenSeq: lastSeq } = writer
    const log = { identity: identityOf(writer.file), endOffset, lastSeq }
    const verification = await verify(files, { storeId, log, mark: sideFiles.mark, mainFile: sideFiles.mainFile })
    for (const { file, offset } of verification.damage) this.#onDamage(file, offset)
    return verification
  }

  /** Heals a damaged part or rewrites a damaged side file, where possible. */
  #onDamage(fileName: string, offset: number): void {
    const { files, state, sideFiles } = this.#log
    if (fileName === files.markName) sideFiles.renewMark()
    if (fileName === files.mainName) sideFiles.renewMainFile()
    if (fileName !== files.logName) return
    try {
      state.checkPartAt(offset)
    } catch {
      // The result of `verify` names it.
    }
  }

  get failure(): FlatlogError | undefined {
    return this.#log.failure
  }

  /** Whether a compaction would move any record into the checkpoint. */
  get hasTail(): boolean {
    return this.#log.lastSeq > this.#log.checkpoint.seq
  }

  stats(): Stats {
    const { writer, checkpoint, groupCommit, state, acknowledged, lastSeq } = this.#log
    return {
      logBytes: writer.offset,
      checkpointBytes: checkpoint.bytes,
      checkpointSeq: checkpoint.seq,
      lastSeq,
      acknowledgedSeq: acknowledged.seq,
      syncedSeq: writer.syncedSeq,
      tailKeys: state.tailKeys,
      stateBytes: state.stateBytes,
      cachedBytes: state.cachedBytes,
      writes: groupCommit.writes,
      syncs: writer.syncs,
      bytesWritten: writer.bytesWritten,
      position: `${acknowledged.seq}:${acknowledged.crc}`,
      ...this.#maintenance.stats(),
      delayedWrites: groupCommit.delays,
      delayedMs: groupCommit.delayedMs,
    }
  }

  health(): Health {
    const { failure, events } = this.#log
    return { ok: failure === undefined, ...(failure && { failure }), problems: [...events.problems] }
  }

  /** After a failure: reads the log again, copies what is whole to a new file, and continues there. */
  reopen(): Promise<void> {
    if (!this.#log.failure) return Promise.resolve()
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  async #reopen(): Promise<void> {
    const log = this.#log
    // A compaction of the failed log gives up at its next step; it must not meet the new one.
    await this.#maintenance.idle()
    if (!log.isLockHeld()) throw log.failure
    log.groupCommit.stop()
    const former = log.writer
    if (!this.files.fileSystem.renamesOpenFiles) former.close()
    const opened = await this.openAgain()
    try {
      log.use(opened)
    } catch (error) {
      opened.file.close()
      throw error
    }
    this.#maintenance.reopened()
    this.#watchParts()
    former.close()
    log.events.wakeWaiting()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const log = this.#log
    await this.#reopening?.catch(() => {})
    const hadFailed = log.failure !== undefined
    try {
      await this.#maintenance.stop()
      // Acknowledged records that are not on disk yet never will be, and no call has reported that so far.
      if (!hadFailed && log.failure) throw log.failure
      if (!log.failure) {
        const refused = await this.flush().then(undefined, (error: unknown) => error)
        if (log.failure) throw log.failure
        // A write that was refused for lack of space keeps none of the others from being durable and described.
        if (refused) await log.groupCommit.sync()
        await this.#maintenance.writeSideFiles().catch((error: unknown) => log.report(error))
        if (refused) throw refused
      }
    } finally {
      // All that must be on disk was synced above, so a failure here must not keep the lock from being released.
      log.groupCommit.stop()
      log.writer.close()
      log.events.wakeWaiting()
      try {
        log.releaseLock()
      } catch (error) {
        log.report(error)
      }
    }
  }
}

function identityOf(file: OpenFile): string {
  try {
    return file.status().identity
  } catch (error) {
    throw ioError('verify', file.path, error)
  }
}
