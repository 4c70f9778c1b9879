import { lineAfterCheckpoint } from '../format/record.js'
import { readBackCheckpoint } from '../log/checkpoint-opener.js'
import type { CheckpointWriter, WrittenCheckpoint } from '../log/checkpoint-writer.js'
import { readTailRun, type TailRun } from '../log/record-reader.js'
import { copyBytes, replaceLog } from '../log/replace-log.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { removeIfThere } from '../platform/whole-file.js'
import type { FrozenState } from '../state/frozen-state.js'
import { checkpointLength, writeCheckpoint } from '../state/write-state.js'
import { lackOfSpace } from './free-space.js'
import type { LiveLog } from './live-log.js'

/** At most so many bytes are left to copy during the hold, so that it is short. */
const HOLD_BYTES = READ_CHUNK_BYTES

export interface CompactionOptions {
  /** How long to work without a pause. Called for each slice. */
  readonly sliceMs: () => number
  /** True if the log has damaged lines. Then it is kept as a damaged file and not as a backup. */
  readonly isLogDamaged: () => boolean
}

/**
 * Writes a new generation of the log while the log is read and written:
 * freeze → checkpoint → copy later records → sync and verify → hold → copy the rest → publish → continue there.
 *
 * Until the rename the old log stays in use, and an error removes the unfinished file. Writers are never refused: their
 * records are queued during the hold, which takes as long as a sync and a rename.
 */
export async function compact(log: LiveLog, options: CompactionOptions): Promise<void> {
  const seq = log.lastSeq
  const timestamp = log.timestamps.next()
  const frozen = log.state.freeze()
  try {
    // Frozen records must be acknowledged: a record that is undone later could not be removed from the checkpoint.
    const copyFrom = await log.groupCommit.seal()
    await new Compaction(log, options, { frozen, seq, timestamp, copyFrom }).run()
  } catch (error) {
    log.state.thaw(frozen)
    throw error
  }
}

/** The moment at which the checkpoint is made. */
interface Freeze {
  readonly frozen: FrozenState
  /** The last record in the checkpoint. */
  readonly seq: number
  readonly timestamp: string
  /** Where the records after it start in the old log. */
  readonly copyFrom: number
}

/** A checkpoint is at most about so many times as long as its state: lines contain more than keys and values. */
const MAX_LINES_FACTOR = 1.1

class Compaction {
  readonly #slices: Slices
  /** Keys that had expired by then are left out of the checkpoint. */
  readonly #startedMs: number
  /** The old log is copied up to this offset. */
  #copiedTo: number
  /** The end of the new generation. */
  #newEnd = 0

  constructor(
    private readonly log: LiveLog,
    private readonly options: CompactionOptions,
    private readonly freeze: Freeze,
  ) {
    this.#slices = log.files.slices({ sliceMs: options.sliceMs })
    this.#startedMs = log.files.clock.now()
    this.#copiedTo = freeze.copyFrom
  }

  async run(): Promise<void> {
    const { log } = this
    const { fileSystem, unfinished } = log.files
    await this.#checkSpace()
    removeIfThere(fileSystem, unfinished)
    const file = fileSystem.open(unfinished, 'create')
    try {
      const written = await this.#writeCheckpoint(file)
      const verified = await this.#verify(file, written)
      await this.#publishHeld(file, verified, written)
      for (const _ of this.freeze.frozen.release()) if (this.#slices.isDue()) await this.#slices.pause()
    } catch (error) {
      // If the rename may have happened, this file may be the log: the engine has failed, so keep it for the next open.
      if (log.writer.file !== file) file.close()
      if (!log.groupCommit.failure && log.isLockHeld()) removeIfThere(fileSystem, unfinished)
      throw error
    }
  }

  get #roughBytes(): number {
    return Math.min(this.log.writer.offset, Math.ceil(this.freeze.frozen.stateBytes * MAX_LINES_FACTOR))
  }

