import { FlatlogError } from '../base/errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { readLines } from '../log/line-reader.js'
import { backupsAmong } from '../log/names.js'
import { decodeLine } from '../record/decode.js'
import type { LogRecord } from '../record/record.js'
import type { CheckpointPlace, Engine } from './engine.js'
import { type Change, changesOf } from './events.js'

/**
 * Acknowledged changes behind a position, first from the files, then as they come. Nothing is held in memory for a
 * follower that is slow: it reads from the log at its own pace, and across a compaction from the backups.
 */
export async function* followChanges(
  engine: Engine,
  since: string | undefined,
  signal: AbortSignal | undefined,
  isClosed: () => boolean,
): AsyncGenerator<Change, void, undefined> {
  const reader = new RecordReader(engine)
  let position = since === undefined ? engine.acknowledged : find(engine, reader, since)
  const isOver = () => signal?.aborted === true || isClosed()
  const wake = () => engine.events.wakeWaiting()
  signal?.addEventListener('abort', wake, { once: true })
  try {
    while (!isOver()) {
      const until = engine.acknowledged.seq
      if (position.seq >= until) {
        await engine.events.nextChange()
        continue
      }
      const records = reader.read(position.seq, until)
      if (records.length === 0) throw gone(engine, `${position.seq}:${position.crc}`)
      for (const { timestamp, seq, crc, operation } of records) {
        position = { seq, crc }
        for (const change of changesOf(timestamp, seq, crc, operation)) {
          if (isOver()) return
          yield change
        }
      }
    }
  } finally {
    signal?.removeEventListener('abort', wake)
  }
}

const POSITION = /^(\d+):([0-9a-f]{8}|)$/

/** The record that the position names; a seq alone would not do, as one that was cut from a torn tail is given again. */
function find(engine: Engine, reader: RecordReader, since: unknown): { seq: number; crc: string } {
  const [, digits, crc = ''] = (typeof since === 'string' && POSITION.exec(since)) || []
  const seq = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(seq)) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option since is ${JSON.stringify(since)}; what is expected is the position of a change, such as "42:20fe2fc0".`,
    )
  }
  const { acknowledged } = engine
  if (acknowledged.seq === seq && acknowledged.crc === crc) return acknowledged
  // Before the first record there is nothing whose checksum could be asked for.
  if (seq === 0 && crc === '' && (engine.checkpoint.seq === 0 || reader.read(0, 1).length === 1)) return { seq, crc }
  if (seq > 0 && seq <= acknowledged.seq && reader.read(seq - 1, seq)[0]?.crc === crc) return { seq, crc }
  throw gone(engine, String(since))
}

/** As many records as are read at once; no file stays open while a follower takes its time. */
const BATCH_RECORDS = 256

class RecordReader {
  /** Where reading goes on, as long as the log is the same file. */
  #next: { readonly checkpoint: CheckpointPlace; readonly seq: number; readonly offset: number } | undefined

  constructor(private readonly engine: Engine) {}

  /** Records after `seq`, at most up to `until`, without a gap; none where they are gone. */
  read(seq: number, until: number): LogRecord[] {
    const { system, paths, checkpoint, storeId } = this.engine
    const { fileSystem } = system
    const records: LogRecord[] = []
    const last = Math.min(until, seq + BATCH_RECORDS)
    const known = this.#next?.checkpoint === checkpoint && this.#next.seq === seq + 1 ? this.#next.offset : undefined
    const files = known === undefined ? this.#generations(seq) : [{ path: paths.log, offset: known }]
    for (const { path, offset } of files) {
      const end = readRecords(fileSystem, path, offset, storeId, seq + 1 + records.length, last, records)
      if (path === paths.log) this.#next = { checkpoint, seq: seq + 1 + records.length, offset: end }
      if (seq + records.length >= last) break
    }
    return records
  }

  /** The backups that hold what the log's checkpoint has swallowed, the oldest first, and the log. */
  #generations(seq: number): { path: string; offset: number }[] {
    const { system, paths, checkpoint } = this.engine
    const log = { path: paths.log, offset: 0 }
    if (seq >= checkpoint.seq) return [{ ...log, offset: checkpoint.bytes }]
    const backups = backupsAmong(paths, system.fileSystem.list(paths.logDirectory)).filter((each) => each.lastSeq > seq)
    return [...backups.reverse().map(({ path }) => ({ path, offset: 0 })), log]
  }
}

/** Appends the records from `first` to `last` as far as the file has them in a row; returns where the last one ends. */
function readRecords(
  fileSystem: FileSystem,
  path: string,
  offset: number,
  store: string,
  first: number,
  last: number,
  records: LogRecord[],
): number {
  const file = fileSystem.open(path, 'read')
  let next = first
  let end = offset
  try {
    for (const raw of readLines(file, offset)) {
      const line = decodeLine(raw.bytes)
      if (line.kind === 'header' && line.store !== store) break
      if (line.kind !== 'record' || line.seq !== next || !raw.ended) continue
      records.push(line)
      end = raw.offset + raw.length
      if (next++ === last) break
    }
  } finally {
    file.close()
  }
  return end
}

function gone(engine: Engine, position: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_POSITION',
    `The changes behind position ${position} are not in ${engine.paths.log} or its backups any more, or the position is of ` +
      'another history of the store. What to do: read the state with entries(), and follow from now on.',
    { path: engine.paths.log },
  )
}
