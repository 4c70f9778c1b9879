import { decodeLine } from '../format/decode.js'
import type { LogRecord } from '../format/record.js'
import { readLine, readLines } from '../log/line-reader.js'
import { backupsAmong } from '../log/store-files.js'
import { FlatlogError, systemCode } from '../platform/errors.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import type { Backend, CheckpointPlace, RecordPosition } from './backend.js'
import { type Change, changesOf } from './events.js'

/**
 * Yields acknowledged changes after a position: first from the files, then as they come. A slow reader costs no memory:
 * it reads from the log at its own pace, and across a compaction from the backups.
 */
export function followChanges(
  backend: Backend,
  since: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  // "From now on" means from this call, not from the first time that the caller awaits a change.
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

/** The record that the position names; a seq alone would not do, as one that was cut from a torn tail is given again. */
function find(backend: Backend, reader: RecordReader, since: unknown): RecordPosition {
  const [, digits, crc = ''] = (typeof since === 'string' && POSITION.exec(since)) || []
  const seq = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(seq)) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option since is ${JSON.stringify(since)}; what is expected is the position of a change, such as "42:20fe2fc0".`,
    )
  }
  if (!isThere(backend, reader, { seq, crc })) throw gone(backend, String(since))
  return { seq, crc }
}

function isThere({ acknowledged, checkpoint }: Backend, reader: RecordReader, { seq, crc }: RecordPosition): boolean {
  if (acknowledged.seq === seq && acknowledged.crc === crc) return true
  // Where the log had nothing but its checkpoint, the position bears the checksum of the header.
  if (seq === checkpoint.seq && crc === checkpoint.crc) return true
  if (reader.hasCheckpoint(seq, crc)) return true
  return seq > 0 && seq <= acknowledged.seq && reader.read(seq - 1, seq)[0]?.crc === crc
}

/** As many records as are read at once; no file is kept open while a follower takes its time. */
const BATCH_RECORDS = 256

class RecordReader {
  /** Where reading goes on, as long as the log is the same file. */
  #next: { readonly checkpoint: CheckpointPlace; readonly seq: number; readonly offset: number } | undefined

  constructor(private readonly backend: Backend) {}

  /** Records after `seq`, at most up to `until`, without a gap; none where they are gone. */
  read(seq: number, until: number): LogRecord[] {
    const { checkpoint, storeId, logFile } = this.backend
    const wanted: Wanted = { store: storeId, next: seq + 1, last: Math.min(until, seq + BATCH_RECORDS), records: [] }
    if (seq < checkpoint.seq) this.#readBackups(seq, wanted)
    if (logFile && wanted.next <= wanted.last) {
      const isKnown = this.#next?.checkpoint === checkpoint && this.#next.seq === wanted.next
      const end = readRecords(logFile, isKnown ? (this.#next?.offset as number) : checkpoint.bytes, wanted)
      this.#next = { checkpoint, seq: wanted.next, offset: end }
    }
    return wanted.records
  }

  /** Whether a former generation began with that checkpoint. */
  hasCheckpoint(seq: number, crc: string): boolean {
    const { machine, paths } = this.backend
    const { fileSystem } = machine
    return backupsAmong(paths, fileSystem.list(paths.logDirectory)).some(({ path }) => {
      const file = openIfThere(fileSystem, path)
      if (!file) return false
      try {
        const first = readLine(file, 0)
        const line = first && decodeLine(first.bytes)
        return line?.kind === 'header' && line.seq === seq && line.crc === crc
      } finally {
        file.close()
      }
    })
  }

  /** What the log's checkpoint has swallowed, from the oldest backup that has it on. */
  #readBackups(seq: number, wanted: Wanted): void {
    const { machine, paths } = this.backend
    const { fileSystem } = machine
    const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory)).filter((backup) => backup.lastSeq > seq)
    for (const { path } of backups.reverse()) {
      if (wanted.next > wanted.last) return
      const file = openIfThere(fileSystem, path)
      if (!file) continue
      try {
        readRecords(file, 0, wanted)
      } finally {
        file.close()
      }
    }
  }
}

/** The writer may be another process, and remove a backup that was there a moment ago. */
function openIfThere(fileSystem: FileSystem, path: string): OpenFile | undefined {
  try {
    return fileSystem.open(path, 'read')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return undefined
  }
}

interface Wanted {
  readonly store: string | undefined
  readonly last: number
  readonly records: LogRecord[]
  next: number
}

/** Takes the records that are wanted as far as the file has them in a row; returns where the last one ends. */
function readRecords(file: OpenFile, offset: number, wanted: Wanted): number {
  let end = offset
  for (const raw of readLines(file, offset)) {
    const line = decodeLine(raw.bytes)
    if (line.kind === 'header' && line.store !== wanted.store) break
    if (line.kind !== 'record' || line.seq !== wanted.next || !raw.ended) continue
    wanted.records.push(line)
    end = raw.offset + raw.length
    if (wanted.next++ === wanted.last) break
  }
  return end
}

function gone(backend: Backend, position: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_POSITION',
    `The changes behind position ${position} are not in ${backend.paths.log} or its backups any more, or the position is of ` +
      'another history of the store. What to do: read the state with entries(), and follow from now on.',
    { path: backend.paths.log },
  )
}
