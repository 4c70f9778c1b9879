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

/** What is left to copy before the hold, so that the hold is short. */
const HOLD_BYTES = READ_CHUNK_BYTES

export interface CompactionOptions {
  /** How long to work at a stretch; asked for each slice. */
  readonly sliceMs: () => number
  /** The log has lines that are not what was written: it is kept as a damaged file and not as a backup. */
  readonly isLogDamaged: () => boolean
}

/**
 * Writes a new generation of the log while it is read and written:
 * freeze → checkpoint → copy later records → sync and verify → hold → copy the rest → publish → go on there.
 *
 * Until the rename the old log is the log, and whatever goes wrong drops the unfinished file. Writers are never
 * refused; during the hold, which lasts as long as a sync and a rename, their records gather.
 */
export async function compact(log: LiveLog, options: CompactionOptions): Promise<void> {
  const frozenSeq = log.lastSeq
  const timestamp = log.timestamps.next()
  const frozen = log.state.freeze()
  try {
    // What was frozen must be acknowledged: a record that is taken back later could not be taken out of a checkpoint.
    const copyFrom = await log.groupCommit.seal()
    await new Compaction(log, options, frozen, frozenSeq, timestamp, copyFrom).run()
  } catch (error) {
    log.state.thaw(frozen)
    throw error
  }
}

/** What the lines of a checkpoint have beside keys and values, at most, where parts are as short as they are made. */
const LINES_SHARE = 1.1

class Compaction {
  readonly #slices: Slices
  /** What had expired by then stays out of the checkpoint. */
  readonly #startedMs: number
  /** How far the old log has been copied. */
  #copiedTo: number
  #length = 0

  constructor(
    private readonly log: LiveLog,
    private readonly options: CompactionOptions,
    private readonly frozen: FrozenState,
    private readonly frozenSeq: number,
    private readonly timestamp: string,
    /** Where the records begin in the old log that came after the freezing. */
    private readonly copyFrom: number,
  ) {
    this.#slices = log.files.slices({ sliceMs: options.sliceMs })
    this.#startedMs = log.files.clock.now()
    this.#copiedTo = copyFrom
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
      for (const _ of this.frozen.release()) if (this.#slices.isDue()) await this.#slices.pause()
    } catch (error) {
      // After a rename that may have happened the file is the log; the engine has failed then, and the next open looks.
      if (log.writer.file !== file) file.close()
      if (!log.groupCommit.failure && log.isOwned()) removeIfThere(fileSystem, unfinished)
      throw error
    }
  }

  get #roughBytes(): number {
    return Math.min(this.log.writer.offset, Math.ceil(this.frozen.stateBytes * LINES_SHARE))
  }

  async #checkSpace(): Promise<void> {
    const { log } = this
    const { fileSystem } = log.files
    // A log that could not be compacted for a while may be many times as long as what comes of it.
    const exact = () => checkpointLength(this.frozen, this.#startedMs, this.#slices)
    const lack = await lackOfSpace(fileSystem, log.files.logDirectory, this.#roughBytes, exact)
    if (!lack) return
    throw new FlatlogError(
      'FLATLOG_NO_SPACE',
      `Compacting ${log.files.log} needs about ${lack.needed} bytes beside it, and ${lack.free} are free. The log goes on as ` +
        'it is. What to do: free some space; the next compaction tries again by itself.',
      { path: log.files.log },
    )
  }

  async #writeCheckpoint(file: OpenFile): Promise<WrittenCheckpoint> {
    const { log, frozen, timestamp } = this
    const start = {
      seq: this.frozenSeq,
      store: log.storeId,
      timestamp,
      stateBytes: this.#roughBytes,
    }
    // Begun now, so that little is left to bring to disk below; what becomes of it shows there.
    log.groupCommit.sync().catch(() => {})
    const pieces = (writer: CheckpointWriter) => frozen.pieces(this.#startedMs, (bytes) => writer.takesPart(bytes))
    const written = await writeCheckpoint(file, pieces, start, this.#slices)
    this.#length = written.length
    while (log.writer.offset - this.#copiedTo > HOLD_BYTES) await this.#copyLaterRecords(file)
    // The log is about to be a backup, which has to be on disk like any other; what is left for the hold is little.
    await log.groupCommit.sync()
    await file.sync()
    return written
  }

  /** Copies what the old log has gained. Only whole written records are copied: the writer's offset ends with one. */
  async #copyLaterRecords(file: OpenFile): Promise<void> {
    const { writer } = this.log
    const end = writer.offset
    await copyBytes(writer.file, file, this.#copiedTo, end, this.#length, this.#slices)
    this.#length += end - this.#copiedTo
    this.#copiedTo = end
  }

  /** Reads back what was written. */
  async #verify(file: OpenFile, written: WrittenCheckpoint): Promise<TailRun> {
    if (!(await readBackCheckpoint(file, written, this.#slices))) throw this.#unreadable(file)
    const { length, parts } = written
    // A header, the parts, and where there are some an index.
    const start = { offset: length, line: parts.length ? parts.length + 3 : 2, afterSeq: this.frozenSeq }
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
      if (!groupCommit.failure && !log.isOwned()) groupCommit.fail(new Error('another process has taken the log over'))
      if (groupCommit.failure) throw groupCommit.failure
      await this.#copyLaterRecords(file)
      await file.sync()
      const start = { offset: verified.endOffset, line: verified.nextLine, afterSeq: verified.lastSeq }
      const rest = await readTailRun(file, start, this.#slices)
      if (!rest.complete || rest.lastSeq !== writer.writtenSeq) throw this.#unreadable(file)
      await groupCommit.sync()
      const published = await this.#publish(file)
      log.state.settle(this.frozen, { ...written, file: published }, written.length - this.copyFrom)
      writer.switchTo(published, this.#length)
      log.checkpoint = { seq: this.frozenSeq, bytes: written.length, crc: written.headerCrc }
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
        // No backup, but a second name of a file that is still written to.
        removeIfThere(fileSystem, kept)
        if (!fileSystem.renamesOpenFiles) {
          const again = fileSystem.open(files.log, 'write')
          log.writer.adopt(again)
          log.state.useFile(again)
        }
      }
      throw error
    }
    return fileSystem.renamesOpenFiles ? file : fileSystem.open(files.log, 'write')
  }

  /** False when the rename has certainly not happened: the log is another file than the new generation. */
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