  async #checkSpace(): Promise<void> {
    const { log } = this
    const { fileSystem } = log.files
    // A log that could not be compacted for a while may be much longer than its checkpoint.
    const exact = () => checkpointLength(this.freeze.frozen, this.#startedMs, this.#slices)
    const lack = await lackOfSpace(fileSystem, log.files.logDirectory, this.#roughBytes, exact)
    if (!lack) return
    throw new FlatlogError(
      'FLATLOG_NO_SPACE',
      `Compacting ${log.files.log} needs about ${lack.needed} more bytes on its disk, but only ${lack.free} are free. The log ` +
        'stays in use as it is. What to do: free some space. An automatic compaction is tried again; otherwise call compact() ' +
        'again.',
      { path: log.files.log },
    )
  }

  async #writeCheckpoint(file: OpenFile): Promise<WrittenCheckpoint> {
    const { log } = this
    const { frozen, seq, timestamp } = this.freeze
    const start = { seq, store: log.storeId, timestamp, stateBytes: this.#roughBytes }
    // Start a sync now, so that the one below has little left to do. An error is thrown there.
    log.groupCommit.sync().catch(() => {})
    const pieces = (writer: CheckpointWriter) => frozen.pieces(this.#startedMs, (bytes) => writer.takesPart(bytes))
    const written = await writeCheckpoint(file, pieces, start, this.#slices)
    this.#newEnd = written.bytes
    while (log.writer.offset - this.#copiedTo > HOLD_BYTES) await this.#copyLaterRecords(file)
    // The log becomes a backup and must be on disk. Sync it now, so that little is left for the hold.
    await log.groupCommit.sync()
    await file.sync()
    return written
  }

  /** Copies the records that were appended since. The writer's offset is always at the end of a record. */
  async #copyLaterRecords(file: OpenFile): Promise<void> {
    const { file: from, offset: end } = this.log.writer
    await copyBytes({ from, start: this.#copiedTo, end }, { to: file, at: this.#newEnd }, this.#slices)
    this.#newEnd += end - this.#copiedTo
    this.#copiedTo = end
  }

  /** Reads the new generation back. */
  async #verify(file: OpenFile, written: WrittenCheckpoint): Promise<TailRun> {
    if (!(await readBackCheckpoint(file, written, this.#slices))) throw this.#unreadable(file)
    const { bytes, parts } = written
    const start = { offset: bytes, line: lineAfterCheckpoint(parts.length), afterSeq: this.freeze.seq }
    const run = await readTailRun(file, start, this.#slices)
    if (!run.complete) throw this.#unreadable(file)
    return run
  }

  #unreadable(file: OpenFile): FlatlogError {
    return ioError('write', file.path, new Error('the new generation does not read back as it was written'))
  }

  async #publishHeld(file: OpenFile, verified: TailRun, written: WrittenCheckpoint): Promise<void> {
    const { log } = this
    const { groupCommit, writer } = log
    await groupCommit.hold()
    try {
      if (!groupCommit.failure && !log.isLockHeld())
        groupCommit.fail(new Error('another process has taken over the log'))
      if (groupCommit.failure) throw groupCommit.failure
      await this.#copyLaterRecords(file)
      await file.sync()
      const start = { offset: verified.endOffset, line: verified.nextLine, afterSeq: verified.lastSeq }
      const rest = await readTailRun(file, start, this.#slices)
      if (!rest.complete || rest.lastSeq !== writer.writtenSeq) throw this.#unreadable(file)
      await groupCommit.sync()
      const published = await this.#publish(file)
      const { frozen, seq, copyFrom } = this.freeze
      log.state.settle(frozen, { ...written, file: published }, written.bytes - copyFrom)
      writer.switchTo(published, this.#newEnd)
      log.checkpoint = { seq, bytes: written.bytes, crc: written.headerCrc }
    } finally {
      groupCommit.release()
    }
  }

  async #publish(file: OpenFile): Promise<OpenFile> {
    const { log } = this
    const { files, groupCommit } = log
    const { fileSystem } = files
    const identities = [log.writer.file.status().identity, file.status().identity] as const
    if (!fileSystem.renamesOpenFiles) {
      file.close()
      log.writer.close()
    }
    const kept = this.options.isLogDamaged()
      ? files.newDamagedPath(log.writer.writtenSeq)
      : files.newBackupPath(log.writer.writtenSeq)
    try {
      await replaceLog(files, kept, this.#slices)
    } catch (error) {
      if (this.#isPerhapsReplaced(...identities)) {
        groupCommit.fail(error)
      } else {
        // Not a backup: a second name of the log, which is still being written.
        removeIfThere(fileSystem, kept)
        if (!fileSystem.renamesOpenFiles) {
          const again = fileSystem.open(files.log, 'write')
          log.writer.useFile(again)
          log.state.useFile(again)
        }
      }
      throw error
    }
    return fileSystem.renamesOpenFiles ? file : fileSystem.open(files.log, 'write')
  }

  /** False only if the rename has certainly not happened: the log is still another file than the new generation. */
  #isPerhapsReplaced(oldIdentity: string, newIdentity: string): boolean {
    const { files } = this.log
    try {
      const { identity } = files.fileSystem.status(files.log) ?? { identity: newIdentity }
      return identity === newIdentity || oldIdentity === newIdentity
    } catch {
      return true
    }
  }
}
