import { decodeLine } from '../format/decode.js'
import type { Operation, PartValue } from '../format/record.js'
import { type Encoding, toValue, type ValueText } from '../format/value.js'
import { openCheckpoint } from '../log/checkpoint-opener.js'
import { readCheckpoint } from '../log/checkpoint-reader.js'
import { readMark } from '../log/mark.js'
import { newerVersion, surveyTail } from '../log/record-reader.js'
import type { StoreFiles } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { isLegacyLog } from '../recovery/detect-legacy.js'
import { judgeTail } from '../recovery/judge-tail.js'

/** A parsed line of a log, as `readLogEntries` returns it. */
export interface LogEntry {
  timestamp: string
  /** The number of the record; in a log of format 0, the number of the line. */
  seq: number
  op: 'SET' | 'DELETE' | 'BATCH' | 'CHECKPOINT'
  key?: string
  prefix?: string
  value?: unknown
  encoding?: Encoding
  expires?: number
  ops?: Pick<LogEntry, 'op' | 'key' | 'value' | 'encoding' | 'expires'>[]
  /** The new state, in a SET that replaces everything. */
  data?: Record<string, unknown>
  /** The whole state, in a CHECKPOINT. */
  state?: Record<string, unknown>
  compactedAt?: string
}

/** Yields the checkpoint and then the records in order, without a torn tail and without damaged lines. */
export async function* iterateEntries(files: StoreFiles): AsyncGenerator<LogEntry, void, undefined> {
  const file = openLogFile(files)
  if (!file) return
  try {
    const slices = files.slices()
    if (await isLegacyLog(file, false, slices)) yield* legacyEntries(file, slices)
    else yield* entries(files, file)
  } catch (error) {
    throw ioError('read', files.log, error)
  } finally {
    file.close()
  }
}

/** True if the log has anything to compact: records after its checkpoint, or lines of format 0. */
export async function hasRecordsToCompact(files: StoreFiles): Promise<boolean> {
  const file = openLogFile(files)
  if (!file) return false
  try {
    const slices = files.slices()
    if (await isLegacyLog(file, false, slices)) return true
    const { end } = await openCheckpoint(file, slices, false)
    return end < file.status().sizeBytes
  } catch (error) {
    throw ioError('read', files.log, error)
  } finally {
    file.close()
  }
}

function openLogFile(files: StoreFiles): OpenFile | undefined {
  try {
    return files.status(files.log) && files.open(files.log, 'read')
  } catch (error) {
    throw ioError('read', files.log, error)
  }
}

async function* legacyEntries(file: OpenFile, slices: Slices): AsyncGenerator<LogEntry, void, undefined> {
  const { readLegacyRecords } = await import('../legacy/read-legacy.js')
  for await (const { seq, line } of readLegacyRecords(file, slices)) {
    const { timestamp } = line
    if (line.kind === 'record') yield toEntry(line.operation, timestamp, seq)
    else {
      const { compactedAt } = line
      const state = toObject(line.state)
      yield { timestamp, seq, op: 'CHECKPOINT', state, ...(compactedAt !== undefined && { compactedAt }) }
    }
  }
}

async function* entries(files: StoreFiles, file: OpenFile): AsyncGenerator<LogEntry, void, undefined> {
  const slices = files.slices()
  const state: [string, ValueText][] = []
  const add = (values: readonly PartValue[]) => {
    for (const { key, value } of values) state.push([key, value])
  }
  const checkpoint = await readCheckpoint(file, slices, add)
  if (checkpoint.newer) throw newerVersion(files.log, checkpoint.newer.offset, checkpoint.newer.what)
  const { header, seq = 0 } = checkpoint
  const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: seq }
  const survey = await surveyTail(file, start, slices)
  // Without this check, a log that cannot be read would look like an empty store.
  if (!header && checkpoint.parts === 0 && !survey.some((line) => line.kind === 'record')) throw nothingReadable(files)
  yield {
    timestamp: checkpoint.timestamp,
    seq,
    op: 'CHECKPOINT',
    state: toObject(state),
    ...(header && { compactedAt: header.compactedAt }),
  }
  const markSeq = readMark(files)?.seq ?? 0
  const { kept } = judgeTail({ survey, afterSeq: seq, markSeq, sizeBytes: file.status().sizeBytes })
  for (const line of kept) {
    const bytes = Buffer.alloc(line.length - (line.ended ? 1 : 0))
    file.read(bytes, line.offset)
    const record = decodeLine(bytes)
    if (record.kind !== 'record') throw changed(files, line.offset)
    yield toEntry(record.operation, record.timestamp, record.seq)
    if (slices.isDue()) await slices.pause()
  }
}

function nothingReadable(files: StoreFiles): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `No line of ${files.log} can be read. What to do: open the store, which continues from the newest usable backup. If ` +
      'there is none, restore the file.',
    { path: files.log, offset: 0 },
  )
}

function changed(files: StoreFiles, offset: number): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${files.log} changed while it was being read, at byte ${offset}. What to do: read it again.`,
    { path: files.log, offset },
  )
}

function toEntry(operation: Operation, timestamp: string, seq: number): LogEntry {
  return { timestamp, seq, ...fieldsOf(operation) }
}

function fieldsOf(operation: Operation): Omit<LogEntry, 'timestamp' | 'seq'> {
  switch (operation.kind) {
    case 'set': {
      const { key, value, expires } = operation
      return {
        op: 'SET',
        key,
        ...(expires !== undefined && { expires }),
        ...(value.encoding !== undefined && { encoding: value.encoding }),
        value: toValue({ text: value.text }, key),
      }
    }
    case 'delete':
      return { op: 'DELETE', key: operation.key }
    case 'clear':
      return { op: 'DELETE', prefix: operation.prefix }
    case 'replace':
      return { op: 'SET', data: toObject(operation.data) }
    case 'batch':
      return { op: 'BATCH', ops: operation.operations.map(fieldsOf) }
  }
}

function toObject(pairs: readonly (readonly [string, ValueText])[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(([key, value]) => [key, toValue({ text: value.text }, key)]))
}
