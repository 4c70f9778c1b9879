import { decodeLine } from '../format/decode.js'
import type { LogRecord } from '../format/record.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import { Generations } from '../log/generations.js'
import { readLines } from '../log/line-reader.js'
import { FlatlogError, invalidOption } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { Backend, RecordPosition } from './backend.js'
import { type Change, changesOf } from './events.js'

/**
 * Yields the acknowledged changes after a position: first those in the files, then new ones as they are made. A slow
 * reader takes no memory: it reads the log at its own pace, and the backups if the log was compacted meanwhile.
 */
export function followChanges(
  backend: Backend,
  since: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  // Without `since`, changes start at this call, not when the caller first awaits one.
  return follow(backend, since ?? backend.acknowledged, signal)
}

async function* follow(
  backend: Backend,
  start: string | RecordPosition,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  const reader = new RecordReader(backend)
  let position = typeof start === 'object' ? start : find(backend, reader, start)
  let { history } = backend
  const wake = () => backend.events.wakeWaiting()
  signal.addEventListener('abort', wake, { once: true })
  try {
    while (!signal.aborted) {
      if (backend.history !== history) {
        history = backend.history
        if (!isThere(backend, reader, position)) throw gone(backend, `${position.seq}:${position.crc}`)
      }
      const until = backend.acknowledged.seq
      if (position.seq >= until) {
        await backend.events.nextChange()
        continue
      }
      const records = reader.read(position.seq, until)
      if (records.length === 0) throw gone(backend, `${position.seq}:${position.crc}`)
      for (const record of records) {
        position = { seq: record.seq, crc: record.crc }
        for (const change of changesOf(record)) {
          if (signal.aborted) return
          yield change
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', wake)
  }
}

const POSITION = /^(\d+):([0-9a-f]{8})$/

/** The record at a position. The seq alone is not enough: after a torn tail is cut off, its seqs are used again. */
function find(backend: Backend, reader: RecordReader, since: unknown): RecordPosition {
  const [, digits, crc = ''] = (typeof since === 'string' && POSITION.exec(since)) || []
  const seq = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(seq)) {
    throw invalidOption('since', since, 'the position of a change, such as "42:20fe2fc0"')
  }
  if (!isThere(backend, reader, { seq, crc })) throw gone(backend, String(since))
  return { seq, crc }
}

function isThere({ acknowledged, checkpoint }: Backend, reader: RecordReader, { seq, crc }: RecordPosition): boolean {
  if (acknowledged.seq === seq && acknowledged.crc === crc) return true
  // The position of a log without records after its checkpoint has the checksum of the header.
  if (seq === checkpoint.seq && crc === checkpoint.crc) return true
  if (reader.hasCheckpoint(seq, crc)) return true
  return seq > 0 && seq <= acknowledged.seq && reader.read(seq - 1, seq)[0]?.crc === crc
}

/** Records per read. Backups are not kept open between reads, however slow the caller is. */
const BATCH_RECORDS = 256

class RecordReader {
  /** Where to continue reading, as long as the log is the same file. */
  #next: { readonly checkpoint: CheckpointPlace; readonly seq: number; readonly offset: number } | undefined

  constructor(private readonly backend: Backend) {}

  /** Records after `seq` without a gap, at most up to `until`. Empty if they no longer exist. */
  read(seq: number, until: number): LogRecord[] {
    const { checkpoint, storeId, logFile } = this.backend
    const last = Math.min(until, seq + BATCH_RECORDS)
    const records: LogRecord[] = []
    if (seq < checkpoint.seq) {
      for (const record of new Generations(this.backend.files, storeId).recordsFrom(seq)) {
        records.push(record)
        if (record.seq === last) return records
      }
    }
    const next = seq + records.length + 1
    if (logFile && next > checkpoint.seq) this.#readLog(logFile, checkpoint, next, last, records)
    return records
  }

  /** Adds the records of the log from `next` on, up to the first gap. */
  #readLog(file: OpenFile, checkpoint: CheckpointPlace, next: number, last: number, records: LogRecord[]): void {
    const isKnown = this.#next?.checkpoint === checkpoint && this.#next.seq === next
    let expected = next
    let offset = isKnown ? (this.#next?.offset as number) : checkpoint.bytes
    for (const raw of readLines(file, { start: offset })) {
      const line = decodeLine(raw.bytes)
      if (line.kind !== 'record' || line.seq !== expected || !raw.ended) continue
      records.push(line)
      offset = raw.offset + raw.length
      if (expected++ === last) break
    }
    this.#next = { checkpoint, seq: expected, offset }
  }

  /** True if a former generation starts with that checkpoint. */
  hasCheckpoint(seq: number, crc: string): boolean {
    return new Generations(this.backend.files, this.backend.storeId).hasCheckpoint(seq, crc)
  }
}

function gone(backend: Backend, position: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_POSITION',
    `The changes after position ${position} are not available. ${backend.files.log} and its backups no longer have them, or ` +
      'the store was replaced. What to do: read the state with entries(), and follow the changes from now on.',
    { path: backend.files.log },
  )
}
