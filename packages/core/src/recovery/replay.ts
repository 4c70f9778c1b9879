import { type LazyChecksum, spellChecksum } from '../format/checksum.js'
import { decodeLine } from '../format/decode.js'
import type { PlainRecord } from '../format/decode-fast.js'
import type { LogRecord } from '../format/record.js'
import type { PlacedRecord, RunListener, SurveyRecord } from '../log/record-reader.js'
import type { Progress } from '../options.js'
import { changedError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { State } from '../state/state.js'
import type { ReplayPlace } from '../state/types.js'

/** Progress is reported once every so many records. */
const PROGRESS_RECORDS = 4096

export interface ReplayOptions {
  readonly file: OpenFile
  readonly sizeBytes: number
  readonly times: boolean
  /** The seq of a record whose checksum is kept in `found`: a follower compares it with the last record that it read. */
  readonly lookFor?: number | undefined
  readonly onProgress: (progress: Progress) => void
}

/** Applies the records after a checkpoint to the state, and remembers the last of them. */
export class Replay implements RunListener {
  lastTimestamp: string
  #lastCrc: LazyChecksum = ''
  #found: LazyChecksum | undefined

  constructor(
    private readonly state: State,
    /** The latest time in the checkpoint. */
    timestamp: string,
    private readonly options: ReplayOptions,
  ) {
    this.lastTimestamp = timestamp
  }

  get lastCrc(): string {
    return spellChecksum(this.#lastCrc)
  }

  /** The checksum of the record `lookFor`; undefined if it was not replayed. */
  get found(): string | undefined {
    return this.#found === undefined ? undefined : spellChecksum(this.#found)
  }

  record({ record, ...place }: PlacedRecord): void {
    this.apply(record, place)
    this.#reportProgress(record.seq, place.offset)
  }

  plain(record: PlainRecord, offset: number): void {
    const { times } = this.options
    this.state.replayPlain(record, times ? Date.parse(record.timestamp) : undefined, offset)
    this.#remember(record.seq, record.crc, record.timestamp)
    this.#reportProgress(record.seq, offset)
  }

  /** `place`: undefined for a record from another file. */
  apply(record: LogRecord, place: ReplayPlace | undefined): void {
    this.state.replay(record, this.options.times ? Date.parse(record.timestamp) : undefined, place)
    this.#remember(record.seq, record.crc, record.timestamp)
  }

  /** Applies a record that was only surveyed so far, so its line is read again. */
  surveyed({ offset, length, ended }: SurveyRecord): void {
    const { file } = this.options
    const line = Buffer.alloc(length - (ended ? 1 : 0))
    file.read(line, offset)
    const valueStarts: number[] = []
    const record = decodeLine(line, valueStarts)
    if (record.kind !== 'record') throw changedError(file.path, offset)
    this.apply(record, { offset, line, valueStarts })
  }

  #remember(seq: number, crc: LazyChecksum, timestamp: string): void {
    this.#lastCrc = crc
    if (seq === this.options.lookFor) this.#found = crc
    if (timestamp > this.lastTimestamp) this.lastTimestamp = timestamp
  }

  #reportProgress(seq: number, offset: number): void {
    if (seq % PROGRESS_RECORDS === 0)
      this.options.onProgress({ phase: 'replay', done: offset, total: this.options.sizeBytes })
  }
}
