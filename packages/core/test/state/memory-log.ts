import { MemoryFile } from '../log/memory-file.js'
import {
  CheckpointWriter,
  encodeLines,
  encodeOperation,
  type FrozenState,
  LineBuffer,
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

/** The log's name in errors. */
export const PATH = '/store.log'
export const STORE = '0123456789abcdef'
export const START_MS = Date.parse('2025-01-15T12:34:56.789Z')

/** Counts its reads, and refuses them after `close`. */
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

/** Records that are written together. */
interface Group {
  readonly records: PendingRecord[]
  endOffset?: number
}

interface Compaction {
  readonly frozen: FrozenState
  readonly seq: number
  readonly timestamp: string
  /** The last with a record that was frozen. */
  readonly lastGroup: Group | undefined
  /** Where the frozen records end if all of them were written. */
  readonly endOffset: number
  /** A frozen record was undone, so that the compaction fails. */
  isBroken: boolean
  work?: Work
}

interface Work {
  readonly startedMs: number
  readonly file: LogFile
  readonly writer: CheckpointWriter
  readonly pieces: Generator<StatePiece>
}

/** The result of a compaction. */
export interface Compacted {
  readonly written: WrittenCheckpoint
  readonly from: LogFile
  /** The former offset of each copied part; -1 for new parts. */
  readonly origins: ReadonlyMap<PartSummary, number>
}

/**
 * A log in memory with its state, in the order of the engine: a record changes the state, waits, is
 * written with others, and is acknowledged. A compaction waits until all frozen records are acknowledged.
 */
export class MemoryLog {
  state!: State
  nowMs = START_MS
  #file!: LogFile
  #end = 0
  #lastSeq = 0
  #options: LogOptions
  #waiting: Group[] = []
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
    return this.#compaction?.frozen
  }

  get #timestamp(): string {
    return new Date(this.nowMs).toISOString()
  }

  /** Reads the file as the opening of a store does. */
  async #open(isWhole: boolean): Promise<void> {
    const file = this.#file
    const slices = new Slices(systemClock)
    const checkpoint = await openCheckpoint(file, slices, isWhole)
    const { header, ownParts, seq, end, nextLine } = checkpoint
    if (!header || checkpoint.bad.length || checkpoint.lost.length) throw new Error('the checkpoint is damaged')
    const { cacheBytes, isTimed } = this.#options
    this.state = new State({ file, path: PATH, parts: ownParts, inlineState: header.state, cacheBytes })
    const time = ({ timestamp }: { timestamp: string }) => (isTimed ? Date.parse(timestamp) : undefined)
    const run = await readTailRun(file, { offset: end, line: nextLine, afterSeq: seq }, slices, {
      record: (placed) => this.state.replay(placed.record, time(placed.record), placed),
      plain: (record, offset) => this.state.replayPlain(record, time(record), offset),
    })
    if (!run.complete) throw new Error(`the records end at byte ${run.endOffset}, after record ${run.lastSeq}`)
    this.#lastSeq = run.lastSeq
    this.#end = run.endOffset
  }

  apply(operation: Operation): void {
    const timestamp = this.#timestamp
    const seq = ++this.#lastSeq
    const change = this.state.apply(operation, seq, this.#options.isTimed ? this.nowMs : undefined)
    if (this.#waiting.length === 0) this.#waiting.push({ records: [] })
    const valueStarts: number[] = []
    const encoded = encodeOperation(operation, valueStarts)
    const pending = { done: Promise.resolve(), wasThere: true, crc: '', encodedEnd: 0, isAscii: true }
    const record = { seq, timestamp, operation, encoded, valueStarts, change, ...pending }
    this.#waiting.at(-1)?.records.push(record)
  }

  /** Undoes the last waiting records, or all of them if one was frozen. Returns how many. */
  undo(count: number): number {
    let undone = 0
    for (; undone < count || this.#compaction?.isBroken; undone++) {
      const record = this.#waiting.findLast((group) => group.records.length > 0)?.records.pop()
      if (!record) break
      record.change.undo()
      this.#lastSeq = record.seq - 1
      if (this.#compaction && record.seq <= this.#compaction.seq) this.#compaction.isBroken = true
    }
    return undone
  }

  /**
   * A sync has failed: records that were written are undone too.
   * Nothing may be written any more.
   */
  fail(): number {
    const waiting = this.undo(Number.POSITIVE_INFINITY)
    for (const { change } of this.#inFlight.toReversed()) change.undo()
    return waiting + this.#inFlight.length
  }

  write(until?: Group): void {
    while (this.#waiting.length) {
      const group = this.#waiting.shift() as Group
      if (group.records.length) this.#append(group)
      if (group === until) return
    }
  }

  #append(group: Group): void {
    const { records } = group
    const synced = (records[0] as PendingRecord).seq - 1
    const lines = new LineBuffer(1)
    encodeLines(records, synced, this.#end, lines)
    this.#end += this.#file.write(lines.bytes, this.#end)
    group.endOffset = this.#end
    for (const record of records) record.change.written(record)
    this.#inFlight.push(...records)
  }

  /** Records that were written cannot be undone any more. */
  acknowledge(): void {
    this.#inFlight = []
  }

  /** Writes and acknowledges all records. */
  flush(): void {
    this.write()
    this.acknowledge()
  }

  run(...operations: Operation[]): void {
    for (const operation of operations) this.apply(operation)
    this.flush()
  }

  freeze(): void {
    const lastGroup = this.#waiting.findLast((group) => group.records.length > 0)
    this.#compaction = {
      frozen: this.state.freeze(),
      seq: this.#lastSeq,
      timestamp: this.#timestamp,
      lastGroup,
      endOffset: this.#end,
      isBroken: false,
    }
    this.#waiting.push({ records: [] })
  }

  thaw(): void {
    if (!this.#compaction) return
    const { lastGroup, isBroken } = this.#compaction
    // A compaction does not fail before all frozen records are acknowledged or undone.
    if (lastGroup && !isBroken) this.write(lastGroup)
    this.acknowledge()
    this.state.thaw(this.#compaction.frozen)
    this.#compaction = undefined
  }

  /** Writes `count` more pieces of the checkpoint; false if it is complete. */
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
    const { frozen, seq, timestamp, lastGroup } = compaction
    if (lastGroup?.records.length && lastGroup.endOffset === undefined) this.write(lastGroup)
    this.acknowledge()
    if (!compaction.work) {
      const file = new LogFile()
      const writer = new CheckpointWriter(file, { seq, store: STORE, timestamp, stateBytes: frozen.stateBytes })
      const pieces = frozen.pieces(this.nowMs, (bytes) => writer.takesPart(bytes))
      compaction.work = { startedMs: this.nowMs, file, writer, pieces }
    }
    return compaction.work
  }

  /** Completes the compaction. Returns undefined if it fails. */
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
    const { bytes: length, parts } = written
    const isSame = await readBackCheckpoint(file, written, new Slices(systemClock))
    if (!isSame) throw new Error('the checkpoint does not read back as it was written')
    const origins = new Map(parts.map((part) => [part, part.origin?.offset ?? -1]))
    const copyFrom = compaction.lastGroup?.endOffset ?? compaction.endOffset
    const later = this.#file.bytes.subarray(copyFrom, this.#end)
    file.write(later, length)
    const from = this.#file
    this.state.settle(compaction.frozen, { ...written, file }, length - copyFrom)
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

  /** Reads everything from the file again, as a new process would. */
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

/** Everything about a value, on one line. */
export function shown(key: string, value: StateValue | undefined): string {
  if (!value) return `${JSON.stringify(key)} is not there`
  return `${JSON.stringify(key)} ${value.encoding ?? 'json'} ${value.text} expires ${value.expires} time ${value.time}`
}
