import { MemoryFile } from '../log/memory-file.js'
import {
  CheckpointWriter,
  encodeLines,
  encodeOperation,
  type FrozenState,
  LineBuffer,
  markWritten,
  type Operation,
  openCheckpoint,
  type PartSummary,
  type PartValue,
  type PendingRecord,
  readBackCheckpoint,
  readTailRun,
  Slices,
  State,
  type StatePiece,
  type StateValue,
  systemClock,
  type WrittenCheckpoint,
} from '../support/core.js'

/** What errors call the log. */
export const PATH = '/store.log'
export const STORE = '0123456789abcdef'
export const START_MS = Date.parse('2025-01-15T12:34:56.789Z')

/** One that is not read any more once it is closed. */
export class LogFile extends MemoryFile {
  isClosed = false
  reads = 0

  override read(into: Uint8Array, position: number): number {
    if (this.isClosed) throw Object.assign(new Error('it is closed'), { code: 'EBADF' })
    this.reads++
    return super.read(into, position)
  }

  override close(): void {
    this.isClosed = true
  }

  flip(offset: number, bit = 1): void {
    this.bytes[offset]! ^= bit
  }
}

export interface LogOptions {
  readonly cacheBytes: number
  /** The store keeps times. */
  readonly isTimed?: boolean
}

/** What goes out in one write. */
interface Batch {
  readonly records: PendingRecord[]
  endOffset?: number
}

interface Compaction {
  readonly handle: FrozenState
  readonly seq: number
  readonly timestamp: string
  /** The last that holds a record which was frozen. */
  readonly lastBatch: Batch | undefined
  /** Where the records end that were frozen, if none of them was on its way then. */
  readonly endOffset: number
  /** A record that was frozen was taken back: there is nothing to make a checkpoint of. */
  isBroken: boolean
  work?: Work
}

interface Work {
  readonly startedMs: number
  readonly file: LogFile
  readonly writer: CheckpointWriter
  readonly pieces: Generator<StatePiece>
}

/** What a compaction did. */
export interface Compacted {
  readonly written: WrittenCheckpoint
  readonly from: LogFile
  /** Where the parts that were copied stood. */
  readonly origins: ReadonlyMap<PartSummary, number>
}

/**
 * An index and the log that it stands on, in memory, in the order in which the engine does things: a record changes the
 * index, then waits, goes out in a write with others, and is acknowledged; a compaction waits for what it has frozen.
 */
export class MemoryLog {
  index!: State
  nowMs = START_MS
  #file!: LogFile
  #end = 0
  #lastSeq = 0
  #options: LogOptions
  #waiting: Batch[] = []
  /** Written, and not acknowledged yet. */
  #inFlight: PendingRecord[] = []
  #compaction: Compaction | undefined

  private constructor(options: LogOptions) {
    this.#options = options
  }

  static async of(state: readonly PartValue[], options: LogOptions): Promise<MemoryLog> {
    const log = new MemoryLog(options)
    const file = new LogFile()
    const stateBytes = 0
    const writer = new CheckpointWriter(file, { seq: 7, store: STORE, timestamp: log.#timestamp, stateBytes })
    for (const pair of inKeyOrder(state)) writer.add(pair)
    writer.finish()
    log.#file = file
    await log.#open(false)
    return log
  }

  get file(): LogFile {
    return this.#file
  }

  get frozen(): FrozenState | undefined {
    return this.#compaction?.handle
  }

  get #timestamp(): string {
    return new Date(this.nowMs).toISOString()
  }

  /** From the file, as when a store is opened. */
  async #open(isWhole: boolean): Promise<void> {
    const file = this.#file
    const slices = new Slices(systemClock)
    const checkpoint = await openCheckpoint(file, slices, isWhole)
    const { header, ownParts, seq, end, nextLine } = checkpoint
    if (!header || checkpoint.bad.length || checkpoint.lost.length) throw new Error('the checkpoint is damaged')
    const { cacheBytes, isTimed } = this.#options
    this.index = new State({ file, path: PATH, parts: ownParts, inlineState: header.state, cacheBytes })
    const time = ({ timestamp }: { timestamp: string }) => (isTimed ? Date.parse(timestamp) : undefined)
    const run = await readTailRun(file, { offset: end, line: nextLine, afterSeq: seq }, slices, {
      record: (placed) => this.index.replay(placed.record, time(placed.record), placed),
      plain: (record, offset) => this.index.replayPlain(record, time(record), offset),
    })
    if (!run.complete) throw new Error(`the records end at byte ${run.endOffset}, behind record ${run.lastSeq}`)
    this.#lastSeq = run.lastSeq
    this.#end = run.endOffset
  }

