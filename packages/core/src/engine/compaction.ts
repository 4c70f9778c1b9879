import { readBackCheckpoint } from '../log/checkpoint-opener.js'
import type { CheckpointWriter, WrittenCheckpoint } from '../log/checkpoint-writer.js'
import { readTailRun, type TailRun } from '../log/record-reader.js'
import { copyBytes, replaceLog } from '../log/replace-log.js'
import { backupPath, damagedPath } from '../log/store-files.js'
import { Slices } from '../platform/clock.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { PRESSED_SLICE_MS, READ_CHUNK_BYTES, SLICE_MS } from '../platform/limits.js'
import { markHandled } from '../platform/promises.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'
import type { FrozenIndex } from '../state/types.js'
import { checkpointLength, writeCheckpoint } from '../state/write-state.js'
import type { Engine } from './engine.js'
import { lackOfSpace } from './free-space.js'

/** What is left to copy before the hold, so that the hold is short. */
const HOLD_BYTES = READ_CHUNK_BYTES

/**
 * Writes a new generation of the log while it is read and written:
 * freeze → checkpoint → copy later records → sync and verify → hold → copy the rest → publish → go on there.
 *
 * Until the rename the old log is the log, and whatever goes wrong drops the unfinished file. Writers are never
 * refused; during the hold, which lasts as long as a sync and a rename, their records gather.
 */
