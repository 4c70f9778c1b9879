import { decodeLine } from '../format/decode.js'
import type { LogRecord } from '../format/record.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import { Generations } from '../log/generations.js'
import { readLines } from '../log/line-reader.js'
import type { Slices } from '../platform/clock.js'
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
  end: EndOfChanges,
): AsyncGenerator<Change, void, undefined> {
  // Without `since`, changes start at this call, not when the caller first awaits one.
  return follow(backend, since ?? backend.acknowledged, end)
}

/** What ends the changes. */
export interface EndOfChanges {
  readonly signal: AbortSignal | undefined
  /** `Events.wakeWaiting` must be called when it becomes true. */
  isClosed(): boolean
}

async function* follow(
  backend: Backend,
  start: string | RecordPosition,
  { signal, isClosed }: EndOfChanges,
): AsyncGenerator<Change, void, undefined> {
  const reader = new ChangeReader(backend)
  let position = typeof start === 'object' ? start : parsePosition(start)
  /** The version of the history that has the position; undefined if that is not known. */
  let historyVersion = position === start ? backend.historyVersion : undefined
  const isOver = () => signal?.aborted === true || isClosed()
  const wake = () => backend.events.wakeWaiting()
  signal?.addEventListener('abort', wake, { once: true })
  try {
    while (!isOver()) {
      if (backend.historyVersion !== historyVersion) {
        historyVersion = backend.historyVersion
        const isFound = await isThere(backend, reader, position, isOver)
        if (!isFound && !isOver()) throw gone(backend, position)
        continue
      }
      const until = backend.acknowledged.seq
      if (position.seq >= until) {
        await backend.events.nextChange()
        continue
      }
      const records = reader.read(position.seq, until)
      if (!records) throw gone(backend, position)
      for (const record of records) {
        position = { seq: record.seq, crc: record.crc }
        for (const change of changesOf(record)) {
          if (isOver()) return
          yield change
        }
      }
      await reader.pauseIfDue()
    }
  } finally {
    signal?.removeEventListener('abort', wake)
  }
}

const POSITION = /^(\d+):([0-9a-f]{8})$/

function parsePosition(since: unknown): RecordPosition {
  const [, digits, crc = ''] = (typeof since === 'string' && POSITION.exec(since)) || []
  const seq = Number(digits)
  if (digits !== undefined && Number.isSafeInteger(seq)) return { seq, crc }
  throw invalidOption('since', since, 'the position of a change, such as "42:20fe2fc0"')
}

/** Looks for the record. Its seq alone is not enough: after a torn tail is cut off, its seqs are used again. */
async function isThere(
  backend: Backend,
  reader: ChangeReader,
  { seq, crc }: RecordPosition,
  isOver: () => boolean,
): Promise<boolean> {
  const { acknowledged, checkpoint } = backend
  if (acknowledged.seq === seq && acknowledged.crc === crc) return true
  // The position of a log without records after its checkpoint has the checksum of the header.
  if (seq === checkpoint.seq && crc === checkpoint.crc) return true
  if (reader.hasCheckpoint(seq, crc)) return true
  while (!isOver() && seq > 0 && seq <= backend.acknowledged.seq) {
    const records = reader.read(seq - 1, seq)
    if (!records || records[0]) return records?.[0]?.crc === crc
    await reader.pauseIfDue()
  }
  return false
}

/** The most records that one read returns. */
const BATCH_RECORDS = 256

/** Reads records in slices. Backups are not kept open between reads, however slow the caller is. */
class ChangeReader {
  readonly #slices: Slices
  #isSliceOver = false
  /** Where to look for the record `next`: an offset in a backup (by its path) or in the log (by its checkpoint). */
  #place: { readonly source: string | CheckpointPlace; readonly next: number; readonly offset: number } | undefined

  constructor(private readonly backend: Backend) {
    this.#slices = backend.files.slices()
  }

  /** Lets other tasks run if the slice is over. They may replace the log. */
  async pauseIfDue(): Promise<void> {
    if (this.#isSliceOver) await this.#slices.pause()
    this.#isSliceOver = false
  }

  /**
   * Records after `seq` without a gap, at most up to `until`. Empty if the slice ends before the first of them is found;
   * undefined if they no longer exist.
   */
  read(seq: number, until: number): LogRecord[] | undefined {
    const { checkpoint, logFile } = this.backend
    if (seq < checkpoint.seq) return this.#readBackups(seq + 1, Math.min(until, checkpoint.seq))
    return logFile && this.#readFile(logFile, checkpoint, checkpoint.bytes, seq + 1, until)
  }

  #readBackups(next: number, last: number): LogRecord[] | undefined {
    const generations = new Generations(this.backend.files, this.backend.storeId)
    const backups = generations.backups.filter(({ lastSeq }) => lastSeq >= next).reverse()
    const place = this.#place?.next === next ? backups.findIndex(({ path }) => path === this.#place?.source) : -1
    // The backups before the place do not have the record.
    for (const backup of backups.slice(Math.max(place, 0))) {
      const file = generations.open(backup)
      if (!file) continue
      try {
        const records = this.#readFile(file, backup.path, 0, next, last)
        if (records) return records
      } finally {
        file.close()
      }
    }
    return undefined
  }

  #readFile(
    file: OpenFile,
    source: string | CheckpointPlace,
    start: number,
    next: number,
    last: number,
  ): LogRecord[] | undefined {
    const records: LogRecord[] = []
    const place = this.#place
    const offset = place?.source === source && place.next === next ? place.offset : start
    for (const raw of readLines(file, { start: offset })) {
      const line = decodeLine(raw.bytes)
      if (line.kind === 'record' && line.seq === next) {
        records.push(line)
        next++
      }
      this.#isSliceOver = this.#slices.isDue(raw.length)
      if (next > last || records.length === BATCH_RECORDS || this.#isSliceOver) {
        this.#place = { source, next, offset: raw.offset + raw.length }
        return records
      }
    }
    return records.length > 0 ? records : undefined
  }

  /** True if a former generation starts with that checkpoint. */
  hasCheckpoint(seq: number, crc: string): boolean {
    return new Generations(this.backend.files, this.backend.storeId).hasCheckpoint(seq, crc)
  }
}

function gone(backend: Backend, { seq, crc }: RecordPosition): FlatlogError {
  return new FlatlogError(
    'FLATLOG_POSITION',
    `The changes after position ${seq}:${crc} are not available. ${backend.files.log} and its backups no longer have them, or ` +
      'the store was replaced. What to do: read the state with entries(), and follow the changes from now on.',
    { path: backend.files.log },
  )
}