  apply(operation: Operation): void {
    const timestamp = this.#timestamp
    const seq = ++this.#lastSeq
    const change = this.index.apply(operation, seq, this.#options.isTimed ? this.nowMs : undefined)
    if (this.#waiting.length === 0) this.#waiting.push({ records: [] })
    const valueStarts: number[] = []
    const encoded = encodeOperation(operation, valueStarts)
    const pending = { done: Promise.resolve(), wasThere: true as const, crc: '', encodedEnd: 0, isAscii: true }
    const record = { seq, timestamp, operation, encoded, valueStarts, change, ...pending }
    this.#waiting.at(-1)?.records.push(record)
  }

  /** As many as there are, the last first; all that wait, where one of them was frozen. Returns how many. */
  takeBack(count: number): number {
    let taken = 0
    for (; taken < count || this.#compaction?.isBroken; taken++) {
      const record = this.#waiting.findLast((batch) => batch.records.length > 0)?.records.pop()
      if (!record) break
      record.change.undo()
      this.#lastSeq = record.seq - 1
      if (this.#compaction && record.seq <= this.#compaction.seq) this.#compaction.isBroken = true
    }
    return taken
  }

  /** A sync has failed: also what stands in the file already is taken back, and nothing is written any more. */
  fail(): number {
    const waiting = this.takeBack(Number.POSITIVE_INFINITY)
    for (const { change } of this.#inFlight.toReversed()) change.undo()
    return waiting + this.#inFlight.length
  }

  write(until?: Batch): void {
    while (this.#waiting.length) {
      const batch = this.#waiting.shift() as Batch
      if (batch.records.length) this.#append(batch)
      if (batch === until) return
    }
  }

  #append(batch: Batch): void {
    const { records } = batch
    const synced = (records[0] as PendingRecord).seq - 1
    const lines = new LineBuffer(1)
    encodeLines(records, synced, lines)
    const start = this.#end
    this.#end += this.#file.write(lines.bytes, start)
    batch.endOffset = this.#end
    markWritten(records, start)
    this.#inFlight.push(...records)
  }

  /** What stands in the file is not taken back any more. */
  acknowledge(): void {
    this.#inFlight = []
  }

  /** All that came until now stands in the file for good. */
  flush(): void {
    this.write()
    this.acknowledge()
  }

  run(...operations: Operation[]): void {
    for (const operation of operations) this.apply(operation)
    this.flush()
  }

  freeze(): void {
    const lastBatch = this.#waiting.findLast((batch) => batch.records.length > 0)
    this.#compaction = {
      handle: this.index.freeze(),
      seq: this.#lastSeq,
      timestamp: this.#timestamp,
      lastBatch,
      endOffset: this.#end,
      isBroken: false,
    }
    this.#waiting.push({ records: [] })
  }

  thaw(): void {
    if (!this.#compaction) return
    const { lastBatch, isBroken } = this.#compaction
    // A compaction fails no earlier than when what it has frozen is acknowledged, or taken back.
    if (lastBatch && !isBroken) this.write(lastBatch)
    this.acknowledge()
    this.index.thaw(this.#compaction.handle)
    this.#compaction = undefined
  }

  /** Goes on writing the checkpoint, by so many pieces. False when it is all written. */
  compactOn(count: number): boolean {
    const compaction = this.#compaction
    if (!compaction || compaction.isBroken) return false
    const work = this.#workOf(compaction)
    for (let piece = 0; piece < count; piece++) {
      const { done, value } = work.pieces.next()
      if (done) return false
      if (value.kind === 'part') work.writer.addPart(value.part, value.line)
      else for (const pair of value.pairs) work.writer.addSpelled(pair)
    }
    return true
  }

  #workOf(compaction: Compaction): Work {
    const { handle, seq, timestamp, lastBatch } = compaction
    if (lastBatch?.records.length && lastBatch.endOffset === undefined) this.write(lastBatch)
    this.acknowledge()
    if (!compaction.work) {
      const file = new LogFile()
      const writer = new CheckpointWriter(file, { seq, store: STORE, timestamp, stateBytes: handle.stateBytes })
      const pieces = handle.pieces(this.nowMs, (bytes) => writer.takesPart(bytes))
      compaction.work = { startedMs: this.nowMs, file, writer, pieces }
    }
    return compaction.work
  }

  /** The compaction comes to its end. Undefined where it came to nothing. */
  async settle(): Promise<Compacted | undefined> {
    const compaction = this.#compaction
    if (!compaction) return undefined
    if (compaction.isBroken) {
      this.thaw()
      return undefined
    }
    while (this.compactOn(1000)) {}
    const { file, writer } = this.#workOf(compaction)
    const written = writer.finish()
    const { length, parts } = written
    const isSame = await readBackCheckpoint(file, written, new Slices(systemClock))
    if (!isSame) throw new Error('the checkpoint does not read back as it was written')
    const origins = new Map(parts.map((part) => [part, part.origin?.offset ?? -1]))
    const copyFrom = compaction.lastBatch?.endOffset ?? compaction.endOffset
    const later = this.#file.bytes.subarray(copyFrom, this.#end)
    file.write(later, length)
    const from = this.#file
    this.index.settle(compaction.handle, { ...written, file }, length - copyFrom)
    from.close()
    this.#file = file
    this.#end = length + later.length
    this.#compaction = undefined
    return { written, from, origins }
  }

  async compact(): Promise<Compacted> {
    this.freeze()
    return (await this.settle()) as Compacted
  }

  /** As after a process has ended: all is known from the file. */
  async reopen(options: LogOptions = this.#options, isWhole = false): Promise<void> {
    this.flush()
    this.#compaction = undefined
    this.#options = options
    await this.#open(isWhole)
  }
}

export function inKeyOrder(state: readonly PartValue[]): PartValue[] {
  return [...state].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** What is known of a value, on one line. */
export function spell(key: string, value: StateValue | undefined): string {
  if (!value) return `${JSON.stringify(key)} is not there`
  return `${JSON.stringify(key)} ${value.encoding ?? 'json'} ${value.text} expires ${value.expires} time ${value.time}`
}