export async function compact(engine: Engine): Promise<void> {
  const frozenSeq = engine.lastSeq
  const timestamp = engine.stamp()
  const frozen = engine.index.freeze()
  try {
    // What was frozen must be acknowledged: a record that is taken back later could not be taken out of a checkpoint.
    const copyFrom = await engine.queue.seal()
    await new Compaction(engine, frozen, frozenSeq, timestamp, copyFrom).run()
  } catch (error) {
    frozen.thaw()
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
    private readonly engine: Engine,
    private readonly frozen: FrozenIndex,
    private readonly frozenSeq: number,
    private readonly timestamp: string,
    /** Where the records begin in the old log that came after the freezing. */
    private readonly copyFrom: number,
  ) {
    const sliceMs = () => (engine.maintenance.isPressed ? PRESSED_SLICE_MS : SLICE_MS)
    this.#slices = new Slices(engine.machine.clock, { sliceMs })
    this.#startedMs = engine.machine.clock.now()
    this.#copiedTo = copyFrom
  }

  async run(): Promise<void> {
    const { engine } = this
    const { fileSystem } = engine.machine
    const { unfinished } = engine.paths
    await this.#checkSpace()
    removeIfThere(fileSystem, unfinished)
    const file = fileSystem.open(unfinished, 'create')
    try {
      const written = await this.#writeCheckpoint(file)
      const verified = await this.#verify(file, written)
      await this.#publishHeld(file, verified, written)
      for (const _ of this.frozen.letGo()) if (this.#slices.isDue()) await this.#slices.pause()
    } catch (error) {
      // After a rename that may have happened the file is the log; the engine has failed then, and the next open looks.
      if (engine.writer.file !== file) file.close()
      if (!engine.queue.failure && engine.ownsLog()) removeIfThere(fileSystem, unfinished)
      throw error
    }
  }

  get #roughBytes(): number {
    return Math.min(this.engine.writer.offset, Math.ceil(this.frozen.stateBytes * LINES_SHARE))
  }

  async #checkSpace(): Promise<void> {
    const { engine } = this
    const { fileSystem } = engine.machine
    // A log that could not be compacted for a while may be many times as long as what comes of it.
    const exact = () => checkpointLength(this.frozen, this.#startedMs, this.#slices)
    const lack = await lackOfSpace(fileSystem, engine.paths.logDirectory, this.#roughBytes, exact)
    if (!lack) return
    throw new FlatlogError(
      'FLATLOG_NO_SPACE',
      `Compacting ${engine.paths.log} needs about ${lack.needed} bytes beside it, and ${lack.free} are free. The log goes on as ` +
        'it is. What to do: free some space; the next compaction tries again by itself.',
      { path: engine.paths.log },
    )
  }

  async #writeCheckpoint(file: OpenFile): Promise<WrittenCheckpoint> {
    const { engine, frozen, timestamp } = this
    const start = {
      seq: this.frozenSeq,
      store: engine.storeId,
      timestamp,
      stateBytes: this.#roughBytes,
    }
    // Begun now, so that little is left to bring to disk below; what becomes of it shows there.
    markHandled(engine.queue.sync())
    const pieces = (writer: CheckpointWriter) => frozen.pieces(this.#startedMs, (bytes) => writer.takesPart(bytes))
    const written = await writeCheckpoint(file, pieces, start, this.#slices)
    this.#length = written.length
    while (engine.writer.offset - this.#copiedTo > HOLD_BYTES) await this.#copyLaterRecords(file)
    // The log is about to be a backup, which has to be on disk like any other; what is left for the hold is little.
    await engine.queue.sync()
    await file.sync()
    return written
  }

  /** Copies what the old log has gained. Only whole written records are copied: the writer's offset ends with one. */
  async #copyLaterRecords(file: OpenFile): Promise<void> {
    const { writer } = this.engine
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
    const { engine } = this
    const { queue, writer } = engine
    await queue.hold()
    try {
      if (!queue.failure && !engine.ownsLog()) queue.fail(new Error('another process has taken the log over'))
      if (queue.failure) throw queue.failure
      await this.#copyLaterRecords(file)
      await file.sync()
      const start = { offset: verified.endOffset, line: verified.nextLine, afterSeq: verified.lastSeq }
      const rest = await readTailRun(file, start, this.#slices)
      if (!rest.complete || rest.lastSeq !== writer.writtenSeq) throw this.#unreadable(file)
      await queue.sync()
      const published = await this.#publish(file)
      this.frozen.settle({ ...written, file: published }, written.length - this.copyFrom)
      writer.switchTo(published, this.#length)
      engine.checkpointed({ seq: this.frozenSeq, bytes: written.length, crc: written.headerCrc })
    } finally {
      queue.release()
    }
  }

  async #publish(file: OpenFile): Promise<OpenFile> {
    const { engine } = this
    const { paths, queue } = engine
    const { fileSystem, clock } = engine.machine
    const identities = [engine.writer.file.status().identity, file.status().identity] as const
    if (!fileSystem.renamesOpenFiles) {
      file.close()
      engine.writer.close()
    }
    const kept = engine.maintenance.isLogDamaged
      ? freePath(fileSystem, damagedPath(paths, engine.writer.writtenSeq))
      : this.#freeBackupPath(clock.now())
    try {
      await replaceLog(fileSystem, paths, kept, this.#slices)
    } catch (error) {
      if (this.#isPerhapsReplaced(...identities)) {
        queue.fail(error)
      } else {
        // No backup, but a second name of a file that is still written to.
        removeIfThere(fileSystem, kept)
        if (!fileSystem.renamesOpenFiles) {
          const again = fileSystem.open(paths.log, 'write')
          engine.writer.adopt(again)
          engine.index.useFile(again)
        }
      }
      throw error
    }
    return fileSystem.renamesOpenFiles ? file : fileSystem.open(paths.log, 'write')
  }

  /** False when the rename has certainly not happened: the log is another file than the new generation. */
  #isPerhapsReplaced(oldIdentity: string, newIdentity: string): boolean {
    const { machine, paths } = this.engine
    try {
      const { identity } = machine.fileSystem.status(paths.log) ?? { identity: newIdentity }
      return identity === newIdentity || oldIdentity === newIdentity
    } catch {
      return true
    }
  }

  /** A second compaction within one second and without a new record would have the name of the first one's backup. */
  #freeBackupPath(nowMs: number): string {
    const { engine } = this
    for (let time = nowMs; ; time += 1000) {
      const path = backupPath(engine.paths, time, engine.writer.writtenSeq)
      if (!engine.machine.fileSystem.status(path)) return path
    }
  }
}
