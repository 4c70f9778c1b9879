import type { Lock } from '../lock/lock.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import type { Recovery } from '../log/damage-report.js'
import { GroupCommit, type GroupCommitOwner } from '../log/group-commit.js'
import { LogWriter } from '../log/log-writer.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { OpenedLog } from '../recovery/open-log.js'
import type { State } from '../state/state.js'
import type { RecordPosition } from './backend.js'
import { Events } from './events.js'
import { SideFiles } from './side-files.js'
import { Timestamps } from './timestamps.js'

/**
 * The log that is open for writing: its end, its state, and the files beside it. The engine writes to it, maintenance
 * works on it. The constructor calls `use` with the log as it was opened; after a failure, the engine calls it with the
 * log as it was opened again.
 */
export class LiveLog {
  readonly events = new Events()
  readonly timestamps: Timestamps

  // Set by `use`.
  state!: State
  writer!: LogWriter
  groupCommit!: GroupCommit
  sideFiles!: SideFiles
  recovery!: Recovery
  storeId!: string
  checkpoint!: CheckpointPlace
  /** The last record that was given a number. */
  lastSeq!: number
  /** The last record that was acknowledged. */
  acknowledged!: RecordPosition

  constructor(
    readonly files: StoreFiles,
    readonly options: ResolvedOptions,
    private readonly lock: Lock,
    private readonly owner: GroupCommitOwner,
    opened: OpenedLog,
  ) {
    this.timestamps = new Timestamps(files.clock, files.log, (error) => this.report(error))
    this.use(opened)
  }

  use(opened: OpenedLog): void {
    const { files, options } = this
    // `SideFiles` may throw, so it is made before anything is replaced.
    const sideFiles = new SideFiles(files, options, opened)
    this.lock.clearFailure()
    this.sideFiles = sideFiles
    this.state = opened.state
    this.recovery = opened.recovery
    this.storeId = opened.store
    this.checkpoint = opened.checkpoint
    this.lastSeq = opened.lastSeq
    this.acknowledged = { seq: opened.lastSeq, crc: opened.lastCrc }
    this.timestamps.continueAfter(opened.lastTimestamp)
    this.writer = new LogWriter(files.log, opened.file, opened.endOffset, opened.lastSeq)
    this.groupCommit = new GroupCommit(this.writer, files.clock, options, this.owner)
  }

  /** The failure after which nothing is written until `use`; undefined if there is none. */
  get failure(): FlatlogError | undefined {
    return this.groupCommit.failure
  }

  /** False when another process has taken the log over: then nothing may be written to its files any more. */
  isLockHeld(): boolean {
    return this.lock.isHeld()
  }

  /** Leaves a note for the next owner that the end of the log may not be on disk. */
  noteFailure(error: FlatlogError): void {
    try {
      this.lock.noteFailure(error.message)
    } catch {
      // The disk may refuse this too. It is tried again when the lock is released, and the failure itself is reported.
    }
  }

  report(error: unknown): void {
    const known = error instanceof FlatlogError ? error : ioError('compact, heal or describe', this.files.log, error)
    this.events.problem(known, new Date(this.files.clock.now()).toISOString())
  }

  releaseLock(): void {
    this.lock.release()
  }
}
