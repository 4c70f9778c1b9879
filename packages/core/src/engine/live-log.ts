import type { Lock } from '../lock/lock.js'
import type { Recovery } from '../log/damage-report.js'
import { GroupCommit, type GroupCommitEvents } from '../log/group-commit.js'
import { LogWriter } from '../log/log-writer.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { Machine } from '../platform/machine.js'
import type { OpenedLog } from '../recovery/opened-log.js'
import type { State } from '../state/state.js'
import type { CheckpointPlace, RecordPosition } from './backend.js'
import { Events } from './events.js'
import { SideFiles } from './side-files.js'
import { Timestamps } from './timestamps.js'

/**
 * The log that is open for writing: its end, its state, and the files beside it. The engine writes to it, maintenance
 * works on it. After a failure, `adopt` continues with the log as it was read again.
 */
export class LiveLog {
  readonly events = new Events()
  readonly timestamps: Timestamps
  state!: State
  writer!: LogWriter
  groupCommit!: GroupCommit
  sideFiles!: SideFiles
  recovery!: Recovery
  storeId!: string
  checkpoint!: CheckpointPlace
  /** The last record that was given a number. */
  lastSeq = 0
  /** The last record that was acknowledged. */
  acknowledged: RecordPosition = { seq: 0, crc: '' }

  constructor(
    readonly machine: Machine,
    readonly paths: StorePaths,
    readonly options: ResolvedOptions,
    private readonly lock: Lock,
  ) {
    this.timestamps = new Timestamps(machine.clock, paths.log, (error) => this.report(error))
  }

  adopt(opened: OpenedLog, events: GroupCommitEvents): void {
    const { machine, paths, options } = this
    // What can fail comes first, so that nothing is adopted by half.
    const sideFiles = new SideFiles(machine, paths, options, opened)
    this.lock.clearFailure()
    this.sideFiles = sideFiles
    this.state = opened.index
    this.recovery = opened.recovery
    this.storeId = opened.store
    this.checkpoint = { seq: opened.checkpointSeq, bytes: opened.checkpointBytes, crc: opened.checkpointCrc }
    this.lastSeq = opened.lastSeq
    this.acknowledged = { seq: opened.lastSeq, crc: opened.lastCrc }
    this.timestamps.continueAfter(opened.lastTimestamp)
    this.writer = new LogWriter(paths.log, opened.file, opened.endOffset, opened.lastSeq)
    this.groupCommit = new GroupCommit(this.writer, machine.clock, options, events)
  }

  /** The failure after which nothing is written until `adopt`; undefined while all is well. */
  get failure(): FlatlogError | undefined {
    return this.groupCommit.failure
  }

  /** False when another process has taken the log over: then nothing may be written to its files any more. */
  isOwned(): boolean {
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
    const known = error instanceof FlatlogError ? error : ioError('maintain', this.paths.log, error)
    this.events.problem(known, new Date(this.machine.clock.now()).toISOString())
  }

  releaseLock(): void {
    this.lock.release()
  }
}
