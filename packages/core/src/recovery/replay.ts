import { formatChecksum } from '../format/checksum.js'
import { decodeLine } from '../format/decode.js'
import type { PlainRecord } from '../format/decode-fast.js'
import type { LogRecord } from '../format/record.js'
import type { PlacedRecord, RunListener, SurveyRecord } from '../log/record-reader.js'
import type { Progress } from '../options.js'
import type { OpenFile } from '../platform/file-system.js'
import type { State } from '../state/state.js'
import type { ReplayPlace } from '../state/types.js'

/** Progress is told after so many records. */
const PROGRESS_RECORDS = 4096

export interface ReplayOptions {
  readonly file: OpenFile
  readonly sizeBytes: number
  readonly times: boolean
  /** A record whose checksum is asked for: whoever had read the log as far as that wants to know whether it is the same. */
  readonly lookFor?: number | undefined
  readonly onProgress: (progress: Progress) => void
}

/** Brings the records behind a checkpoint into the index, and keeps in mind what the last of them was. */
export class Replay implements RunListener {
  lastTimestamp: string
  /** Spelled when it is asked for, as only the last one is. */
  #lastCrc: string | number = ''
  #found: string | number | undefined

  constructor(
    private readonly index: State,
    /** The last time that the checkpoint bears. */
    timestamp: string,
    private readonly options: ReplayOptions,
  ) {
    this.lastTimestamp = timestamp
  }

  get lastCrc(): string {
    return spelled(this.#lastCrc)
  }

  /** The checksum of the record that was to be looked for; undefined if it did not come. */
  get found(): string | undefined {
    return this.#found === undefined ? undefined : spelled(this.#found)
  }

  record({ record, ...place }: PlacedRecord): void {
    this.any(record, place)
    this.#tell(record.seq, place.offset)
  }

  plain(record: PlainRecord, offset: number): void {
    const { times } = this.options
    this.index.replayPlain(record, times ? Date.parse(record.timestamp) : undefined, offset)
    this.#was(record.seq, record.crc, record.timestamp)
    this.#tell(record.seq, offset)
  }

  /** `place`: undefined for a record that stands in another file. */
  any(record: LogRecord, place: ReplayPlace | undefined): void {
    this.index.replay(record, this.options.times ? Date.parse(record.timestamp) : undefined, place)
    this.#was(record.seq, record.crc, record.timestamp)
  }

  /** A record that was looked at before, and is read again now that it counts. */
  again({ offset, length, ended }: SurveyRecord): void {
    const { file } = this.options
    const line = Buffer.alloc(length - (ended ? 1 : 0))
    file.read(line, offset)
    const valueStarts: number[] = []
    const record = decodeLine(line, valueStarts)
    if (record.kind !== 'record') throw new Error(`${file.path} changed while it was being read`)
    this.any(record, { offset, line, valueStarts })
  }

  #was(seq: number, crc: string | number, timestamp: string): void {
    this.#lastCrc = crc
    if (seq === this.options.lookFor) this.#found = crc
    if (timestamp > this.lastTimestamp) this.lastTimestamp = timestamp
  }

  #tell(seq: number, offset: number): void {
    if (seq % PROGRESS_RECORDS === 0)
      this.options.onProgress({ phase: 'replay', done: offset, total: this.options.sizeBytes })
  }
}

function spelled(crc: string | number): string {
  return typeof crc === 'number' ? formatChecksum(crc) : crc
}
